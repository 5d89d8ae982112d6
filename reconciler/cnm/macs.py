"""A MAC stands for one endpoint of a segment, or for the host itself: it is a static entry of a bridge, and
macvlan knows its links by nothing else."""

from collections.abc import Iterator, Sequence

from ..errors import ManifestError, Where
from ..inventory.facts import Facts
from .topology import Network

Holder = tuple[str, Where | None]  # who has it, and the place in the manifests


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Derived MACs never meet; written ones may, also across projects that share a segment, and hosts."""
    held: dict[tuple[str, str], Holder] = {
        (segment, mac): (f"{sandbox} of project {project}", None)
        for segment, mac, sandbox, project in facts.macs
    }
    for network in networks:
        segment = network.carrier.segment
        held |= {(segment, mac): holder for mac, holder in beforehand(network, facts)}
    for network in networks:
        segment = network.carrier.segment
        for endpoint in network.endpoints:
            key = segment, endpoint.mac
            if segment and key in held:
                who, where = held[key]
                yield ManifestError(
                    f"MAC {endpoint.mac} on network {network.name} is taken: {who} has it",
                    "leave `mac_address` out, or choose another",
                    endpoint.where,
                    (where, "its other holder") if where else None,
                )
            if endpoint.mac:  # on ipvlan it is the parent's
                held.setdefault(key, (endpoint.sandbox, endpoint.where))


def beforehand(network: Network, facts: Facts) -> Iterator[tuple[str, Holder]]:
    """The MACs of the host's own link, and of what stands on other hosts."""
    if network.carrier.own_link and not network.external:
        yield network.mac, (f"the host's own link of network {network.name}", network.spec.where)
    for mac, host in network.carrier.elsewhere if facts.name else ():  # without, all of them stand here
        yield mac, (f"an endpoint of host {host}", None)

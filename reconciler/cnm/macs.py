"""A MAC stands for one endpoint of a bridge, or for the bridge itself: it is a static entry there."""

from collections.abc import Iterator, Sequence

from ..errors import ManifestError, Where
from ..facts import Facts
from .topology import Network

Holder = tuple[str, Where | None]  # who has it, and the place in the manifests


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Derived MACs never meet; written ones may, also across the projects that share a bridge."""
    held: dict[tuple[str, str], Holder] = {
        (bridge, mac): (f"{sandbox} of project {project}", None)
        for bridge, mac, sandbox, project in facts.macs
    }
    bridged = [network for network in networks if network.bridge]
    for network in bridged:
        if not network.standing:
            held[network.bridge, network.mac] = f"the bridge of network {network.name}", network.spec.where
    for network in bridged:
        for endpoint in network.endpoints:
            key = network.bridge, endpoint.mac
            if key in held:
                who, where = held[key]
                yield ManifestError(
                    f"MAC {endpoint.mac} on network {network.name} is taken: {who} has it",
                    "leave `mac_address` out, or choose another",
                    endpoint.where,
                    (where, "its other holder") if where else None,
                )
            held.setdefault(key, (endpoint.sandbox, endpoint.where))

"""A MAC stands for one endpoint of a segment, or for the host itself: it is a static entry of a bridge, and
macvlan knows its links by nothing else."""

from collections.abc import Iterator, Sequence

from ..errors import Finding, ManifestError, Where
from ..inventory.facts import Facts
from ..kinds import names
from ..mistakes import AddressTaken
from .topology import Network

OWN = "bridge"  # who it is, where a link is the host's
Holder = tuple[str, Where | None]  # who has it, and the place in the manifests


def on_lan(network: str, who: str, address: str, standing: str, machine: str) -> str:
    """Another machine of a LAN may have the same manifest, a clone even the same id, but none its address:
    the MAC follows from all three.  What stands keeps its own, whatever its address has become, and what an
    earlier version made, but none that somebody else gave it."""
    ident = names.network_id(network, machine)
    if names.is_mac_on_lan(standing, ident, who) or standing in names.early_macs(network, machine, who):
        return standing
    return names.mac_on_lan(ident, who, address)


def findings(networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
    yield from conflicts(networks, facts)
    yield from kept(networks, facts)


def kept(networks: Sequence[Network], facts: Facts) -> Iterator[str]:
    """Of each network on a LAN, who has a MAC of an earlier version, which knew of no other machine."""
    for network in (network for network in networks if network.carrier.on_lan):
        ends = [(OWN, "the host", network.mac)] if network.carrier.own_link and not network.external else []
        ends += [(end.sandbox, end.sandbox, end.mac) for end in network.endpoints]
        early = [who for seed, who, mac in ends if mac in names.early_macs(network.name, facts.machine, seed)]
        if early:
            who = early[0] + f" and {len(early) - 1} more" * (len(early) > 1)
            why = "which another machine with this manifest may have as well"
            yield f"{who} on network {network.name}: a MAC of an earlier version, until made anew, {why}"


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Derived MACs never meet; written ones may, also across projects that share a segment, and hosts."""
    wanted = {(network.carrier.segment, end.mac) for network in networks for end in network.endpoints}
    held: dict[tuple[str, str], Holder] = {
        one[:2]: (f"{one.sandbox} of project {one.project}", None) for one in facts.macs if one[:2] in wanted
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
                yield AddressTaken(
                    f"MAC {endpoint.mac} on network {network.name} is taken: {who} has it",
                    "leave `mac_address` out, or choose another",
                    endpoint.where,
                    (where, "its other holder") if where else None,
                )
            if endpoint.mac:  # on ipvlan it is the parent's
                held.setdefault(key, (endpoint.sandbox, endpoint.where))


def beforehand(network: Network, facts: Facts) -> Iterator[tuple[str, Holder]]:
    """The MACs of the host's own link, and of what stands on other hosts."""
    own = f"the host's own link of network {network.name}"
    if network.carrier.own_link and not network.external:
        yield network.mac, (own, network.spec.where)
    elif network.external and (standing := facts.networks.get(network.name)):  # of another run, maybe
        yield standing.mac, (own, None)
    for mac, host in network.carrier.elsewhere if facts.name else ():  # without, all of them stand here
        yield mac, (f"an endpoint of host {host}", None)

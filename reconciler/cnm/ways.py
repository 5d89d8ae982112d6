"""The ways out of a container: which of its networks has a gateway for it, and which of these leads on."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from ..family import family
from ..inventory.facts import Facts
from ..manifest.spec import EndpointSpec
from .ipam import Range
from .topology import Network, Subnet


def ways_out(network: Network, sandbox: str, facts: Facts) -> list[Subnet]:
    """The subnets in which it has a gateway.  On a LAN where none is written, nor known of the host's own
    routes, what stands keeps the one it has, unless that is the host."""
    found = [subnet for subnet in network.subnets if subnet.gateway]
    if not network.carrier.on_lan:
        return found
    kept = [via for via in facts.ways.get((sandbox, network.home), ()) if via not in facts.addresses]
    bare = [s for s in network.subnets if s.family not in {subnet.family for subnet in found}]
    near = ((s, via) for s in bare for via in kept if Range.within(s.cidr, via))
    return found + [Subnet(cidr=s.cidr, gateway=via) for s, via in near]


def leader(
    number: int, attached: Sequence[tuple[Network, EndpointSpec]], ways: Mapping[str, Sequence[Subnet]]
) -> EndpointSpec | None:
    """Who holds the default route: the highest gw_priority, then the first by name, as in Docker."""
    able = [
        (network, end)
        for network, end in attached
        if not network.spec.internal
        and any(s.family == number for s in ways[network.name])
        # A bridge of ours that is the gateway is so in the first VLAN alone.
        and (end.vlan <= 1 or not network.inner)
    ]
    return min(able, key=lambda item: (-item[1].gw_priority, item[0].name))[1] if able else None


def gateways(
    network: Network,
    ways: Sequence[Subnet],
    mine: Sequence[tuple[str, int]],
    leading: dict[int, EndpointSpec | None],
    end: EndpointSpec,
) -> Iterator[tuple[str, str]]:
    for ip, _ in mine:
        if leading[family(ip)] is end:
            near = (s for s in ways if s.family == family(ip) and holds(s.cidr, ip, network))
            yield from ((subnet.gateway, ip) for subnet in islice(near, 1))


def holds(cidr: str, ip: str, network: Network) -> bool:
    alone = sum(s.family == family(ip) for s in network.subnets) == 1
    return alone or Range.within(cidr, ip)

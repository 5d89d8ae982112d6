"""A veth pair for each endpoint and no bridge: the host has the gateway at its end, and a route to each.

What containers say to one another goes through the host's routing, and so through its firewall.
"""

from collections.abc import Iterator
from dataclasses import replace

from ..cnm.topology import Endpoint, Network
from ..core.resource import Origin, Resource
from ..family import family
from ..kinds.link import Veth
from ..kinds.overlay import Neighbours
from ..kinds.ownership import HOST
from .endpoint import DEFAULTS, LENGTHS, PlacedLink, addressing
from .firewall.routing_policy import NOWHERE, way_back
from .firewall.ruleset import MapType, Ruleset, filtering

NOBODY = "00:00:00:00:00:00"  # no link can have this MAC
GUARD = Ruleset(
    "inet",
    {
        "guarded_pairs": MapType("ifname")
    },  # the host's ends of those that may send from addresses of their own alone
    {
        "pairs": (
            filtering("prerouting"),
            "ip6 saddr :: accept",
            "iifname @guarded_pairs fib saddr . iif oif missing drop",
        )
    },
)


def lower(network: Network, *, spoofing: bool = False) -> Iterator[Resource]:
    """All that a network of pairs needs; with `spoofing`, containers may send from any address."""
    if not spoofing:
        yield from guard(network)
    for endpoint in network.endpoints:
        yield from pair(network, endpoint, Origin(endpoint.where, network.spec.driver))


def guard(network: Network) -> Iterator[Resource]:
    """What keeps the network's containers to their own addresses, and nobody else's."""
    if network.endpoints:
        yield from GUARD.skeleton()
    for end in network.endpoints:
        origin = Origin(end.where, network.spec.driver)
        yield GUARD.element(network.project, origin, "guarded_pairs", end.host_link)


def pair(network: Network, end: Endpoint, origin: Origin) -> Iterator[Resource]:
    here, there = PlacedLink(HOST, end.host_link, origin), PlacedLink(end.sandbox, end.ifname, origin)
    yield Veth(
        ns=end.sandbox,
        name=end.ifname,
        project=network.project,
        host_name=end.host_link,
        mac=end.mac,
        mtu=network.mtu,
        origin=origin,
    )
    whole = tuple((ip, LENGTHS[family(ip)]) for ip, _ in end.addresses)
    yield from addressing(replace(end, addresses=whole, gateways=()), origin, ipv6=network.ipv6)
    yield from here.ipv6_switches(on=network.ipv6)
    if network.ipv6:
        yield here.address("fe80::1", 64)
    gateways = {subnet.family: subnet.gateway for subnet in network.subnets}
    leads = {family(source) for _, source in end.gateways}
    for ip, length in whole:
        number, via = family(ip), gateways[family(ip)]
        yield here.address(via, length)
        yield here.route(f"{ip}/{length}", src=via)
        near = (subnet.cidr for subnet in network.subnets if subnet.family == number)
        for dst in (DEFAULTS[number],) if number in leads else near:
            yield there.route(dst, via, ip, onlink=True)
        if number == 4:
            yield way_back(here, f"{ip}/{length}", via)
    entries = tuple(sorted([f"{NOWHERE} {NOBODY}", *(f"{ip} {end.mac}" for ip, _ in whole)]))
    own = tuple(filter(None, [gateways.get(4)]))
    yield Neighbours(link=end.host_link, entries=entries, addresses=own, origin=origin)

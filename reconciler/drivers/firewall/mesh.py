"""The routing mesh: connections that come in by one host and lead to a replica on another, and their answers.

On the way there they bear a bit of the mark, and are routed by the host of the replica.  That one knows them
by the MAC of the sender's bridge, remembers it as the connection's mark, and the answers are routed by it.
"""

from collections.abc import Iterator
from dataclasses import replace

from ...cnm.entrance import Departure, Entrance
from ...cnm.topology import HostPolicy, Network, Topology
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.ownership import GROUP, HOST, PRIORITY
from ...kinds.rule import Rule
from ..endpoint import DEFAULTS, LENGTHS, PlacedLink
from .routing_policy import INET
from .rules import CORE, SET
from .ruleset import FIRST, LAST, MapType, Ruleset, filtering

AWAY = 1 << 26  # of the mark: to a replica elsewhere
FROM, KIND = 1 << 25, 0xFE000000  # of connections by other hosts: see cnm/mesh.py
ALL = 0xFFFFFFFF
TABLE = "1090"  # of the ways to replicas elsewhere
TO, BACK = PRIORITY + 5, PRIORITY + 10  # of the rules that lead there, and back: one for each host
CAME = f"ct mark & {KIND:#x} == {FROM:#x}"
LEAD = f"meta mark set meta mark | {AWAY:#x}"

MESH = Ruleset(
    "inet",
    {
        **{name: CORE.maps[name] for name in ("subnets4", "subnets6")},
        "mesh_hosts": MapType("ifname . ether_addr", "mark"),
        "mesh4": MapType("ipv4_addr"),  # replicas on other hosts
        "mesh6": MapType("ipv6_addr"),
        "mesh_near4": MapType("ipv4_addr . ipv4_addr"),  # likewise, each with the addresses of hosts
        "mesh_near6": MapType("ipv6_addr . ipv6_addr"),
    },
    {
        "mesh_in": (
            filtering("prerouting", -150),  # after conntrack
            f"iifgroup != {GROUP} accept",
            f"ct direction reply {CAME} meta mark set ct mark",
            "ct state != new accept",
            "ip saddr @subnets4 accept",
            "ip6 saddr @subnets6 accept",
            "ct mark set iifname . ether saddr map @mesh_hosts",
        ),
        # What containers and hosts ask is masqueraded (`home`, `mesh_near`), and answered on the segment
        # itself: no host would take from another what comes from itself.
        "mesh_ways": (
            filtering("prerouting", LAST - 1),
            "ct direction reply accept",
            f"iifgroup {GROUP} {CAME} ip daddr @subnets4 {SET}",
            f"iifgroup {GROUP} {CAME} ip6 daddr @subnets6 {SET}",
            "ct status & dnat == 0 accept",
            "ip daddr . ip saddr @mesh_near4 accept",
            "ip6 daddr . ip6 saddr @mesh_near6 accept",
            f"ip saddr != @subnets4 ip daddr @mesh4 {LEAD}",
            f"ip6 saddr != @subnets6 ip6 daddr @mesh6 {LEAD}",
        ),
        "mesh_near": (
            "type nat hook postrouting priority 99; policy accept;",
            "ct status & dnat == 0 accept",
            "ip daddr . ip saddr @mesh_near4 masquerade",
            "ip6 daddr . ip6 saddr @mesh_near6 masquerade",
        ),
        "mesh_own": (
            "type route hook output priority 0; policy accept;",
            "ct direction reply accept",
            "ct status & dnat == 0 accept",
            "ip saddr 127.0.0.0/8 accept",
            "ip daddr . ip saddr @mesh_near4 accept",
            "ip6 daddr . ip6 saddr @mesh_near6 accept",
            f"ip saddr != @subnets4 ip daddr @mesh4 {LEAD}",
            f"ip6 saddr != @subnets6 ip6 daddr @mesh6 {LEAD}",
        ),
        # A tunnel's packet has the mark of what it carries, and is not to be led there.
        "mesh_out": (
            filtering("postrouting", FIRST),
            f"meta mark & {KIND:#x} == {FROM:#x} meta mark set 0",
            f"meta mark & {AWAY:#x} == {AWAY:#x} meta mark set meta mark & {ALL ^ AWAY:#x}",
        ),
        # It goes out where it came in, which clients are not to be told of: of IPv6 by whatever link leads to
        # them, and untracked.
        "mesh_redirects": (
            filtering("output", 0),
            f"icmp type redirect {CAME} drop",
            "icmpv6 type nd-redirect drop",
        ),
    },
)


def lower(topology: Topology) -> Iterator[Resource]:
    mesh, networks = topology.mesh, {n.bridge: n for n in topology.networks if not n.external}
    if mesh.ways or mesh.entrances:
        yield from MESH.skeleton()
    for way in mesh.ways:
        yield from outward(networks[way.bridge], way)
    for one in mesh.entrances:
        yield from entrance(networks[one.bridge], one)


def outward(network: Network, way: Departure) -> Iterator[Resource]:
    """To a replica elsewhere, by its host."""
    _, ip, via, hosts = way
    number, origin = family(ip), Origin(network.spec.where, "mesh")
    yield MESH.element(network.project, origin, f"mesh{number}", ip)
    for host in hosts:
        yield MESH.element(network.project, origin, f"mesh_near{number}", f"{ip} . {host}")
    on = PlacedLink(HOST, network.bridge, origin)
    yield replace(on.route(f"{ip}/{LENGTHS[number]}", via, source(network, number)), table=TABLE)


def source(network: Network, number: int) -> str:
    """The host's own address there, which routes of IPv4 state."""
    return next((s.gateway for s in network.subnets if s.family == number == 4), "")


def entrance(network: Network, one: Entrance) -> Iterator[Resource]:
    """By the rules of another host's number its answers go back to it."""
    on = PlacedLink(HOST, one.bridge, Origin(network.spec.where, "mesh"))
    known = f"{one.bridge} . {one.mac}", f"{one.mark:#010x}"
    yield MESH.element(network.project, on.origin, "mesh_hosts", *known)
    # Linux looks for the way back of what comes in, and finds it elsewhere; 2 is content with any.
    yield on.sysctl("net/ipv4/conf/IFNAME/rp_filter", "2")
    for via in one.gateways:
        number = family(via)
        yield replace(on.route(DEFAULTS[number], via, source(network, number)), table=str(one.mark))
        yield Rule(
            family=INET[number],
            priority=str(BACK + one.number),
            iif=one.bridge,
            mark=one.mark,
            mask=ALL,
            action="lookup",
            table=str(one.mark),
        )


def ways(policy: HostPolicy) -> Iterator[Resource]:
    """The rules that lead to replicas elsewhere, whosesoever."""
    for number in policy.meshed:
        yield Rule(family=INET[number], priority=str(TO), mark=AWAY, mask=AWAY, action="lookup", table=TABLE)

"""The routing mesh: connections that come in by one host and lead to a replica on another, and their answers.

On the way there they bear a bit of the mark, and are routed by the host of the replica.  That one knows them
by the MAC of the sender's bridge, remembers it as the connection's mark, and the answers are routed by it.

To replicas on routed networks they go over a network of the hosts alone, which nothing else crosses.
"""

from collections.abc import Iterator
from dataclasses import replace

from ...cnm.entrance import Departure, Door, Entrance
from ...cnm.topology import HostPolicy, Network, Topology
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.ownership import GROUP, HOST, PRIORITY
from ...kinds.rule import Rule
from ..endpoint import DEFAULTS, LENGTHS, PlacedLink
from .routing_policy import INET
from .rules import CORE, ELSEWHERE, SET, WIRE
from .ruleset import FIRST, LAST, MapType, Ruleset, filtering

AWAY = 1 << 26  # of the mark: to a replica elsewhere
FROM, KIND = 1 << 25, 0xFE000000  # of connections by other hosts: see cnm/mesh.py
ALL = 0xFFFFFFFF
TABLE = "1090"  # of the ways to replicas elsewhere
LOOPED = "1091"  # and of those to routed networks, for what comes from the host's loopback
LOOPBACK = "127.0.0.0/8"
TO, OWN, BACK = PRIORITY + 5, PRIORITY + 6, PRIORITY + 10  # of the rules: one for each host leads back
CAME = f"ct mark & {KIND:#x} == {FROM:#x}"
LEAD = f"meta mark set meta mark | {AWAY:#x}"
BETWEEN_HOSTS = (
    f"ip daddr @remote4 ip daddr @mesh4 {LEAD} accept",
    f"ip6 daddr @remote6 ip6 daddr @mesh6 {LEAD} accept",
)

MESH = Ruleset(
    "inet",
    {
        **{name: CORE.maps[name] for name in ("subnets4", "subnets6")},
        **ELSEWHERE.maps,
        "mesh_hosts": MapType("ifname . ether_addr", "mark"),
        "mesh4": MapType("ipv4_addr"),  # replicas on other hosts
        "mesh6": MapType("ipv6_addr"),
        "mesh_near4": MapType("ipv4_addr . ipv4_addr"),  # likewise, each with the addresses of hosts
        "mesh_near6": MapType("ipv6_addr . ipv6_addr"),
        "mesh_doors4": MapType(f"ifname . ipv4_addr . {WIRE}"),  # what may come over those of hosts alone
        "mesh_doors6": MapType(f"ifname . ipv6_addr . {WIRE}"),
    },
    {
        "mesh_in": (
            filtering("prerouting", -150),  # after conntrack
            f"iifgroup != {GROUP} accept",
            f"ct direction reply {CAME} meta mark set ct mark",
            # To conntrack it is one connection when a client asks several hosts from one UDP port.
            f"ct direction original {CAME} ct mark set iifname . ether saddr map @mesh_hosts",
            "ct state established,related accept",
            "iifname @mesh_links goto mesh_between",
            "ct state != new accept",
            "ip saddr @subnets4 accept",
            "ip6 saddr @subnets6 accept",
            "ct mark set iifname . ether saddr map @mesh_hosts",
        ),
        "mesh_between": (
            "",
            "ct mark set iifname . ether saddr map @mesh_hosts",
            f"ct mark & {KIND:#x} != {FROM:#x} drop",
            "iifname . ip daddr . meta l4proto . th dport @mesh_doors4 accept",
            "iifname . ip6 daddr . meta l4proto . th dport @mesh_doors6 accept",
            "drop",
        ),
        # What containers and hosts ask is masqueraded (`home`, `mesh_near`), and answered on the segment
        # itself: no host would take from another what comes from itself.  Between hosts alone all is led.
        "mesh_ways": (
            filtering("prerouting", LAST - 1),
            "ct direction reply accept",
            f"iifgroup {GROUP} {CAME} ip daddr @subnets4 {SET}",
            f"iifgroup {GROUP} {CAME} ip6 daddr @subnets6 {SET}",
            "ct status & dnat == 0 accept",
            *BETWEEN_HOSTS,
            "ip saddr @remote4 accept",
            "ip6 saddr @remote6 accept",
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
            "ip saddr @remote4 ip daddr @mesh4 masquerade",
            "ip6 saddr @remote6 ip6 daddr @mesh6 masquerade",
        ),
        "mesh_own": (
            "type route hook output priority 0; policy accept;",
            "ct direction reply accept",
            "ct status & dnat == 0 accept",
            f"ip saddr {LOOPBACK} accept",
            *BETWEEN_HOSTS,
            "ip daddr . ip saddr @mesh_near4 accept",
            "ip6 daddr . ip6 saddr @mesh_near6 accept",
            f"ip saddr != @subnets4 ip daddr @mesh4 {LEAD}",
            f"ip6 saddr != @subnets6 ip6 daddr @mesh6 {LEAD}",
        ),
        # A tunnel's packet has the mark of what it carries, and is not to be led there.  Both ends of a TCP
        # connection are told as it begins how much hosts carry to one another: a socket of the host takes no
        # notice of ICMP errors about what never left it (tcp_v4_err: out of window).
        "mesh_out": (
            filtering("postrouting", FIRST),
            "tcp flags syn oifname @mesh_links tcp option maxseg size set rt mtu",
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
    between = [network for network in networks.values() if network.spec.hosts_only]
    if between or mesh.ways or mesh.entrances:
        yield from MESH.skeleton()
    for network in between:
        on = PlacedLink(HOST, network.bridge, Origin(network.spec.where, "mesh"))
        yield MESH.element(network.project, on.origin, "mesh_links", network.bridge)
        yield from any_way_back(on)
    for way in mesh.ways:
        yield from outward(networks[way.bridge], way)
    for one in mesh.entrances:
        yield from entrance(networks[one.bridge], one)
    for door in mesh.doors:
        yield from doorway(networks[door.home], door)


def any_way_back(on: PlacedLink) -> Iterator[Resource]:
    """Linux looks for the way back of what comes in, and finds it elsewhere; 2 is content with any."""
    yield on.sysctl("net/ipv4/conf/IFNAME/rp_filter", "2")


def outward(network: Network, way: Departure) -> Iterator[Resource]:
    """To a replica elsewhere, by its host."""
    _, ip, via, hosts = way
    number, origin = family(ip), Origin(network.spec.where, "mesh")
    yield MESH.element(network.project, origin, f"mesh{number}", ip)
    for host in hosts:
        yield MESH.element(network.project, origin, f"mesh_near{number}", f"{ip} . {host}")
    on = PlacedLink(HOST, network.bridge, origin)
    route = on.route(f"{ip}/{LENGTHS[number]}", via, source(network, number))
    yield replace(route, table=TABLE)
    if network.spec.hosts_only and number == 4:
        yield replace(route, table=LOOPED)


def source(network: Network, number: int) -> str:
    """The host's own address there, which routes of IPv4 state."""
    return next((s.gateway for s in network.subnets if s.family == number == 4), "")


def entrance(network: Network, one: Entrance) -> Iterator[Resource]:
    """By the rules of another host's number its answers go back to it."""
    on = PlacedLink(HOST, one.bridge, Origin(network.spec.where, "mesh"))
    known = f"{one.bridge} . {one.mac}", f"{one.mark:#010x}"
    yield MESH.element(network.project, on.origin, "mesh_hosts", *known)
    yield from any_way_back(on)
    for via in one.gateways:
        number = family(via)
        yield replace(on.route(DEFAULTS[number], via, source(network, number)), table=str(one.mark))
        for home in one.homes:
            yield Rule(
                family=INET[number],
                priority=str(BACK + one.number),
                iif=home,
                mark=one.mark,
                mask=ALL,
                action="lookup",
                table=str(one.mark),
            )


def doorway(network: Network, door: Door) -> Iterator[Resource]:
    """From the one bridge to the other; answers pass as all do."""
    over, home, ip, protocol, (first, last) = door
    origin = Origin(network.spec.where, "mesh")
    yield CORE.element(network.project, origin, "same_network", f"{over} . {home}")
    for port in range(first, last + 1):
        item = f"{over} . {ip} . {protocol} . {port}"
        yield MESH.element(network.project, origin, f"mesh_doors{family(ip)}", item)


def ways(policy: HostPolicy) -> Iterator[Resource]:
    """The rules that lead to replicas elsewhere, whosesoever.  What comes from loopback is routed as soon as
    it is translated, before a chain could mark it, and only bridges of ours take it (route_localnet)."""
    for number in policy.meshed:
        yield Rule(family=INET[number], priority=str(TO), mark=AWAY, mask=AWAY, action="lookup", table=TABLE)
    if 4 in policy.meshed:
        yield Rule(family=INET[4], priority=str(OWN), src=LOOPBACK, action="lookup", table=LOOPED)

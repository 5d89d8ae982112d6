"""Isolation that holds even when nftables is empty: what the firewall did not admit may not be
forwarded to a container.

Four rules a family, whatever is declared, lead forwarded packets through a table of `prohibit SUBNET`
routes; a rule for each internal network stops what comes out of it.  What may pass bears a bit of its mark
while it is routed, and then alone: what comes out of containers never does.  The router guard keeps a host
that was no router from becoming one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...cnm.prefixes import prefix_of, span
from ...cnm.topology import HostPolicy, Network, Subnet
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.overlay import Neighbours
from ...kinds.ownership import HOST, INSIDE, INTERNAL, MEMORY, OPENED, PRIORITY, PROTOCOL, SHARED
from ...kinds.route import Route
from ...kinds.rule import Rule
from ...kinds.stacked_link import Vlan
from ...kinds.sysctl import FORWARDING, Forwarding, Sysctl
from ..endpoint import PlacedLink
from .rules import CLEAR, CORE, MARK, SET
from .ruleset import Ruleset, filtering

PAST = PRIORITY + 3  # what may be forwarded goes on here
ROUTES = str(PROTOCOL)  # the table of prohibitions
FORWARD = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
INET = {4: "inet", 6: "inet6"}
NOWHERE = "192.0.0.8"  # no host's address, ever (RFC 7600)


def lower(policy: HostPolicy) -> Iterator[Resource]:
    families = sorted({family(subnet) for subnet in policy.subnets})
    for number in families:
        yield from rules(INET[number])
        for link in policy.internal:
            yield Rule(family=INET[number], priority=INTERNAL, iif=link, action="prohibit")
    for link, subnet in policy.inside:
        yield Rule(
            family=INET[family(subnet)], priority=INSIDE, iif=link, dst=subnet, action="goto", target=PAST
        )
    for subnet in policy.subnets:
        yield Route(ns=HOST, table=ROUTES, dst=subnet, kind="prohibit")
    yield from router_guard(policy.guards)
    for name, parent, tag, mtu, up in policy.tagged:
        yield Vlan(ns=HOST, name=name, parent=parent, tag=tag, mtu=mtu, up=up)
    for link in policy.advertised:
        # A host that forwards ignores router advertisements unless told to take them all the same.
        yield Sysctl(ns=HOST, name=f"net/ipv6/conf/{link}/accept_ra", value="2")
    for link in policy.forwarders:
        # A new link comes with `default`, which may be 0, and so it is where `sysctl --system` says so later.
        yield Sysctl(ns=HOST, name=FORWARDING.format(link), value="1", link=link)
    for number in policy.forwarding:
        yield Forwarding(ns=HOST, name=FORWARD[number], value="1")


def opened(network: Network) -> Iterator[Resource]:
    """What comes out of an internal network and is let pass: the mark says so, as for all others."""
    origin = Origin(network.spec.where, "firewall")
    for link in network.interfaces if network.opened else ():
        for number in sorted({subnet.family for subnet in network.subnets}):
            yield Rule(
                family=INET[number],
                priority=OPENED,
                iif=link,
                mark=MARK,
                mask=MARK,
                action="goto",
                target=PAST,
                origin=origin,
            )


def rules(inet: str) -> Iterator[Resource]:
    yield Rule(family=inet, priority=str(PRIORITY), mark=MARK, mask=MARK, action="goto", target=PAST)
    yield Rule(family=inet, priority=str(PRIORITY + 1), iif="lo", action="goto", target=PAST)
    yield Rule(family=inet, priority=str(PRIORITY + 2), action="lookup", table=ROUTES)
    yield Rule(family=inet, priority=str(PAST), action="nop")


def ways_back(network: Network, on: PlacedLink) -> Iterator[Resource]:
    """What rp_filter finds when it asks for the way back of what a container sends out.

    It asks as if the answer came in (fib_validate_source), and what has no way back may not leave.  So the
    halves of an IPv4 subnet, which win over its prohibition, do lead to the bridge, but to the bridge's own
    MAC, and what a bridge is given to send there it drops (br_dev_xmit).  IPv6 has no rp_filter.
    """
    for subnet in network.subnets:
        yield from (way_back(on, half, subnet.gateway) for half in halves(subnet))
    if not network.carrier.everywhere:  # else the driver knows of other neighbours too
        yield from known_neighbours(network, (), on.origin)


def way_back(on: PlacedLink, dst: str, src: str) -> Route:
    return replace(on.route(dst, NOWHERE, src, onlink=True), table=ROUTES)


def halves(subnet: Subnet) -> Iterator[str]:
    if is_halved(subnet):
        first, size = span(subnet.cidr)
        yield from (str(prefix_of((start, size // 2))) for start in (first, first + size // 2))


def is_halved(subnet: Subnet) -> bool:
    return bool(subnet.gateway) and subnet.family == 4 and subnet.prefix < 32


def known_neighbours(
    network: Network, known: Iterable[tuple[str, str]], origin: Origin
) -> Iterator[Resource]:
    """What is known of the bridge's neighbours, (address, MAC), and the one that is the bridge itself."""
    own = tuple(subnet.gateway for subnet in network.subnets if is_halved(subnet))
    pairs = [*known, *([(NOWHERE, network.mac)] if own else [])]
    if entries := tuple(sorted(f"{ip} {mac}" for ip, mac in pairs)):
        yield Neighbours(link=network.bridge, entries=entries, addresses=own, origin=origin)


# Frames that a bridge forwards, anybody's, are no routing; br_netfilter, at 0, shows them all the same.
BRIDGED = Ruleset(
    "bridge", {}, {"bridged": (filtering("forward", -1), SET), "shown": (filtering("forward", 1), CLEAR)}
)


def router_guard(families: tuple[int, ...]) -> Iterator[Resource]:
    """Forwarding was off until we needed it: what would be forwarded and touches no link of ours is dropped.

    The rules do nothing: they remember that, for the day on which somebody flushes nftables.
    """
    for number in families:
        yield Rule(family=INET[number], priority=MEMORY, action="nop")
        yield CORE.element(SHARED, None, "unrouted", f"ipv{number}")
    if families:
        yield from BRIDGED.skeleton()

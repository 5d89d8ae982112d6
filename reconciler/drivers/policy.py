"""Isolation that holds even when nftables is empty: what the firewall did not mark may not be forwarded to
a container.

Four rules a family, whatever is declared, lead forwarded packets through a table of `prohibit SUBNET`
routes; a rule for
each internal network stops what comes out of it.  The router guard keeps a host that was no router from
becoming one.
"""

from collections.abc import Iterator

from ..cnm.topology import HostPolicy
from ..core.resource import Resource
from ..kinds.marks import GROUP, HOST, PROTOCOL, TABLE_PREFIX
from ..kinds.nft import Chain, Table
from ..kinds.parent import Vlan
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.sysctl import Forwarding, Sysctl

# Set on packets that the firewall lets through to a container, and on bridged frames; no other bit is ours.
MARK = 1 << 24
PRIORITY = 1090  # of the first rule; before main (32766), after local (0)
PAST = PRIORITY + 3  # what may be forwarded goes on here
INSIDE = str(PRIORITY - 2)  # from an internal network to its own slices on other hosts
MEMORY = str(PRIORITY + 4)  # of the rule that remembers that the host was no router
ROUTES = str(PROTOCOL)  # the table of prohibitions
FORWARD_HOOK = "type filter hook forward priority 0; policy accept;"
BRIDGED_HOOK = "type filter hook forward priority -300; policy accept;"  # before br_netfilter's own (0)
LET_PASS = f"meta mark set meta mark | {MARK:#x}"
FORWARD = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
INET = {4: "inet", 6: "inet6"}


def lower(policy: HostPolicy) -> Iterator[Resource]:
    families = sorted({6 if ":" in subnet else 4 for subnet in policy.subnets})
    for family in families:
        yield from rules(INET[family])
        for bridge in policy.internal:
            yield Rule(family=INET[family], priority=str(PRIORITY - 1), iif=bridge, action="prohibit")
    for bridge, subnet in policy.inside:
        yield Rule(
            family=INET[6 if ":" in subnet else 4],
            priority=INSIDE,
            iif=bridge,
            dst=subnet,
            action="goto",
            target=PAST,
        )
    for subnet in policy.subnets:
        yield Route(ns=HOST, table=ROUTES, dst=subnet, kind="prohibit")
    yield from router_guard(policy.guards)
    for name, parent, tag, mtu in policy.tagged:
        yield Vlan(ns=HOST, name=name, parent=parent, tag=tag, mtu=mtu)
    for link in policy.advertised:
        # A host that forwards ignores router advertisements unless told to take them all the same.
        yield Sysctl(ns=HOST, name=f"net/ipv6/conf/{link}/accept_ra", value="2")
    for family in policy.forwarding:
        yield Forwarding(ns=HOST, name=FORWARD[family], value="1")


def rules(family: str) -> Iterator[Resource]:
    yield Rule(family=family, priority=str(PRIORITY), mark=MARK, mask=MARK, action="goto", target=PAST)
    yield Rule(family=family, priority=str(PRIORITY + 1), iif="lo", action="goto", target=PAST)
    yield Rule(family=family, priority=str(PRIORITY + 2), action="lookup", table=ROUTES)
    yield Rule(family=family, priority=str(PAST), action="nop")


def router_guard(families: tuple[int, ...]) -> Iterator[Resource]:
    """Forwarding was off until we needed it: drop what would be forwarded and touches no link of ours.

    The last rule does nothing: it remembers that, for the day on which somebody flushes nftables.
    Frames that a bridge forwards, anybody's, are no routing; br_netfilter shows them all the same.
    """
    if not families:
        return
    name = f"{TABLE_PREFIX}host"
    yield Table(family="bridge", name=name)
    yield Chain(family="bridge", table=name, name="bridged", hook=BRIDGED_HOOK, rules=(LET_PASS,))
    yield Table(family="inet", name=name)
    for family in families:
        yield Rule(family=INET[family], priority=MEMORY, action="nop")
        ours = (f"iifgroup {GROUP} accept", f"oifgroup {GROUP} accept", "ct status dnat accept")
        bridged = f"meta mark & {MARK:#x} == {MARK:#x} accept"
        yield Chain(
            family="inet",
            table=name,
            name=f"guard{family}",
            hook=FORWARD_HOOK,
            rules=(f"meta nfproto != ipv{family} accept", *ours, bridged, "drop"),
        )

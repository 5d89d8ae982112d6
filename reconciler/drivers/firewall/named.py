"""Egress by name: a chain for each view of who answers for names, that asks the sets which that one fills.

What varies of it is who is led there, and who is asked instead of other name servers: a name that somebody
else tells is nowhere written down.  What is in the sets is nobody's to declare: it comes with answers, and
goes when nothing asks for it.  Whoever is not in a set goes on as who lists no name.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from ...cnm.naming import DnsView, Listed
from ...cnm.topology import Endpoint
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds import names
from ...kinds.maps import PRIVATE
from ...kinds.named import (
    CAUGHT,
    CHAIN,
    NAMES_OF,
    SERVICE,
    VOLATILE,
    WORDS,
    ByName,
    remembering,
    said,
    seen_of,
    set_of,
)
from ...kinds.nft import Chain, Map
from ...kinds.ownership import GROUP, HOST, TABLE
from ..names import digest_of
from .policies import POLICIES, PORT
from .ruleset import MapType, Ruleset

AFTER_PUBLISHED = -99  # NF_IP_PRI_NAT_DST + 1: what is published comes first, and is no question
ICMP = {4: 1, 6: 58}
ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr"}
PRIVATE4, PRIVATE6 = (
    f"{{ {', '.join(cidr for cidr in PRIVATE if family(cidr) == number)} }}" for number in ADDRESS
)

NAMED = Ruleset(
    "inet",
    {
        **{f"{CAUGHT}{number}": MapType(ip, "inet_service") for number, ip in ADDRESS.items()},
        **{
            f"egress{end}{number}": POLICIES.maps[f"egress{end}{number}"]
            for end in ("", "_outside")
            for number in ADDRESS
        },
    },
    {
        # Resolvers are told to tell no such address; here it does not matter what they know of that.
        "to_public": (
            "",
            f"ip daddr {PRIVATE4} goto unnamed",
            f"ip6 daddr {PRIVATE6} goto unnamed",
            "goto to_outside",
        ),
        # Who lists a name server by its address means that one.
        "caught": (
            f"type nat hook prerouting priority {AFTER_PUBLISHED}; policy accept;",
            f"iifgroup != {GROUP} accept",
            "meta l4proto != { 6, 17 } accept",
            "th dport != 53 accept",
            f"ip daddr . ip saddr . {PORT} @egress4 accept",
            f"ip6 daddr . ip6 saddr . {PORT} @egress6 accept",
            f"ip saddr . {PORT} @egress_outside4 accept",
            f"ip6 saddr . {PORT} @egress_outside6 accept",
            "meta l4proto { 6, 17 } redirect to ip saddr map @caught4",
            "meta l4proto { 6, 17 } redirect to ip6 saddr map @caught6",
        ),
    },
)


def lower(views: Iterable[DnsView], ends: Mapping[str, Iterable[Endpoint]]) -> Iterator[Resource]:
    for view in (view for view in views if view.listed and view.ns == HOST):
        yield from NAMED.skeleton()
        told_apart = names.digest("names", view.project, view.name).hex()[:32]
        yield from view_skeleton(view.project, view.listed or (), told_apart)
        origin = Origin(view.where, "firewall")
        for ip in (ip for name in view.sandboxes for end in ends.get(name, ()) for ip, _ in end.addresses):
            number = family(ip)
            yield POLICIES.element(
                view.project, origin, f"{NAMES_OF}{number}", ip, f"goto {CHAIN}{told_apart}"
            )
            yield NAMED.element(view.project, origin, f"{CAUGHT}{number}", ip, str(view.port))


def view_skeleton(project: str, listed: Iterable[Listed], view: str) -> Iterator[Resource]:
    """The sets, and the chain that asks them, whatever they hold, about no address of a container's or of a
    private network's, nor about a cloud's secrets; what was reached before comes first."""
    rules, kept = ["jump to_public"], list[str]()
    for number, ip in ADDRESS.items():
        seen, word = seen_of(view, number), WORDS[number]
        yield volatile(seen, f"{ip} . inet_proto . inet_service", None)
        item = f"{word} daddr . {SERVICE}"
        rules.append(f"{item} @{seen} update @{seen} {{ {item} }} return")
        kept.append(f"update @{seen} {{ {item} }}")
    for one in listed:
        filled = digest_of(project, one)
        for number, ip in ADDRESS.items():
            yield volatile(set_of(filled, number), ip, Origin(one.where, "firewall"))
            rules += (said(row, view) for row in rows(one, set_of(filled, number)))
    rules.append("goto unnamed")
    yield Chain(family="inet", table=TABLE, name=remembering(view), rules=tuple(kept))
    yield Chain(family="inet", table=TABLE, name=f"{CHAIN}{view}", rules=tuple(rules))


def volatile(name: str, kind: str, origin: Origin | None) -> Map:
    return Map(family="inet", table=TABLE, name=name, type=kind, flags=VOLATILE, origin=origin)


def rows(one: Listed, filled: str) -> Iterator[ByName]:
    """What may be reached of it, by protocol."""
    icmp = ICMP[int(filled[-1])]
    for protocol, pairs in groupby(one.ports, key=lambda pair: pair[0]):
        ports = tuple(ports for _, ports in pairs) if protocol else ()
        yield ByName(filled, protocol or icmp, ports)

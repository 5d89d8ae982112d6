"""Policies: whom containers may reach, and who may reach them.  Rules are constant; what is written is
elements, of which a packet that begins a connection asks a few, and no other packet any.

Who is bound is in `bound_...`, what he may in `egress...` and `ingress...`: his peer, himself, protocol and
port, and less where the peer is the host or all that is outside.  One peer is in few rows, and one container
may be in thousands, all of which Linux would go through for what it looks up (pipapo_refill).

Packets are seen where they have been translated: a port is the container's own.  Between two containers of a
bridge they pass here by that bridge's own nf_call_iptables (see kinds/link.py).
"""

from collections.abc import Iterator

from ...cnm.bounds import EGRESS, HOST_PEER, INGRESS, OPEN, OUTSIDE, Allowed, Policies
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.maps import METADATA, NO_METADATA
from ...kinds.named import NAMES_OF
from ...kinds.ownership import GROUP
from .drops import telling
from .rules import CORE, NO_BEGIN, SET, WIRE
from .ruleset import LAST, Maps, MapType, Ruleset, filtering

PORT = "meta l4proto . th dport"
METADATA4, METADATA6 = (
    f"{{ {', '.join(cidr.partition('/')[0] for cidr in METADATA if family(cidr) == number)} }}"
    for number in (4, 6)
)
# Neighbours find each other, whoever may speak to whom (RFC 4861, 4.3 and 4.4), as by ARP.  What has passed a
# router is nothing of a neighbour's: Linux forwards it like all else, and whatever it carries.
DISCOVERY = "ip6 hoplimit 255 icmpv6 type { 135, 136 }"
WAYS = {EGRESS: "bound_out", INGRESS: "bound_in"}
MIDWAY = f"{NO_BEGIN} jump midway"


def of_family(number: int, ip: str) -> Maps:
    one, both = (MapType(f"{ends} . {WIRE}", flags="interval") for ends in (ip, f"{ip} . {ip}"))
    return {
        f"bound_out{number}": MapType(ip),
        f"bound_in{number}": MapType(ip),
        f"own_errors{number}": MapType(f"{ip} . {ip}"),  # each that is bound in what it sends, twice
        f"{NAMES_OF}{number}": MapType(ip, "verdict"),
        f"egress{number}": both,
        f"ingress{number}": both,
        f"egress_{OUTSIDE}{number}": one,  # what is no container of this host's, nor of a network's others
        f"ingress_{OUTSIDE}{number}": one,
        f"egress_{HOST_PEER}{number}": one,
        f"ingress_{HOST_PEER}{number}": one,
        **{name: CORE.maps[name] for name in (f"subnets{number}", f"remote{number}")},
    }


POLICIES = Ruleset(
    "inet",
    {
        NO_METADATA: MapType("ifname"),
        "resolvers": CORE.maps["resolvers"],
        **of_family(4, "ipv4_addr"),
        **of_family(6, "ipv6_addr"),
    },
    {
        # Of other hosts' containers a network that counts them all tells, whose subnets are the same.
        "policed": (
            filtering("forward"),
            "ct state established accept",
            "ct state related jump related",
            f"iifgroup != {GROUP} oifgroup != {GROUP} accept",
            f"{DISCOVERY} accept",
            f"iifname @{NO_METADATA} ct original ip daddr {METADATA4} goto refused",
            f"iifname @no_metadata ct original ip6 daddr {METADATA6} goto refused",
            MIDWAY,
            "ip saddr @bound_out4 jump sending",
            "ip6 saddr @bound_out6 jump sending",
            "ip daddr @bound_in4 goto receiving",
            "ip6 daddr @bound_in6 goto receiving",
        ),
        # To conntrack an error is about what it quotes, whoever sends it: of who is bound it has to be about
        # a connection of his own, or is asked about like all else.
        "related": (
            "",
            "ip saddr . ct original ip saddr @own_errors4 accept",
            "ip saddr . ct reply ip saddr @own_errors4 accept",
            "ip6 saddr . ct original ip6 saddr @own_errors6 accept",
            "ip6 saddr . ct reply ip6 saddr @own_errors6 accept",
            "ip saddr @bound_out4 return",
            "ip6 saddr @bound_out6 return",
            "accept",
        ),
        # A rule that reads a port matches only where there is one: what has none falls through.
        "sending": (
            "",
            f"ip daddr . ip saddr . {PORT} @egress4 return",
            f"ip6 daddr . ip6 saddr . {PORT} @egress6 return",
            "ip saddr vmap @names_of4",
            "ip6 saddr vmap @names_of6",
            "goto unnamed",
        ),
        # What no name allows: see named.py.
        "unnamed": (
            "",
            f"ip saddr . {PORT} @egress_outside4 goto to_outside",
            f"ip6 saddr . {PORT} @egress_outside6 goto to_outside",
            "goto refused",
        ),
        "to_outside": (
            "",
            f"ct original ip daddr {METADATA4} goto refused",
            f"ct original ip6 daddr {METADATA6} goto refused",
            "ip daddr @subnets4 goto refused",
            "ip6 daddr @subnets6 goto refused",
            "ip daddr @remote4 goto refused",
            "ip6 daddr @remote6 goto refused",
            # Groups are of neighbours: of what is sent to one nothing leaves a network.
            "ip daddr 224.0.0.0/3 goto refused",
            "ip6 daddr ff00::/8 goto refused",
        ),
        "receiving": (
            "",
            f"ip saddr . ip daddr . {PORT} @ingress4 accept",
            f"ip6 saddr . ip6 daddr . {PORT} @ingress6 accept",
            f"ip daddr . {PORT} @ingress_outside4 ip saddr != @subnets4 ip saddr != @remote4 accept",
            f"ip6 daddr . {PORT} @ingress_outside6 ip6 saddr != @subnets6 ip6 saddr != @remote6 accept",
            "goto refused",
        ),
        # What goes on comes from who began it: of a policy that he is bound by that one is asked.
        "midway": (
            "",
            "ip daddr @bound_out4 drop",
            "ip6 daddr @bound_out6 drop",
            "ip saddr @bound_in4 drop",
            "ip6 saddr @bound_in6 drop",
        ),
        # The kernel sends few errors a second to one address, and resets as many as are asked for.
        "refused": ("", "meta l4proto 6 reject with tcp reset", "reject with icmpx admin-prohibited"),
        "policed_in": (
            filtering("input"),
            "ct state established accept",
            "ct state related jump related",
            f"iifgroup != {GROUP} accept",
            f"{DISCOVERY} accept",
            f"iifname @no_metadata ct original ip daddr {METADATA4} goto refused",
            f"iifname @no_metadata ct original ip6 daddr {METADATA6} goto refused",
            MIDWAY,
            "ip saddr @bound_out4 goto asking",
            "ip6 saddr @bound_out6 goto asking",
        ),
        # Names are answered, but those of the outside: see zones.py.
        "asking": (
            "",
            "meta l4proto { 6, 17 } th dport @resolvers accept",
            f"ip saddr . {PORT} @egress_host4 accept",
            f"ip6 saddr . {PORT} @egress_host6 accept",
            "goto refused",
        ),
        # Behind DNAT.
        "policed_out": (
            filtering("output", 0),
            "ct state established,related accept",
            f"{DISCOVERY} accept",
            MIDWAY,
            "ip daddr @bound_in4 goto calling",
            "ip6 daddr @bound_in6 goto calling",
        ),
        "calling": (
            "",
            f"ip daddr . {PORT} @ingress_host4 accept",
            f"ip6 daddr . {PORT} @ingress_host6 accept",
            "goto refused",
        ),
    },
)
# The mark that the routing policy asks for, as in `known`, and the way through `between`.
OPENING = Ruleset(
    "inet",
    {name: CORE.maps[name] for name in ("opened4", "opened6")},
    {
        "opening": (
            filtering("prerouting", LAST),
            f"iifgroup != {GROUP} accept",
            "ct state established,related accept",
            f"ip saddr . ip daddr . {PORT} @opened4 {SET}",
            f"ip6 saddr . ip6 daddr . {PORT} @opened6 {SET}",
        )
    },
)
ALL = (POLICIES, OPENING)


def lower(policies: Policies) -> Iterator[Resource]:
    if policies.bound or policies.denied:
        yield from telling(POLICIES, logs=policies.logs).skeleton()
    if any(one.direction == OPEN for one in policies.allowed):
        yield from OPENING.skeleton()
    for bound in policies.bound:
        number, origin = family(bound.ip), Origin(bound.where, "firewall")
        name = f"{WAYS[bound.direction]}{number}"
        yield POLICIES.element(bound.project, origin, name, bound.ip, cuts=bound.stands)
        if bound.direction == EGRESS:
            yield POLICIES.element(bound.project, origin, f"own_errors{number}", f"{bound.ip} . {bound.ip}")
    for denied in policies.denied:
        origin = Origin(denied.where, "firewall")
        yield POLICIES.element(denied.project, origin, NO_METADATA, denied.link, cuts=True)
    for allowed in policies.allowed:
        yield POLICIES.element(allowed.project, Origin(allowed.where, "firewall"), *row(allowed))


def row(allowed: Allowed) -> tuple[str, str]:
    """The map that it is in, and what stands there."""
    _, direction, source, destination, protocol, ports, _ = allowed
    name, first, second = direction, source, destination
    if direction == OPEN:
        name = "opened"
    elif direction == EGRESS:
        first, second = destination, source
    if first in (HOST_PEER, OUTSIDE):
        return f"{name}_{first}{family(second)}", f"{second} . {protocol} . {ports}"
    return f"{name}{family(first)}", f"{first} . {second} . {protocol} . {ports}"

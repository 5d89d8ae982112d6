"""Limits of published ports: who may open connections, by which link, how many a time, and how many at once.

A port with limits stands in `limited`, and whoever asks for it must be found in `allow_from` or, with the
link that he comes by, in `allow_by`: what is missing there keeps out.  Only the first packet of a connection
comes here, before it is translated (`share`, `publish`), so that the port is still the published one; what is
refused is dropped, and comes to no further chain.
"""

from collections.abc import Iterator

from ...cnm.topology import Port
from ...core.resource import Origin, Resource
from ...kinds.ownership import GROUP
from ...kinds.published import BY_LINK, CONNECTIONS, LIMITED, PUBLISH, RATES, REACHABLE, SOURCES
from .mesh import CAME
from .rules import CORE, DOCKER_DNS, QUESTION, WIRE
from .ruleset import Item, Maps, MapType, Ruleset

PACKET = "meta l4proto . th dport"
BEFORE = -102  # `share` comes next
# What an element without one of its own would have.
RATE, COUNT = "limit rate over 1/second burst 5 packets", "ct count over 1"
TIMED = "interval, timeout"


def of_family(family: int, ip: str) -> Maps:
    """Of ports on any address of the host, and on one."""
    found: dict[str, MapType] = {}
    for end, key in ((f"{family}", WIRE), (f"_at{family}", f"{ip} . {WIRE}")):
        found |= {
            f"{LIMITED}{end}": MapType(key),
            f"{LIMITED}{end}_range": MapType(key, flags="interval"),
            f"{SOURCES}{end}": MapType(f"{key} . {ip}", flags=TIMED),
            f"{BY_LINK}{end}": MapType(f"ifname . {key} . {ip}", flags=TIMED),
            f"{RATES}{end}": MapType(key, flags="interval", template=RATE),
            f"{CONNECTIONS}{end}": MapType(key, flags="interval", template=COUNT),
        }
    return found


def chains(family: int, ip: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is asked about a port with limits.  What leaves the host itself has no link that it came by: there
    the one counts that it would go out by, `lo` to an address of the host."""
    for end, key in ((f"{family}", PACKET), (f"_at{family}", f"{ip} daddr . {PACKET}")):
        yield (
            f"{LIMITED}{end}",
            (
                "",
                f"{key} . {ip} saddr @{SOURCES}{end} goto paced{end}",
                f"iifname . {key} . {ip} saddr @{BY_LINK}{end} goto paced{end}",
                f"oifname . {key} . {ip} saddr @{BY_LINK}{end} goto paced{end}",
                "drop",
            ),
        )
        yield f"paced{end}", ("", f"{key} @{RATES}{end} drop", f"{key} @{CONNECTIONS}{end} drop")


def doors(end: str) -> Iterator[str]:
    for family, protocol, ip in ((4, "ipv4", "ip"), (6, "ipv6", "ip6")):
        key = f"{ip} daddr . {PACKET}" if end else f"meta nfproto {protocol} {PACKET}"
        for form in ("", "_range"):
            yield f"{key} @{LIMITED}{end}{family}{form} goto {LIMITED}{end}{family}"


LIMITS = Ruleset(
    "inet",
    {
        **{name: CORE.maps[name] for name in ("subnets4", "subnets6")},
        **of_family(4, "ipv4_addr"),
        **of_family(6, "ipv6_addr"),
    },
    {
        **dict(chains(4, "ip")),
        **dict(chains(6, "ip6")),
        "limits": ("", *doors(""), "goto limits_at"),
        "limits_at": ("", *doors("_at")),
        # As in `share_inbound`.  What another host has let in is not asked again.  On a routed network the
        # address is a container's own: who stands there too is not asked, and no container of another network
        # gets further than `direct`.  IPv6 takes from a LAN what says that it comes from the host itself.
        "limits_inbound": (
            f"type nat hook prerouting priority {BEFORE}; policy accept;",
            f"iifgroup != {GROUP} ip6 saddr fe80::/10 accept",
            f"iifgroup {GROUP} {CAME} accept",
            f"iifgroup {GROUP} {QUESTION} fib daddr . iif type local accept",
            f"iifgroup {GROUP} ip daddr . {PACKET} {DOCKER_DNS} accept",
            "meta pkttype host fib saddr type local drop",
            "fib daddr type local goto limits",
            f"iifgroup {GROUP} accept",
            "ip daddr @subnets4 goto limits_at",
            "ip6 daddr @subnets6 goto limits_at",
        ),
        "limits_local": (
            f"type nat hook output priority {BEFORE}; policy accept;",
            "ip6 daddr { ::1, fe80::/10 } accept",
            "fib daddr type local goto limits",
        ),
    },
)


def lower(port: Port, published: Iterator[Item]) -> Iterator[Resource]:
    """`published` are its elements, as where nobody shares it."""
    if not port.limits or not port.is_first:
        return
    yield from LIMITS.skeleton()
    origin = Origin(port.where, "firewall")
    for name, item, _ in published:
        name = name.replace(REACHABLE, f"{LIMITED}_at").replace(PUBLISH, LIMITED)
        yield LIMITS.element(port.project, origin, name, item, cuts=port.limits.late)
    end = f"{'_at' * bool(port.host_ip)}{port.family}"
    span = f"{port.first}-{port.last}" if port.count > 1 else str(port.first)
    item = f"{port.host_ip} . " * bool(port.host_ip) + f"{port.protocol} . {span}"
    link = f"{port.limits.link} . " if port.limits.link else ""
    for source in port.limits.sources:
        name = f"{BY_LINK if link else SOURCES}{end}"
        until = str(port.limits.until or "")
        yield LIMITS.element(port.project, origin, name, f"{link}{item} . {source}", until=until)
    if port.limits.rate:
        words = f"limit rate over {port.limits.rate} packets"
        yield LIMITS.element(port.project, origin, f"{RATES}{end}", item, limit=words)
    if port.limits.max_conns:
        words = f"ct count over {port.limits.max_conns}"
        yield LIMITS.element(port.project, origin, f"{CONNECTIONS}{end}", item, limit=words)

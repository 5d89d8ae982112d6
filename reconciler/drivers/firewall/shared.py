"""Ports that several replicas share: which of them gets a connection is drawn as that begins, or told by
the client's address: those numbers come behind those that are drawn, in the same maps.  Behind both is who
gets nothing new: connections are forgotten that lead to nobody who is in a map.

This comes before `inbound` and `local` of the core, where the first replica has the whole port, so that a
port is never nobody's: before Linux 6.17 a packet may find nothing in a map of ranges that is just changing
(nft_set_pipapo.c).  What is translated here is shown to no further chain of the hook (nf_nat_inet_fn).
"""

from collections.abc import Iterator

from ...cnm.shares import Share
from ...kinds.draws import drawn_and_told, interval
from ...kinds.maps import SHARES
from ...kinds.ownership import GROUP, NUMBER, WHOLE
from .rules import DOCKER_DNS, QUESTION
from .ruleset import Maps, MapType, Ruleset

WIRE = "meta l4proto . th dport"


def of_family(family: int, ip: str) -> Maps:
    """Of a port, and of a range that keeps its numbers; on any address of the host, and on one."""
    at, ports = f"{ip} daddr . ", f"{WIRE} . {NUMBER}"
    service = f"{ip} daddr . th dport"
    return {
        f"publish{family}_spread": MapType(ports, service, "interval"),
        f"publish_at{family}_spread": MapType(at + ports, service, "interval"),
        f"publish{family}_spans": MapType(ports, f"{ip} daddr", "interval"),
        f"publish_at{family}_spans": MapType(at + ports, f"{ip} daddr", "interval"),
    }


def rules(family: int, ip: str) -> Iterator[str]:
    """In the order of `publish` of the core.  The protocol is named once more, as libnftables wants it of
    ports that come out of such a map: TCP, UDP and SCTP, as numbers."""
    dnat = f"meta l4proto {{ 6, 17, 132 }} dnat {ip} to"
    for number in drawn_and_told(ip):
        for end in SHARES:
            yield f"{dnat} {ip} daddr . {WIRE} . {number} map @publish_at{family}{end}"
            yield f"{dnat} {WIRE} . {number} map @publish{family}{end}"


SHARED = Ruleset(
    "inet",
    {**of_family(4, "ip"), **of_family(6, "ip6")},
    {
        "share": ("", *rules(4, "ip"), *rules(6, "ip6")),
        # As in `inbound`, and in `question`, whose questions to a gateway are left to it.
        "share_inbound": (
            "type nat hook prerouting priority -101; policy accept;",
            f"iifgroup != {GROUP} ip6 saddr fe80::/10 accept",
            f"iifgroup {GROUP} {QUESTION} fib daddr . iif type local accept",
            f"iifgroup {GROUP} ip daddr . {WIRE} {DOCKER_DNS} accept",
            "fib daddr type local jump share",
        ),
        "share_local": (
            "type nat hook output priority -101; policy accept;",
            "ip6 daddr { ::1, fe80::/10 } accept",
            "fib daddr type local jump share",
        ),
    },
)


def numbers(share: Share, *, by_client: bool) -> str:
    first, last = (number + WHOLE * by_client for number in share)
    return interval(first, last)

"""The words for values: what an address, a port, a name of a link or a flag comes to, as what is compared."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

from ..errors import Unjudged
from ..kinds.draws import single_of

Scalar = int | str
Span = tuple[Scalar, Scalar]  # from the first to the last

PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "sctp": 132,
    "udplite": 136,
}
TABLES: Mapping[str, Mapping[str, int]] = {
    "protocol": PROTOCOLS,
    "ethertype": {"ip": 0x0800, "arp": 0x0806, "8021q": 0x8100, "vlan": 0x8100, "ip6": 0x86DD},
    "family": {"ipv4": 2, "ipv6": 10},
    "route": {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5},
    "pkttype": {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
    "direction": {"original": 0, "reply": 1},
    "icmp": {"echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8},
    "icmpv6": {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "echo-request": 128,
        "echo-reply": 129,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
        "nd-redirect": 137,
    },
    "icmpcode": {"port-unreachable": 3, "frag-needed": 4, "admin-prohibited": 13},
    "arp": {"request": 1, "reply": 2},
    "found": {"missing": 0, "exists": 1},
}
FLAGS: Mapping[str, Mapping[str, int]] = {
    "state": {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64},
    "status": {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32},
    "tcpflags": {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32},
}
BEYOND = chr(0x10FFFF)  # behind all that begins alike


@lru_cache(65536)
def number_of(ip: str) -> int:
    return int(ip_address(ip))


@lru_cache(65536)
def span(kind: str, text: str) -> Span:
    """What a text says of this kind; raises Unjudged."""
    text = text.strip('"')
    try:
        if kind == "name":
            return (text[:-1], text[:-1] + BEYOND) if text.endswith("*") else (text, text)
        if kind in FLAGS:
            return (flags(kind, text),) * 2
        if kind == "address" and "/" in text:
            whole = ip_network(text, strict=False)
            return int(whole[0]), int(whole[-1])
        first, dash, last = ("", "", "") if kind == "mac" else text.partition("-")
        if dash and text not in TABLES.get(kind, ()):
            return scalar(kind, first), scalar(kind, last)
        return (scalar(kind, text),) * 2
    except ValueError:
        raise Unjudged(f"nobody can tell what {text!r} is as a value of the kind {kind}") from None


def scalar(kind: str, text: str) -> int:
    """Raises ValueError."""
    if text in TABLES.get(kind, ()):
        return TABLES[kind][text]
    if kind == "address" and not text.startswith("0x"):
        return number_of(text)
    if kind == "mac":
        return int(text.replace(":", ""), 16)
    if kind == "drawn":
        return single_of(text)
    return int(text, 0)


def flags(kind: str, text: str) -> int:
    return sum({flag(kind, word) for word in text.split(",")})


def flag(kind: str, word: str) -> int:
    return int(word, 0) if word[:1].isdigit() else FLAGS[kind].get(word) or int(word)

"""What rules ask of a packet, by the words that they ask it in; None where this packet has none of it."""

from collections.abc import Callable
from typing import NamedTuple

from .literals import PROTOCOLS, Scalar, number_of
from .packet import Packet

WITH_PORTS = frozenset(PROTOCOLS[name] for name in ("tcp", "udp", "sctp", "udplite"))
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
INET = {4: 2, 6: 10}  # AF_INET, AF_INET6
SYN, ACK = 2, 16


class PacketField(NamedTuple):
    """`kind` is what its values are, by the words of literals.py."""

    kind: str
    of: Callable[[Packet], Scalar | None]


def absent(packet: Packet) -> None:
    """What no packet has that is judged here: ARP, tags, extension headers, what is behind the ports."""


def source(family: int) -> PacketField:
    return PacketField("address", lambda p: number_of(p.src) if p.family == family else None)


def destination(family: int) -> PacketField:
    return PacketField("address", lambda p: number_of(p.dst) if p.family == family else None)


def port(name: str, end: str) -> PacketField:
    """By `th` whatever stands there, as in ICMP, of whose checksum 0 is as good as any."""
    known = {*WITH_PORTS, PROTOCOLS["icmp"], PROTOCOLS["icmpv6"]} if name == "th" else {PROTOCOLS[name]}
    return PacketField("number", lambda p: getattr(p, end) if p.protocol in known else None)


def original(family: int, end: str) -> PacketField:
    """Of the connection, whichever way the packet goes."""
    return PacketField(
        "address", lambda p: p.tracked.asked(end) if p.family == family and p.tracked else None
    )


def replied(family: int, end: str) -> PacketField:
    return PacketField(
        "address", lambda p: p.tracked.answered(end) if p.family == family and p.tracked else None
    )


def of_icmp(protocol: str, echo: int) -> PacketField:
    def kind(p: Packet) -> int | None:
        if p.protocol != PROTOCOLS[protocol]:
            return None
        return echo if not p.reply else echo + (1 if protocol == "icmpv6" else -8)

    return PacketField(protocol, kind)


def tracked(of: Callable[[Packet], int]) -> Callable[[Packet], int | None]:
    return lambda p: of(p) if p.tracked else None


FIELDS: dict[str, PacketField] = {
    "iif": PacketField("name", lambda p: p.iif or None),
    "oif": PacketField("name", lambda p: p.oif or None),
    "iifname": PacketField("name", lambda p: p.iif),
    "oifname": PacketField("name", lambda p: p.oif),
    "iifgroup": PacketField("number", lambda p: p.place.group(p.iif)),
    "oifgroup": PacketField("number", lambda p: p.place.group(p.oif)),
    "meta iifkind": PacketField("name", lambda p: p.place.kind(p.iif)),
    "meta oifkind": PacketField("name", lambda p: p.place.kind(p.oif)),
    "meta mark": PacketField("number", lambda p: p.mark),
    "meta l4proto": PacketField("protocol", lambda p: p.protocol),
    "meta protocol": PacketField("ethertype", lambda p: ETHERTYPE[p.family]),
    "meta nfproto": PacketField("family", lambda p: INET[p.family]),
    "meta pkttype": PacketField("pkttype", lambda p: 0),
    "ether type": PacketField("ethertype", lambda p: ETHERTYPE[p.family]),
    "ether saddr": PacketField("mac", lambda p: int(p.smac.replace(":", ""), 16) if p.smac else None),
    "ether daddr": PacketField("mac", lambda p: int(p.dmac.replace(":", ""), 16) if p.dmac else None),
    "ip saddr": source(4),
    "ip daddr": destination(4),
    "ip6 saddr": source(6),
    "ip6 daddr": destination(6),
    "ip protocol": PacketField("protocol", lambda p: p.protocol if p.family == 4 else None),
    "ip6 nexthdr": PacketField("protocol", lambda p: p.protocol if p.family == 6 else None),
    "ip frag-off": PacketField("number", lambda p: 0 if p.family == 4 else None),
    "ip6 length": PacketField("number", absent),
    "ip6 hoplimit": PacketField("number", absent),
    **{
        f"{name} {end}": port(name, end)
        for name in ("th", "tcp", "udp", "sctp")
        for end in ("sport", "dport")
    },
    "tcp flags": PacketField(
        "tcpflags", lambda p: SYN | ACK * p.reply if p.protocol == PROTOCOLS["tcp"] else None
    ),
    "icmp type": of_icmp("icmp", 8),
    "icmp code": PacketField("icmpcode", lambda p: 0 if p.protocol == PROTOCOLS["icmp"] else None),
    "icmpv6 type": of_icmp("icmpv6", 128),
    "icmpv6 code": PacketField("icmpcode", lambda p: 0 if p.protocol == PROTOCOLS["icmpv6"] else None),
    "igmp type": PacketField("number", absent),
    **{f"arp {name}": PacketField("number", absent) for name in ("htype", "ptype", "hlen", "plen")},
    "arp operation": PacketField("arp", absent),
    **{f"arp {end} ip": PacketField("address", absent) for end in ("saddr", "daddr")},
    **{f"arp {end} ether": PacketField("mac", absent) for end in ("saddr", "daddr")},
    "frag nexthdr": PacketField("protocol", absent),
    "frag frag-off": PacketField("number", absent),
    "ct state": PacketField("state", tracked(lambda p: p.state)),
    "ct status": PacketField("status", tracked(lambda p: p.tracked.status if p.tracked else 0)),
    "ct direction": PacketField("direction", tracked(lambda p: int(p.is_answer))),
    "ct mark": PacketField("number", tracked(lambda p: p.tracked.mark if p.tracked else 0)),
    **{f"ct original ip {end}": original(4, end) for end in ("saddr", "daddr")},
    **{f"ct original ip6 {end}": original(6, end) for end in ("saddr", "daddr")},
    **{f"ct reply ip {end}": replied(4, end) for end in ("saddr", "daddr")},
    **{f"ct reply ip6 {end}": replied(6, end) for end in ("saddr", "daddr")},
    "fib daddr type": PacketField("route", lambda p: p.place.type_of(p.dst)),
    "fib saddr type": PacketField("route", lambda p: p.place.type_of(p.src)),
    "fib daddr . iif type": PacketField("route", lambda p: p.place.type_of(p.dst, p.iif)),
    "fib saddr . iif oif": PacketField("found", lambda p: int(p.place.leads_to(p.src, p.iif))),
    "numgen random": PacketField("draw", absent),
    "numgen inc": PacketField("draw", absent),
    "jhash ip saddr": PacketField("draw", absent),
    "jhash ip6 saddr": PacketField("draw", absent),
}


def raw(field: str, packet: Packet) -> int | None:
    """By offset: the source of an IPv6 packet alone is looked for so."""
    return number_of(packet.src) if field == "@nh,64,128" and packet.family == 6 else None


def asked_of(field: str) -> PacketField:
    known = FIELDS.get(field)
    return known or PacketField("number", lambda p: raw(field, p))

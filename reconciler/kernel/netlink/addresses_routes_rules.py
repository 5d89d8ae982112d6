"""Addresses, routes and rules as rtnetlink messages, both ways; what the kernel defaults ends here."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

from ...kinds.address import Address
from ...kinds.ownership import HOST, PROTOCOL
from ...kinds.route import Route
from ...kinds.rule import Rule
from .links import DELADDR, DELROUTE, DELRULE, INET, INET6, NEWADDR, NEWROUTE, NEWRULE, packed
from .socket import CREATE, EXCL, REPLACE, Message, attr, attributes, text, u8, u32

IFADDR, RTMSG = struct.Struct("=BBBBI"), struct.Struct("=BBBBBBBBI")
KINDS = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}
KIND_NAMES = {number: name for name, number in KINDS.items()}
ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "prohibit": 8}
ACTION_NAMES = {number: name for name, number in ACTIONS.items()}
MAIN, KERNEL, NOWHERE = 254, 2, 255  # RT_TABLE_MAIN, RTPROT_KERNEL, RT_SCOPE_NOWHERE
ONLINK = 4  # RTNH_F_ONLINK
# FIB_RULE_INVERT; the attributes (FRA_*) of rules that ours may have; FRA_SUPPRESS_PREFIXLEN of those without
INVERT, SELECTORS, ANY_LENGTH = 2, {1, 3, 4, 6, 10, 14, 15, 16, 21}, b"\xff\xff\xff\xff"
Prefix = tuple[str, bytes, int]  # link, network, length


def address(a: Address, index: int, *, delete: bool = False) -> Message:
    family, raw = packed(a.ip)
    body = IFADDR.pack(family, a.prefix, 0, 0, index) + attr(2, raw) + attr(1, raw) + u8(11, PROTOCOL)
    if family == INET6:
        body += u32(8, 0x02)  # IFA_F_NODAD
    return Message(DELADDR, 0, body) if delete else Message(NEWADDR, CREATE | REPLACE, body)


def route(r: Route, index: int, *, delete: bool = False, new: bool = False) -> Message:
    """In a sandbox a new one takes the place of what somebody put there; on the host that is refused.  And
    there whatever bears our mark is deleted, by whichever way it leads: Linux compares what it is told."""
    ip, _, length = r.dst.partition("/")
    family, raw = packed(ip)
    table = MAIN if r.table == "main" else int(r.table)
    scope = 253 if family == INET and r.kind == "unicast" and not r.via else 0
    flags = ONLINK if r.onlink else 0
    if delete:
        scope = NOWHERE  # any: where several ways lead, the scope is not that of a route without a gateway
    if delete and r.ns != HOST:
        r, index = replace(r, via="", src=""), 0
    body = RTMSG.pack(family, int(length), 0, 0, min(table, 255), PROTOCOL, scope, KINDS[r.kind], flags)
    body += attr(1, raw) if int(length) else b""
    body += u32(15, table)
    body += u32(4, index) if index else b""
    body += attr(5, packed(r.via)[1]) if r.via else b""
    body += attr(7, packed(r.src)[1]) if r.src else b""
    body += u32(6, r.metric) if r.metric else b""
    put = CREATE | (EXCL if new and r.ns == HOST else REPLACE)
    return Message(DELROUTE, 0, body) if delete else Message(NEWROUTE, put, body)


def rule(r: Rule, *, delete: bool = False) -> Message:
    family = INET if r.family == "inet" else INET6
    table = int(r.table or 0)
    ip, _, length = r.dst.partition("/")
    body = RTMSG.pack(family, int(length or 0), 0, 0, min(table, 255), 0, 0, ACTIONS[r.action], 0)
    body += attr(1, packed(ip)[1]) if ip else b""
    body += u32(6, int(r.priority)) + u8(21, PROTOCOL)
    body += text(3, r.iif) if r.iif else b""
    body += u32(10, r.mark) + u32(16, r.mask) if r.mask else b""
    body += u32(15, table) if r.action == "lookup" else b""
    body += u32(4, r.target) if r.action == "goto" else b""
    return Message(DELRULE, 0, body) if delete else Message(NEWRULE, CREATE | EXCL, body)


def addresses_of(
    ns: str, dump: list[bytes], names: dict[int, str], *, ours: bool = True
) -> Iterator[Address]:
    for body in dump:
        family, prefix, _, _, index = IFADDR.unpack_from(body)
        found = attributes(body, 8)
        known = family in (INET, INET6) and index in names
        if known and (found.get(11, b"\0")[0] == PROTOCOL) == ours:
            raw = found.get(2) or found[1]
            yield Address(ns=ns, link=names[index], ip=socket.inet_ntop(family, raw), prefix=prefix)


def connected(dump: list[bytes], names: dict[int, str]) -> Iterator[Prefix]:
    """The prefixes that the kernel itself routes to links, for the addresses that these have."""
    for body in dump:
        family, length, _, _, _, protocol, _, kind, _ = RTMSG.unpack_from(body)
        if protocol == KERNEL and kind == KINDS["unicast"]:
            found = attributes(body, 12)
            raw = found.get(1, bytes(16 if family == INET6 else 4))
            yield names.get(int.from_bytes(found.get(4, b""), "little"), ""), raw, length


def rooted(address: Address, prefixes: set[Prefix]) -> Address:
    """The address, and whether its prefix is still routed to its link: `ip route flush` takes that too."""
    raw = packed(address.ip)[1]
    width = len(raw) * 8
    host = width - address.prefix
    network = (int.from_bytes(raw, "big") >> host << host).to_bytes(len(raw), "big")
    unrouted = address.prefix == width or (width == 32 and network[0] == 0)  # ipv4_is_zeronet, fib_add_ifaddr
    stands = unrouted or (address.link, network, address.prefix) in prefixes
    return address if stands else replace(address, connected=False)


def routes_of(ns: str, dump: list[bytes], names: dict[int, str]) -> Iterator[Route]:
    for body in dump:
        family, length, source, tos, table, protocol, _, kind, flags = RTMSG.unpack_from(body)
        if protocol != PROTOCOL or kind not in KIND_NAMES or source or tos:  # which none of ours has
            continue
        found = attributes(body, 12)
        table = int.from_bytes(found.get(15, b""), "little") or table
        metric = int.from_bytes(found.get(6, b""), "little")
        raw = found.get(1, bytes(16 if family == INET6 else 4))
        plain = KIND_NAMES[kind] == "unicast"
        yield Route(
            ns=ns,
            table="main" if table == MAIN else str(table),
            dst=f"{socket.inet_ntop(family, raw)}/{length}",
            kind=KIND_NAMES[kind],
            metric=0 if family == INET6 and metric == 1024 else metric,
            link=names.get(int.from_bytes(found.get(4, b""), "little"), "") if plain else "",
            via=socket.inet_ntop(family, found[5]) if 5 in found else "",
            src=socket.inet_ntop(family, found[7]) if 7 in found else "",
            onlink=bool(flags & ONLINK),
        )


def choosy(found: dict[int, bytes]) -> bool:
    """Whether a rule asks for what none of ours asks for."""
    return not found.keys() <= SELECTORS or found.get(14, ANY_LENGTH) != ANY_LENGTH


def rules_of(dump: list[bytes]) -> Iterator[Rule]:
    for body in dump:
        family, length, _, tos, *_, action, flags = RTMSG.unpack_from(body)
        found = attributes(body, 12)
        if found.get(21, b"\0")[0] != PROTOCOL or action not in ACTION_NAMES:
            continue

        def number(kind: int, found: dict[int, bytes] = found) -> int:
            return int.from_bytes(found.get(kind, b""), "little")

        yield Rule(
            family="inet" if family == INET else "inet6",
            priority=str(number(6)),
            action=ACTION_NAMES[action],
            iif=found.get(3, b"").rstrip(b"\0").decode(),
            dst=f"{socket.inet_ntop(family, found[1])}/{length}" if 1 in found else "",
            target=number(4),
            mark=number(10),
            mask=number(16),
            narrowed=bool(tos or flags & INVERT or choosy(found)),
            table=str(number(15)) if ACTION_NAMES[action] == "lookup" else "",
        )


ALL_ADDRESSES = IFADDR.pack(0, 0, 0, 0, 0)


def of_link(index: int) -> bytes:
    return IFADDR.pack(0, 0, 0, 0, index)


def all_routes(family: int, table: int = 0, protocol: int = 0) -> bytes:
    return RTMSG.pack(family, 0, 0, 0, table, protocol, 0, 0, 0)


def all_rules(family: int) -> bytes:
    return RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)

"""Routing policy rules as rtnetlink messages, both ways."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from ...core.resource import Key
from ...kinds.ownership import PROTOCOL
from ...kinds.rule import Rule
from ..netlink.fields import integer, string
from ..netlink.links import DELRULE, GETRULE, INET, INET6, NEWRULE, ip_of, packed
from ..netlink.socket import CREATE, EXCL, Message, attr, attributes, dump, families, u8
from .table import Kind, Readings, Requests, Step, View, register

# linux/fib_rules.h
FIB_RULE = struct.Struct("=BBBBBBBBI")
FRA_DST, FRA_SRC, FRA_SUPPRESS_PREFIXLEN, FRA_PROTOCOL = 1, 2, 14, 21
PRIORITY, TABLE = integer(6), integer(15)
IIF, TARGET, MARK, MASK = string(3), integer(4), integer(10), integer(16)
ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "prohibit": 8}
WHICHEVER = 0  # FR_ACT_UNSPEC, of what is deleted
ACTION_NAMES = {number: name for name, number in ACTIONS.items()}
INVERT, ANY_LENGTH = 2, b"\xff\xff\xff\xff"  # FIB_RULE_INVERT; FRA_SUPPRESS_PREFIXLEN of those without
SELECTORS = {FRA_DST, FRA_SRC, FRA_SUPPRESS_PREFIXLEN, FRA_PROTOCOL} | {
    one.number for one in (PRIORITY, TABLE, IIF, TARGET, MARK, MASK)
}  # that ours may have


def message(r: Rule, *, delete: bool = False) -> Message:
    family, table = INET if r.family == "inet" else INET6, int(r.table or 0)
    (dst, _, to), (src, _, since) = r.dst.partition("/"), r.src.partition("/")
    lengths = int(to or 0), int(since or 0)
    body = FIB_RULE.pack(family, *lengths, 0, min(table, 255), 0, 0, ACTIONS.get(r.action, WHICHEVER), 0)
    body += attr(FRA_DST, packed(dst)[1]) if dst else b""
    body += attr(FRA_SRC, packed(src)[1]) if src else b""
    body += PRIORITY.to(int(r.priority)) + u8(FRA_PROTOCOL, PROTOCOL)
    body += IIF.to(r.iif) if r.iif else b""
    body += MARK.to(r.mark) + MASK.to(r.mask) if r.mask else b""
    body += TABLE.to(table) if r.action == "lookup" else b""
    body += TARGET.to(r.target) if r.action == "goto" else b""
    return Message(DELRULE, 0, body) if delete else Message(NEWRULE, CREATE | EXCL, body)


def put(requests: Requests, step: Step, rule: Rule) -> None:
    requests.add(step, message(rule))


def remove(requests: Requests, step: Step, rule: Rule) -> None:
    """Twice: Linux deletes the first that has all this, which may be one that asks for more.  Of several that
    are called alike each, by what they have in common."""
    if rule.beside:
        rule = Rule(family=rule.family, priority=rule.priority, iif=rule.iif, action="", beside=rule.beside)
    requests.add(step, *[message(rule, delete=True)] * max(2, 1 + rule.beside))


def rules(view: View, channel: socket.socket) -> list[bytes]:
    heads = (FIB_RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) for family in families())
    return list(chain.from_iterable(dump(channel, GETRULE, head) for head in heads))


def decode(readings: Readings, ns: str) -> Iterator[Rule]:
    """Of several that are called alike the first, of which nobody can tell what it still does."""
    alike: dict[Key, list[Rule]] = {}
    for rule in marked(readings, ns):
        alike.setdefault(rule.key, []).append(rule)
    for rule, *more in alike.values():
        yield replace(rule, narrowed=True, beside=len(more)) if more else rule


def marked(readings: Readings, ns: str) -> Iterator[Rule]:
    for body in readings.view(ns).dumps[Rule]:
        family, to, since, tos, *_, action, flags = FIB_RULE.unpack_from(body)
        found = attributes(body, FIB_RULE.size)
        if found.get(FRA_PROTOCOL, b"\0")[0] != PROTOCOL or action not in ACTION_NAMES:
            continue
        yield Rule(
            family="inet" if family == INET else "inet6",
            priority=str(PRIORITY.of(found)),
            action=ACTION_NAMES[action],
            iif=IIF.of(found),
            src=f"{ip_of(found[FRA_SRC])}/{since}" if FRA_SRC in found else "",
            dst=f"{ip_of(found[FRA_DST])}/{to}" if FRA_DST in found else "",
            target=TARGET.of(found),
            mark=MARK.of(found),
            mask=MASK.of(found),
            narrowed=bool(tos or flags & INVERT or choosy(found)),
            table=str(TABLE.of(found)) if ACTION_NAMES[action] == "lookup" else "",
        )


def choosy(found: dict[int, bytes]) -> bool:
    """Whether a rule asks for what none of ours asks for."""
    unlike = found.get(FRA_SUPPRESS_PREFIXLEN, ANY_LENGTH) != ANY_LENGTH
    return unlike or not found.keys() <= SELECTORS


register(Kind(of=Rule, put=put, remove=remove, dump=rules, decode=decode))

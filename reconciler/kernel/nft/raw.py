"""Our tables as the kernel holds them: names as text, all else in the kernel's own bytes and numbers."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...kinds.ownership import TABLE, TABLE_PREFIX
from ..netlink.netfilter import word
from ..netlink.socket import attr, attributes, text
from .hooks import Hook
from .wire import GETCHAIN, GETRULE, GETSET, GETSETELEM, GETTABLE, NUMBERS, RulesetReading

FAMILIES = ("inet", "bridge")
ANONYMOUS, INTERVAL, MAP, TIMEOUT, DYNAMIC = 0x1, 0x4, 0x8, 0x10, 0x20  # NFT_SET_*
# NFTA_SET_FLAGS, key, data and their lengths, POLICY, DESC, TIMEOUT, GC_INTERVAL, USERDATA, EXPR, EXPRESSIONS
DECLARED = (3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 17, 18)
TABLE_FLAGS, DORMANT = 2, 0x1  # NFTA_TABLE_FLAGS, NFT_TABLE_F_DORMANT
EXPRESSION = 17  # NFTA_SET_EXPR
FLAGS = {INTERVAL: "interval", TIMEOUT: "timeout", DYNAMIC: "dynamic"}  # those that ours have


class RawSet(NamedTuple):
    """`key` and `data` are (type, length), `declaration` the attributes that make another like it; `elements`
    are the element lists, one a message."""

    name: str
    flags: int
    key: tuple[int, int]
    data: tuple[int, int]
    declaration: bytes
    elements: list[bytes]


class RawRule(NamedTuple):
    expressions: bytes
    comment: bytes


class RawChain(NamedTuple):
    name: str
    hook: Hook | None
    rules: list[RawRule]


class TableHead(NamedTuple):
    family: str
    name: str
    comment: str
    dormant: bool


class RawTable(NamedTuple):
    family: str
    name: str
    comment: str
    dormant: bool
    sets: list[RawSet]
    chains: list[RawChain]


class Selection(NamedTuple):
    """What of a ruleset is to be read: the elements that are declared or, `dynamic`, those
    that packets put there."""

    table: Callable[[str], bool]
    set: Callable[[str], bool] = lambda name: True
    chains: bool = True
    elements: bool = True
    dynamic: bool = False


def is_ours(table: str) -> bool:
    """Also those that versions before 0.3 made."""
    return table == TABLE or (table.startswith(TABLE_PREFIX) and table != TABLE_PREFIX)


def tables(reading: RulesetReading, wanted: Selection) -> list[RawTable]:
    return [
        table(reading, head, wanted)
        for head in heads(reading)
        if head.family in FAMILIES and wanted.table(head.name)
    ]


def heads(reading: RulesetReading) -> Iterator[TableHead]:
    """Of every table."""
    for message in reading.ask(GETTABLE):
        words = dict(userdata(message.attributes.get(6, b"")))
        flags = int.from_bytes(message.attributes.get(TABLE_FLAGS, b""), "big")
        name, comment = word(message.attributes[1]), word(words.get(0, b""))
        yield TableHead(message.family, name, comment, bool(flags & DORMANT))


def table(reading: RulesetReading, head: TableHead, wanted: Selection) -> RawTable:
    family, name, *_ = head
    sets = [
        one(reading, family, found.attributes, wanted)
        for found in reading.ask(GETSET, NUMBERS[family], text(1, name))
        if wanted.set(word(found.attributes[2]))
    ]
    return RawTable(*head, sets, chains(reading, family, name) if wanted.chains else [])


def one(reading: RulesetReading, family: str, found: dict[int, bytes], wanted: Selection) -> RawSet:
    flags, key, size, data, width = (int.from_bytes(found.get(kind, b""), "big") for kind in (3, 4, 5, 6, 7))
    where = text(1, word(found[1])) + text(2, word(found[2]))
    asked = wanted.elements and wanted.dynamic == bool(flags & DYNAMIC)
    answer = reading.ask(GETSETELEM, NUMBERS[family], where) if asked else []
    elements = [message.attributes[3] for message in answer if 3 in message.attributes]
    declaration = b"".join(attr(kind, found[kind]) for kind in DECLARED if kind in found)
    return RawSet(word(found[2]), flags, (key, size), (data, width), declaration, elements)


def chains(reading: RulesetReading, family: str, table: str) -> list[RawChain]:
    rules: dict[str, list[RawRule]] = {}
    for message in reading.ask(GETRULE, NUMBERS[family], text(1, table)):
        found = message.attributes
        rules.setdefault(word(found[2]), []).append(RawRule(found.get(4, b""), found.get(7, b"")))
    return [
        RawChain(word(found[3]), hook(found), rules.get(word(found[3]), []))
        for _, found in reading.ask(GETCHAIN, NUMBERS[family])
        if word(found[1]) == table
    ]


def hook(found: dict[int, bytes]) -> Hook | None:
    if 4 not in found:
        return None
    where = attributes(found[4])
    number, priority = (int.from_bytes(where[kind], "big", signed=True) for kind in (1, 2))
    return Hook(word(found[7]), number, priority, int.from_bytes(found.get(5, b"\1"), "big"))


def userdata(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Userspace's own attributes, with one byte each for number and length."""
    at = 0
    while at + 2 <= len(data):
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]

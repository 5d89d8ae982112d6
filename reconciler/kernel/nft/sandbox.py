"""Tables of ours in sandboxes, many of which have the same: what is said and read is worked out once."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from ...core.plan import Step, plan
from ...core.resource import Resource, state
from ...kinds.nft import Chain, Map, Table, path
from ..netlink.socket import attr, items
from ..transcript import HERE, Transcript, note, noting
from . import raw
from .batch import BatchMessage, deliver, open_channel, packed
from .encode import ELEMENT
from .hooks import Hook
from .read import resources
from .text import shape
from .transaction import made, removed, sorted_out, transaction
from .wire import BoundedReading, TooMuch, snapshot
from .write import codes

DIFFERENT = 256  # tables, or changes of tables, that are remembered


class Elements(NamedTuple):
    """A set as it was read, whatever the order of its elements."""

    name: str
    flags: int
    key: tuple[int, int]
    data: tuple[int, int]
    declaration: bytes
    elements: frozenset[bytes]


class Frozen(NamedTuple):
    """A table of them."""

    family: str
    name: str
    comment: str
    sets: tuple[Elements, ...]
    chains: tuple[tuple[str, Hook | None, tuple[raw.RawRule, ...]], ...]


def tables() -> tuple[Frozen, ...]:
    """Those of the namespace that the thread is in: they are its own, not the host's.  Raises TooMuch."""
    with noting(Transcript()):
        found = snapshot(lambda reading: raw.tables(reading, raw.Selection(raw.is_ours)), BoundedReading)
    return tuple(map(frozen, found))


def frozen(table: raw.RawTable) -> Frozen:
    chains = ((chain.name, chain.hook, tuple(chain.rules)) for chain in table.chains)
    return Frozen(table.family, table.name, table.comment, tuple(map(unordered, table.sets)), tuple(chains))


def unordered(one: raw.RawSet) -> Elements:
    found = frozenset(element for message in one.elements for _, element in items(message))
    return Elements(one.name, one.flags, one.key, one.data, one.declaration, found)


def thawed(table: Frozen) -> raw.RawTable:
    sets = [raw.RawSet(*one[:-1], [b"".join(attr(ELEMENT, e) for e in one.elements)]) for one in table.sets]
    chains = [raw.RawChain(name, hook, list(rules)) for name, hook, rules in table.chains]
    return raw.RawTable(table.family, table.name, table.comment, sets, chains)


def words(found: Sequence[Frozen]) -> list[bytes]:
    """All that they say, as bytes."""
    parts = [(*t[:3], [(*one[:-1], sorted(one.elements)) for one in t.sets], t.chains) for t in found]
    return [repr(parts).encode()]


def answer() -> list[bytes]:
    """What `look` notes; nothing where that is too much."""
    with suppress(TooMuch):
        return words(tables())
    return [b""]


def look() -> tuple[Frozen, ...] | None:
    """None where it is too much."""
    found = None
    with suppress(TooMuch):
        found = tables()
    note("tables", (), [b""] if found is None else words(found), HERE.get())
    return found


def read(found: Iterable[Frozen], named: Iterable[Resource]) -> list[Resource]:
    """As read.read of the host's."""
    wanted = {r.key: r for r in named if isinstance(r, Table | Map | Chain)}
    with noting(Transcript()):
        return [resource for table in found for resource in resources(thawed(table), wanted)]


class Prepared(NamedTuple):
    """A transaction, and its bytes."""

    messages: Sequence[BatchMessage]
    data: bytes


def replacement(table: Table, new: Sequence[Resource]) -> Prepared:
    """Whatever stands of the table goes, and these come, at once."""
    step = Step("+", table)
    return prepared([made(step, {}, 0), removed(step), *messages([], new)])


def change(old: Sequence[Resource], new: Sequence[Resource]) -> Prepared:
    """From what stands to what is wanted."""
    return prepared(messages(old, new))


def messages(old: Sequence[Resource], new: Sequence[Resource]) -> list[BatchMessage]:
    work = sorted_out(plan(state(*old), state(*new)))
    forms = {path(r): shape(r) for r in (*old, *new) if isinstance(r, Map)}
    return transaction(work, forms, forms, codes(work, forms))


def prepared(found: Sequence[BatchMessage]) -> Prepared:
    return Prepared(found, b"".join(packed(found)))


def commit(one: Prepared) -> None:
    """Raises KernelError where it is refused, and nothing has happened."""
    channel, _ = open_channel()
    with channel:
        if one.messages:
            deliver(channel, one.data, one.messages)


cached = lru_cache(DIFFERENT)

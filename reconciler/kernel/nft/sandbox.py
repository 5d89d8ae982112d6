"""Tables of ours in sandboxes, many of which have the same: what is said and read is worked out once."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...core.plan import Step, plan
from ...core.resource import Resource, state
from ...errors import KernelError
from ...kinds.balancer import FAMILY
from ...kinds.nft import Chain, Map, Table, path
from ...kinds.ownership import TABLE
from ..netlink.socket import items
from ..transcript import HERE, Transcript, note, noting
from . import raw
from .batch import BatchMessage, deliver, open_channel, packed
from .read import resources
from .text import shape
from .transaction import made, removed, sorted_out, transaction
from .wire import BoundedReading, TooMuch, snapshot
from .write import codes

MOST_KNOWN = 256  # tables, or changes of tables, that are remembered


class Look(NamedTuple):
    """The table of ours in one namespace, or none, and all that it says as bytes, whatever the order of its
    elements; none, and nothing, where that is too much, or never twice the same."""

    tables: Sequence[raw.RawTable]
    said: bytes


ILLEGIBLE = Look((), b"")
ALIKE = raw.Selection(TABLE.__eq__)  # others of theirs are of who is root there


def looked() -> Look:
    """In the namespace that the thread is in: that place's, and nothing of the host's."""
    with noting(Transcript()), suppress(TooMuch, KernelError):
        every = snapshot(lambda reading: raw.tables(reading, ALIKE), BoundedReading)
        found = [table for table in every if table.family == FAMILY]
        return Look(found, words(found))
    return ILLEGIBLE


def words(found: Iterable[raw.RawTable]) -> bytes:
    ordered = [table._replace(sets=[unordered(one) for one in table.sets]) for table in found]
    return repr(ordered).encode()


def unordered(one: raw.RawSet) -> raw.RawSet:
    return one._replace(elements=sorted(element for message in one.elements for _, element in items(message)))


def answer() -> list[bytes]:
    """What `look` notes."""
    return [looked().said]


def look() -> Look:
    found = looked()
    note("tables", (), [found.said], HERE.get())
    return found


def read(found: Look, named: Iterable[Resource]) -> list[Resource]:
    """As read.read of the host's."""
    wanted = {r.key: r for r in named if isinstance(r, Table | Map | Chain)}
    with noting(Transcript()):
        return [resource for table in found.tables for resource in resources(table, wanted)]


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
        deliver(channel, one.data, one.messages)

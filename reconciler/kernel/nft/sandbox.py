"""Tables of ours in sandboxes, many of which have the same: what is said and read is worked out once."""

import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...core.plan import Step, plan
from ...core.resource import Resource, state
from ...errors import KernelError
from ...kinds.balancer import FAMILY
from ...kinds.nft import Chain, Map, Table, path
from ...kinds.ownership import TABLE
from ..netlink.socket import attr, items
from ..transcript import HERE, Transcript, note, noting
from . import raw
from .batch import BEFORE, BatchMessage, Outdated, bound, deliver, open_channel, packed
from .read import resources
from .text import shape
from .transaction import made, removed, sorted_out, transaction
from .wire import BoundedReading, RulesetReading, TooMuch, snapshot
from .write import codes, parts

MOST_KNOWN = 256  # tables, or changes of tables, that are remembered


class Look(NamedTuple):
    """The table of ours in one namespace, or none, and all that it says as bytes, whatever the order of its
    elements; none, and nothing, where that is too much, or never twice the same."""

    tables: Sequence[raw.RawTable]
    said: bytes


ILLEGIBLE = Look((), b"")
ALIKE = raw.Selection(TABLE.__eq__)  # others of theirs are of who is root there
NETNS_COOKIE = 71  # SO_NETNS_COOKIE
MOST_SANDBOXES = 1 << 14


class KnownTable(NamedTuple):
    """What was read at a generation of one namespace's ruleset; and the bytes of the transaction, if any, by
    which the next one came."""

    generation: int | None
    found: Look
    done: bytes = b""

    def outcome(self, now: int | None) -> tuple[bytes, bytes] | None:
        """What the next generation follows from, where that is what stands `now`."""
        follows = self.done and self.generation is not None and now == self.generation + 1 & 0xFFFFFFFF
        return (self.found.said, self.done) if follows else None


UNREAD = KnownTable(None, ILLEGIBLE)
KNOWN: dict[bytes, KnownTable] = {}  # by namespace
ALIKE_LOOKS: dict[bytes, Look] = {}  # by what they say
OUTCOMES: dict[
    tuple[bytes, bytes], Look
] = {}  # what was read where a transaction had been made of what was said


def looked() -> Look:
    """In the namespace that the thread is in: that place's, and nothing of the host's."""
    return standing().found


def standing() -> KnownTable:
    with noting(Transcript()), suppress(TooMuch, KernelError):
        cookie, found = snapshot(known_or_read, BoundedReading)
        if cookie:
            KNOWN[cookie] = found
        return found
    return UNREAD


def known_or_read(reading: RulesetReading) -> tuple[bytes, KnownTable]:
    """What was read at this generation of the same namespace; or of another that said the same, of which the
    same transaction has been made, and nothing else, here as there; or is read now."""
    cookie, now = netns_cookie(reading.socket), reading.generation
    before = KNOWN.get(cookie, UNREAD)
    if now is not None and now == before.generation:
        return cookie, before._replace(done=b"")
    outcome = before.outcome(now)
    if outcome in OUTCOMES:
        return cookie, KnownTable(now, OUTCOMES[outcome])
    tables = [table for table in raw.tables(reading, ALIKE) if table.family == FAMILY]
    found = shared(Look(tables, words(tables)))
    if outcome:
        OUTCOMES[outcome] = found
    return cookie, KnownTable(now, found)


def standings(cookie: bytes) -> Iterator[KnownTable]:
    """As it was read last, and as it is read now."""
    yield KNOWN.get(cookie, UNREAD)
    yield standing()


def netns_cookie(one: socket.socket) -> bytes:
    """What no other namespace has, nor will have until the machine boots; nothing before Linux 5.14."""
    with suppress(OSError):
        return one.getsockopt(socket.SOL_SOCKET, NETNS_COOKIE, 8)
    return b""


def shared(found: Look) -> Look:
    """Many have the same: it is held once."""
    if max(len(ALIKE_LOOKS), len(OUTCOMES)) >= MOST_KNOWN or len(KNOWN) >= MOST_SANDBOXES:
        for known in (ALIKE_LOOKS, OUTCOMES, KNOWN):
            known.clear()
    return ALIKE_LOOKS.setdefault(found.said, found)


def words(found: Iterable[raw.RawTable]) -> bytes:
    ordered = [table._replace(sets=[unordered(one) for one in table.sets]) for table in found]
    return repr(ordered).encode()


def unordered(one: raw.RawSet) -> raw.RawSet:
    return one._replace(elements=sorted(piece for message in one.elements for piece in pieces(message)))


def pieces(message: bytes) -> list[bytes]:
    """An element each: nearly always all are as long as the first, and nothing need be looked at in them."""
    size = int.from_bytes(message[:2], sys.byteorder) + 3 & ~3
    equal = [message[at : at + size] for at in range(0, len(message), max(size, 4))]
    if all(piece[:4] == message[:4] for piece in equal):
        return equal
    return [attr(kind, element) for kind, element in items(message)]


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
    """Whatever stands of the table goes, and these come, at once where there is room; else chains last."""
    step = Step("+", table)
    cleared = [one._replace(turn=BEFORE) for one in (made(step, {}, 0), removed(step))]
    return prepared([*cleared, *messages([], new)])


def change(old: Sequence[Resource], new: Sequence[Resource]) -> Prepared:
    """From what stands to what is wanted."""
    return prepared(messages(old, new))


def messages(old: Sequence[Resource], new: Sequence[Resource]) -> list[BatchMessage]:
    work = sorted_out(plan(state(*old), state(*new)))
    forms = {path(r): shape(r) for r in (*old, *new) if isinstance(r, Map)}
    return transaction(work, forms, forms, codes(work, forms))


def prepared(found: Sequence[BatchMessage]) -> Prepared:
    return Prepared(found, b"".join(packed(found)))


def committed(one: Prepared, expected: Callable[[Look], bool]) -> bool:
    """Whether it was made of what stands, which is as `expected`: as it was read before, if that is the last
    generation, else as it is read now.  Nothing has happened where not."""
    channel, room = open_channel()
    with channel, suppress(KernelError):
        cookie = netns_cookie(channel)
        fit = (each for each in standings(cookie) if not each.done and expected(each.found))
        before = next((each for each in fit if deliver_to(each.generation, one, channel, room)), None)
        if before and cookie:
            KNOWN[cookie] = before._replace(done=one.data)
        return before is not None
    return False


def deliver_to(generation: int | None, one: Prepared, channel: socket.socket, room: int) -> bool:
    """Whether the ruleset was of this generation, and became the next; raises KernelError."""
    if generation is None or len(data := bound(one.data, generation)) > room:
        return False
    with suppress(Outdated):
        deliver(channel, data, one.messages)
        return True
    return False


def commit(one: Prepared) -> None:
    """Raises KernelError where it is refused, and nothing has happened, unless it is so long that it takes
    several transactions: then what came before that."""
    channel, room = open_channel()
    with channel:
        whole = len(one.data) <= room
        for part in [one.messages] if whole else parts(one.messages, room):
            deliver(channel, one.data if whole else b"".join(packed(part)), part)

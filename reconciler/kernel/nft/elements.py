"""The elements of a set or a map, out of a raw dump.

Elements of one length mostly look alike to the byte, so one `struct` takes all of them apart; what looks
otherwise (timeouts, the flags of plain intervals) is walked attribute by attribute.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, repeat
from typing import Any

from ...kinds.comment import decoded
from ..netlink.netfilter import word
from ..netlink.socket import ATTR, attr, attributes, items
from . import stateful, verdicts
from .datatypes import Type
from .raw import userdata
from .text import Shape

# NFTA_SET_ELEM_*
KEY, DATA, FLAGS, TIMEOUT, EXPIRATION, USERDATA, EXPRESSION, KEY_END = 1, 2, 3, 4, 5, 6, 7, 10
VALUE = 1  # NFTA_DATA_VALUE
INTERVAL_END = 1
COMMENT = 0  # NFTNL_UDATA_SET_ELEM_COMMENT
Said = tuple[str, str]  # what a comment tells: project and root
NOTHING: Said = "", ""
Beside = tuple[str, str]  # its own limit, and until when it is there
ALONE: Beside = "", ""
Told = tuple[str, str, Said, Beside]  # item, value, and what the comment says


def listed(form: Shape, messages: Iterable[bytes]) -> list[Told]:
    """What each element holds; `messages` are the element lists of one dump."""
    if form.is_plain_interval:
        return list(intervals(form, [e for message in messages for _, e in items(message)]))
    if form.data is verdicts.TYPE:
        return [single(form, e) for message in messages for _, e in items(message)]
    found: list[Told] = []
    for size, elements in by_length(messages).items():
        alike = b"".join(elements)
        found += Layout(form, size).alike(alike) or [single(form, e) for _, e in items(alike)]
    return found


def by_length(messages: Iterable[bytes]) -> dict[int, list[bytes]]:
    """Elements, headers and all, by their length; those of a message whose first byte recurs where the next
    ones should begin stay in one piece."""
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    for message in filter(None, messages):
        at, end = 0, len(message)
        size = ATTR.unpack_from(message)[0]
        if end % size == 0 and message[::size] == message[:1] * (end // size):
            found[size].append(message)
            continue
        while at < end:
            size = ATTR.unpack_from(message, at)[0]
            found[size].append(message[at : at + size])
            at += size
    return found


class Layout:
    """How an element of this shape and length lies on the wire when all it has is key, value and comment."""

    def __init__(self, form: Shape, size: int):
        self.form, self.size = form, size
        self.fields = [
            (KEY, form.key),
            *[(KEY_END, form.key)] * form.interval,
            *([(DATA, form.data)] if form.data else []),
        ]
        body = ">4s" + "".join(f"8s{kind.code}{-kind.size % 4}x" for _, kind in self.fields)
        self.comment = size - struct.calcsize(body)
        self.body = body + f"{self.comment}s" * (self.comment > 0)

    def alike(self, elements: bytes) -> list[Told]:
        """Nothing where any element is not laid out like this."""
        if self.comment < 0 or len(elements) % self.size:
            return []
        columns = iter(zip(*struct.iter_unpack(self.body, elements), strict=True))
        alike = set(next(columns)) == {ATTR.pack(self.size, 1)}
        values: dict[int, Sequence[Any]] = {}
        for number, kind in self.fields:
            whole = kind.size + -kind.size % 4 + 8
            alike &= set(next(columns)) == {ATTR.pack(whole, number) + ATTR.pack(kind.size + 4, VALUE)}
            values[number] = [next(columns) for _ in kind.parts]
        if self.comment:
            values[USERDATA] = comments = next(columns)
            alike &= {self.commented(comment) for comment in set(comments)} == {True}
        return list(rows(self.form, values)) if alike else []

    def commented(self, comment: bytes) -> bool:
        """True where it is one attribute, and that of a comment."""
        size, number = ATTR.unpack_from(comment)
        return bool(number == USERDATA and 0 <= self.comment - size < 4)


def rows(form: Shape, values: dict[int, Sequence[Any]]) -> Iterator[Told]:
    items = form.key.show(values[KEY], values.get(KEY_END))
    shown = form.data.show(values[DATA]) if form.data else [""] * len(values[KEY][0])
    comments = values.get(USERDATA) or [b""] * len(values[KEY][0])
    said = {comment: heard(comment) for comment in set(comments)}
    return zip(items, shown, map(said.__getitem__, comments), repeat(ALONE))


def heard(comment: bytes) -> Said:
    """Project and root, of an element's userdata; what is beyond them was written by somebody else."""
    if not comment:
        return NOTHING
    size, _ = ATTR.unpack_from(comment)
    words = decoded(word(dict(userdata(comment[ATTR.size : size])).get(COMMENT, b"")))
    return words[0], "".join(words[1:2])


def single(form: Shape, element: bytes) -> Told:
    found = attributes(element)
    if KEY not in found:
        return "*", "", NOTHING, ALONE  # the catch-all, which nothing of ours uses
    kinds = {KEY: form.key, KEY_END: form.key, DATA: form.data}
    values: dict[int, Sequence[Any]] = {
        number: [(value,) for value in unpacked(kind, found[number])]
        for number, kind in kinds.items()
        if kind and number in found
    }
    if USERDATA in found:
        values[USERDATA] = [attr(USERDATA, found[USERDATA])]
    [(item, shown, (project, root), _)] = rows(form, values)
    limit = stateful.said(found[EXPRESSION]) if EXPRESSION in found else ""
    if TIMEOUT not in found:
        return item, shown, (project, root), (limit, "")
    return item, shown, (project, ""), (limit, root or "?")


def unpacked(kind: Type, field: bytes) -> tuple[Any, ...]:
    if kind is verdicts.TYPE:
        return (verdicts.said(field),)
    return struct.unpack(">" + kind.code, attributes(field)[VALUE])


def intervals(form: Shape, elements: Iterable[bytes]) -> Iterator[Told]:
    """A plain interval is two elements: where it starts, and, flagged, the first that is beyond it."""
    (part,) = form.key.parts
    ends: list[tuple[int, bool, str, Said]] = []
    for element in elements:
        found = attributes(element)
        start = not found.get(FLAGS, b"\0")[-1] & INTERVAL_END
        number = int.from_bytes(attributes(found[KEY])[VALUE], "big")
        _, value, said, _ = single(form, element) if start else ("", "", NOTHING, ALONE)
        ends.append((number, start, value, said))
    ends.sort()
    beyond = (1 << 8 * part.size, False, "", NOTHING)
    for (first, start, value, said), (following, *_) in pairwise([*ends, beyond]):
        if start:
            low, high = (
                struct.unpack(">" + part.code, n.to_bytes(part.size, "big"))[0]
                for n in (first, following - 1)
            )
            yield part.span(low, high), value, said, ALONE

"""The elements of a set or a map, out of a raw dump.

Elements of one set mostly look alike to the byte, so one `struct` takes a whole message apart; what looks
otherwise (comments, timeouts, the flags of plain intervals) is walked attribute by attribute.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from ..netlink.socket import ATTR, attributes, items
from .datatypes import Type
from .text import Shape

KEY, DATA, FLAGS, KEY_END = 1, 2, 3, 10  # NFTA_SET_ELEM_*
VALUE = 1  # NFTA_DATA_VALUE
INTERVAL_END = 1
Pair = tuple[str, str]  # item, value


def listed(form: Shape, messages: Iterable[bytes]) -> list[Pair]:
    """Items with their values; `messages` are the element lists of one dump."""
    if form.interval and len(form.key.parts) == 1:
        return list(intervals(form, [e for message in messages for _, e in items(message)]))
    layout = Layout(form)
    found: list[Pair] = []
    for message in messages:
        found += layout.alike(message) or [single(form, e) for _, e in items(message)]
    return found


class Layout:
    """How an element of this shape lies on the wire when it has a key and a value and nothing else."""

    def __init__(self, form: Shape):
        self.form = form
        self.fields = [
            (KEY, form.key),
            *[(KEY_END, form.key)] * form.interval,
            *([(DATA, form.data)] if form.data else []),
        ]
        body = "".join(f"8s{kind.code}{-kind.size % 4}x" for _, kind in self.fields)
        self.row = struct.Struct(">4s" + body)

    def alike(self, message: bytes) -> list[Pair]:
        """Nothing where any element is not laid out like this."""
        if not message or len(message) % self.row.size:
            return []
        columns = iter(zip(*self.row.iter_unpack(message), strict=True))
        alike = set(next(columns)) == {ATTR.pack(self.row.size, 1)}
        values: dict[int, list[tuple[Any, ...]]] = {}
        for number, kind in self.fields:
            alike &= set(next(columns)) == {
                ATTR.pack(kind.size + 8, number) + ATTR.pack(kind.size + 4, VALUE)
            }
            values[number] = [next(columns) for _ in kind.parts]
        return list(pairs(self.form, values)) if alike else []


def pairs(form: Shape, values: dict[int, list[tuple[Any, ...]]]) -> Iterator[Pair]:
    items = form.key.show(values[KEY], values.get(KEY_END))
    shown = form.data.show(values[DATA]) if form.data else [""] * len(values[KEY][0])
    return zip(items, shown, strict=True)


def single(form: Shape, element: bytes) -> Pair:
    found = attributes(element)
    if KEY not in found:
        return "*", ""  # the catch-all, which nothing of ours uses
    kinds = {KEY: form.key, KEY_END: form.key, DATA: form.data}
    values = {
        number: [(value,) for value in unpacked(kind, found[number])]
        for number, kind in kinds.items()
        if kind and number in found
    }
    [pair] = pairs(form, values)
    return pair


def unpacked(kind: Type, field: bytes) -> tuple[Any, ...]:
    return struct.unpack(">" + kind.code, attributes(field)[VALUE])


def intervals(form: Shape, elements: Iterable[bytes]) -> Iterator[Pair]:
    """A plain interval is two elements: where it starts, and, flagged, the first that is beyond it."""
    (part,) = form.key.parts
    ends: list[tuple[int, bool, str]] = []
    for element in elements:
        found = attributes(element)
        start = not found.get(FLAGS, b"\0")[-1] & INTERVAL_END
        number = int.from_bytes(attributes(found[KEY])[VALUE], "big")
        ends.append((number, start, single(form, element)[1] if start else ""))
    ends.sort()
    beyond = (1 << 8 * part.size, False, "")
    for (first, start, value), (following, _, _) in pairwise([*ends, beyond]):
        if start:
            low, high = (
                struct.unpack(">" + part.code, n.to_bytes(part.size, "big"))[0]
                for n in (first, following - 1)
            )
            yield part.span(low, high), value

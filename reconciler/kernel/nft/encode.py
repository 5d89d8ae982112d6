"""Elements as the kernel takes them."""

import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat

from ...kinds.comment import encoded
from ...kinds.nft import Element
from ..netlink.socket import ATTR, attr
from . import stateful, verdicts
from .datatypes import Type
from .elements import COMMENT, DATA, EXPRESSION, FLAGS, INTERVAL_END, KEY, KEY_END, TIMEOUT, USERDATA, VALUE
from .text import Shape

NESTED = 0x8000  # NLA_F_NESTED
FIELD = struct.Struct("=HHHH")
ELEMENT = 1 | NESTED  # NFTA_LIST_ELEM
BEYOND = attr(FLAGS, INTERVAL_END.to_bytes(4, "big"))
# NFTNL_UDATA_SET_ELEM_FLAGS, SEGTREE_INTERVAL_OPEN: so nft prints the end of an interval that has none.
OPEN = struct.pack("=BBI", 1, 4, 1)
Column = Iterable[bytes]


def elements(wanted: Sequence[Element], form: Shape) -> list[bytes]:
    """Each with its value and comment; raises ValueError for what is not in normal form."""
    values = [r.value for r in wanted]
    if not all(values) if form.data else any(values):
        raise ValueError("a value too many, or none")
    data = valued(form.data, values) if form.data else []
    told = [userdata(r.project, r.root or r.until) for r in wanted]
    return placed(wanted, form, [*data, beside(wanted, form)], told)


def valued(form: Type, values: list[str]) -> list[Column]:
    if form is verdicts.TYPE:
        return [[verdicts.packed(value) for value in values]]
    return fields(DATA, form, form.pack(values))


def keys(wanted: Sequence[Element], form: Shape) -> list[bytes]:
    """What tells which ones are deleted."""
    return placed(wanted, form, [], [b""] * len(wanted))


def beside(wanted: Sequence[Element], form: Shape) -> Column:
    """How long each is there, and its own limit."""
    if form.is_plain_interval or not (form.template or form.flags.endswith("timeout")):
        if any(r.limit or r.until for r in wanted):
            raise ValueError("a limit, or an end, where none can be")
        return repeat(b"")
    return [lasting(r.until) + limited(r.limit) for r in wanted]


def lasting(until: str) -> bytes:
    """A time that has passed is over at once."""
    milliseconds = max(int(1000 * (int(until) - time.time())), 1) if until else 0
    return attr(TIMEOUT, milliseconds.to_bytes(8, "big")) if until else b""


def limited(words: str) -> bytes:
    return attr(EXPRESSION | NESTED, stateful.packed(words)) if words else b""


def placed(wanted: Sequence[Element], form: Shape, data: list[Column], told: Sequence[bytes]) -> list[bytes]:
    items = [r.item for r in wanted]
    firsts, lasts = form.key.bounds(items) if form.interval else (form.key.pack(items), [])
    if form.is_plain_interval:
        values = map(b"".join, zip(*data, strict=False)) if data else repeat(b"")
        return list(map(plain, firsts[0], lasts[0], values, told))
    columns = [*fields(KEY, form.key, firsts), *(fields(KEY_END, form.key, lasts) if lasts else []), *data]
    rest = [b"".join(row) for row in zip(*columns, map(commented, told), strict=False)]
    heads = {size: ATTR.pack(size + ATTR.size, ELEMENT) for size in set(map(len, rest))}
    return [heads[len(one)] + one for one in rest]


def plain(first: bytes, last: bytes, value: bytes, told: bytes) -> bytes:
    """A plain interval is two: where it starts and, flagged, what is beyond it, unless nothing is."""
    if ends_nowhere(last):
        return nested(field(KEY, first) + value + commented(told + OPEN))
    beyond = (int.from_bytes(last, "big") + 1).to_bytes(len(last), "big")
    return nested(field(KEY, first) + value + commented(told)) + nested(BEYOND + field(KEY, beyond))


def ends_nowhere(last: bytes) -> bool:
    """Whether an interval goes up to the greatest there is."""
    return not last.strip(b"\xff")


def fields(kind: int, form: Type, parts: list[Iterator[bytes]]) -> list[Column]:
    """Values of one type as attributes, by columns."""
    pad = -form.size % 4
    head = FIELD.pack(form.size + pad + 8, kind | NESTED, form.size + 4, VALUE)
    return [repeat(head), *parts, *([repeat(b"\0" * pad)] if pad else [])]


def field(kind: int, raw: bytes) -> bytes:
    return attr(kind | NESTED, attr(VALUE, raw))


def nested(content: bytes) -> bytes:
    return ATTR.pack(len(content) + 4, ELEMENT) + content


@lru_cache
def commented(told: bytes) -> bytes:
    return attr(USERDATA, told) if told else b""


@lru_cache
def userdata(*words: str) -> bytes:
    comment = encoded(*words).encode()
    return bytes((COMMENT, len(comment) + 1)) + comment + b"\0" if comment else b""

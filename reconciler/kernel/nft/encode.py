"""Elements as the kernel takes them."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat

from ...kinds.comment import encoded
from ...kinds.nft import Element
from ..netlink.socket import ATTR, attr
from .datatypes import Type
from .elements import COMMENT, DATA, FLAGS, INTERVAL_END, KEY, KEY_END, USERDATA, VALUE
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
    data = fields(DATA, form.data, form.data.pack(values)) if form.data else []
    return placed(wanted, form, data, [userdata(r.project, r.root) for r in wanted])


def keys(wanted: Sequence[Element], form: Shape) -> list[bytes]:
    """What tells which ones are deleted."""
    return placed(wanted, form, [], [b""] * len(wanted))


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

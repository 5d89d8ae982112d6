"""Elements as the kernel takes them."""

import struct
from functools import cache

from ...kinds.comment import encoded
from ...kinds.nft import Element
from ..netlink.socket import ATTR, attr
from .elements import COMMENT, DATA, FLAGS, INTERVAL_END, KEY, KEY_END, USERDATA, VALUE
from .text import Shape

NESTED = 0x8000  # NLA_F_NESTED
FIELD = struct.Struct("=HHHH")
ELEMENT = 1 | NESTED  # NFTA_LIST_ELEM
BEYOND = attr(FLAGS, INTERVAL_END.to_bytes(4, "big"))
# NFTNL_UDATA_SET_ELEM_FLAGS, SEGTREE_INTERVAL_OPEN: so nft prints the end of an interval that has none.
OPEN = struct.pack("=BBI", 1, 4, 1)


def element(r: Element, form: Shape) -> bytes:
    """One with its value and comment; raises ValueError for what is not in normal form."""
    if bool(r.value) != bool(form.data):
        raise ValueError(r.text)
    value = field(DATA, form.data.pack(r.value)) if form.data else b""
    return placed(r, form, value, userdata(r.project, r.root))


def key(r: Element, form: Shape) -> bytes:
    """What tells which one is deleted."""
    return placed(r, form, b"", b"")


def placed(r: Element, form: Shape, value: bytes, told: bytes) -> bytes:
    """A plain interval is two: where it starts and, flagged, what is beyond it, unless nothing is."""
    if not form.interval:
        return nested(field(KEY, form.key.pack(r.item)) + value + commented(told))
    first, last = form.key.bounds(r.item)
    if not form.is_plain_interval:
        return nested(field(KEY, first) + field(KEY_END, last) + value + commented(told))
    if ends_nowhere(last):
        return nested(field(KEY, first) + value + commented(told + OPEN))
    beyond = (int.from_bytes(last, "big") + 1).to_bytes(len(last), "big")
    return nested(field(KEY, first) + value + commented(told)) + nested(BEYOND + field(KEY, beyond))


def ends_nowhere(last: bytes) -> bool:
    """Whether an interval goes up to the greatest there is."""
    return not last.strip(b"\xff")


def field(kind: int, raw: bytes) -> bytes:
    pad = -len(raw) % 4
    return FIELD.pack(len(raw) + pad + 8, kind | NESTED, len(raw) + 4, VALUE) + raw + b"\0" * pad


def nested(content: bytes) -> bytes:
    return ATTR.pack(len(content) + 4, ELEMENT) + content


def commented(told: bytes) -> bytes:
    return attr(USERDATA, told) if told else b""


@cache
def userdata(*words: str) -> bytes:
    comment = encoded(*words).encode()
    return bytes((COMMENT, len(comment) + 1)) + comment + b"\0" if comment else b""

"""rtnetlink on the wire: attributes, batches whose errors say which message, and dumps that
are whole or raise."""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from typing import NamedTuple

from .. import looking
from ..transcript import note
from .layouts import recognised

ROUTE = 0  # NETLINK_ROUTE
REQUEST, ACK, ROOT_MATCH, CREATE, EXCL, REPLACE = 0x1, 0x4, 0x300, 0x400, 0x200, 0x100
DUMP_INTR = 0x10
ERROR, DONE = 2, 3
CAP_ACK, EXT_ACK, STRICT = 10, 11, 12  # netlink socket options (linux/netlink.h)
SOL_NETLINK = 270
CHUNK = (
    128  # messages a send: a default receive buffer holds 256 acknowledgements, and errors must not be lost
)
BUFFER = 1 << 15  # the kernel fills up to 32 KiB a read; beyond 128 KiB glibc maps and unmaps each buffer
ATTEMPTS = 12

NDM_STATE = 8  # the byte of struct ndmsg that tells the state (linux/neighbour.h)
IPV6 = "/proc/sys/net/ipv6"

HEADER = struct.Struct("=IHHII")
ATTR = struct.Struct("=HH")


class Message(NamedTuple):
    kind: int
    flags: int
    body: bytes

    @property
    def deletes(self) -> bool:
        """Whether it is one of RTM_DEL*: rtnetlink numbers new, del, get and set in fours."""
        return self.kind % 4 == 1


class Refusal(NamedTuple):
    """Which message of a batch was refused, and why."""

    at: int
    number: int
    words: str


def attr(kind: int, data: bytes) -> bytes:
    return ATTR.pack(len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def u8(kind: int, value: int) -> bytes:
    return attr(kind, bytes((value,)))


def u32(kind: int, value: int) -> bytes:
    return struct.pack("=HHI", 8, kind, value)


def u16(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("=H", value))


def text(kind: int, value: str) -> bytes:
    return attr(kind, value.encode() + b"\0")


def nest(kind: int, *parts: bytes) -> bytes:
    return attr(kind | 0x8000, b"".join(parts))


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    if found := recognised(data, at):
        return found
    found, end = {}, len(data)
    while at + 4 <= end:
        size, kind = ATTR.unpack_from(data, at)
        if size < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in order, where one number may stand for many."""
    at = 0
    while at + 4 <= len(data):
        size, kind = ATTR.unpack_from(data, at)
        yield kind & 0x3FFF, data[at + 4 : at + size]
        at += max(size + 3 & ~3, 4)


def printable(raw: bytes) -> str:
    """What somebody called a thing, fit for a terminal: Linux takes most bytes for a link's name or alias."""
    name = raw.rstrip(b"\0").decode(errors="backslashreplace")
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def open_socket(protocol: int = ROUTE) -> socket.socket:
    """A socket that stays in the namespace that the calling thread is in now."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    for option in (CAP_ACK, EXT_ACK, STRICT):
        channel.setsockopt(SOL_NETLINK, option, 1)
    return channel


def frames(data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """(type, flags, sequence, port, body) of each message in a datagram."""
    at = 0
    while at + 16 <= len(data):
        size, kind, flags, sequence, port = HEADER.unpack_from(data, at)
        if size < 16:
            return
        yield kind, flags, sequence, port, data[at + 16 : at + size]
        at += (size + 3) & ~3


def send(channel: socket.socket, messages: Sequence[Message]) -> list[Refusal]:
    """Send all as batches; the kernel goes on after a refused one, and each refusal is reported."""
    refused: list[Refusal] = []
    for start in range(0, len(messages), CHUNK):
        refused += send_chunk(channel, messages[start : start + CHUNK], start)
    return refused


def send_chunk(channel: socket.socket, messages: Sequence[Message], start: int) -> list[Refusal]:
    last = len(messages) - 1
    parts = []
    for sequence, (kind, flags, body) in enumerate(messages):
        more = ACK if sequence == last else 0
        parts.append(HEADER.pack(len(body) + 16, kind, flags | REQUEST | more, sequence, 0))
        parts.append(body)
        parts.append(b"\0" * (-len(body) % 4))
    channel.send(b"".join(parts))
    return [
        Refusal(start + sequence, number, words(number, flags, body))
        for sequence, flags, body in acknowledgements(channel, last)
        if (number := -int.from_bytes(body[:4], "little", signed=True))
    ]


def acknowledgements(channel: socket.socket, last: int) -> Iterator[tuple[int, int, bytes]]:
    """(sequence, flags, body) of each, up to that of the last message; the others speak only if refused."""
    sequence = -1
    while sequence != last:
        for kind, flags, number, _, body in frames(channel.recv(BUFFER)):
            if kind == ERROR:
                sequence = number
                yield sequence, flags, body


def words(number: int, flags: int, body: bytes) -> str:
    """The kernel's own explanation (NLMSGERR_ATTR_MSG), else the errno's."""
    if flags & 0x200:  # NLM_F_ACK_TLVS
        skip = 20 if flags & 0x100 else 4 + int.from_bytes(body[4:8], "little")  # NLM_F_CAPPED
        if told := attributes(body, skip).get(1):
            return told.rstrip(b"\0").decode(errors="replace")
    return os.strerror(number)


@cache
def families() -> tuple[int, ...]:
    """Those that the kernel has: what names IPv6 is refused where ipv6.disable=1 is set."""
    return (socket.AF_INET, socket.AF_INET6) if looking.exists(IPV6) else (socket.AF_INET,)


def dump(channel: socket.socket, kind: int, body: bytes, most: float = inf, state: int = 0) -> list[bytes]:
    """Every object, or the neighbours in one of these states; raise rather than return a part, or more
    than are looked through."""
    said: list[bytes] = []
    try:
        found = dump_whole(channel, kind, body, most, said)
    except OSError as error:
        about = channel.proto, kind, body, state, 0 if most == inf else int(most)
        note("objects", about, error.errno or errno.EIO)
        raise
    if channel.proto == ROUTE and not state:
        note("dump", (kind, body), said)
        return found
    found = [one for one in found if one[NDM_STATE] & state] if state else found
    note("objects", (channel.proto, kind, body, state, 0), found)
    return found


def dump_whole(channel: socket.socket, kind: int, body: bytes, most: float, said: list[bytes]) -> list[bytes]:
    """Read again while it changes underneath; the datagrams of the last reading are left in `said`."""
    for attempt in range(ATTEMPTS):
        said.clear()
        found = dump_once(channel, dump_request(kind, body, attempt + 1), most, said)
        if found is not None:
            return found
        time.sleep(0.001 * attempt)
    raise OSError(errno.EAGAIN, "the kernel's tables keep changing")


def dump_request(kind: int, body: bytes, sequence: int = 1) -> bytes:
    return HEADER.pack(len(body) + 16, kind, REQUEST | ROOT_MATCH, sequence, 0) + body


def dump_within(channel: socket.socket, kind: int, asked: Sequence[bytes], most: float) -> list[bytes]:
    """What the first request yields; if that is more than is looked through, what the others yield."""
    whole, *parts = asked
    try:
        return dump(channel, kind, whole, most)
    except OSError as error:
        if error.errno != errno.EOVERFLOW:
            raise
    with open_socket() as fresh:  # what is left of the answer goes with the old one
        os.dup2(fresh.fileno(), channel.fileno(), inheritable=False)
    return [body for part in parts for body in dump(channel, kind, part, most)]


def dump_once(channel: socket.socket, request: bytes, most: float, said: list[bytes]) -> list[bytes] | None:
    channel.send(request)
    mine, seen = HEADER.unpack_from(request)[3], 0  # flags of any answer
    found: list[bytes] = []
    while True:
        said.append(channel.recv(BUFFER))
        for answer, flags, sequence, _, data in frames(said[-1]):
            if sequence != mine:  # to what was given up
                continue
            seen |= flags
            if answer in (DONE, ERROR):
                refuse(data)
                return None if seen & DUMP_INTR else found
            found.append(data)
            if len(found) > most:
                raise OSError(errno.EOVERFLOW, f"there are more than {most} of a kind")


def refuse(end: bytes) -> None:
    """Raise OSError for an end of answers that tells of an error."""
    if code := -int.from_bytes(end[:4], "little", signed=True):
        raise OSError(code, os.strerror(code))


def get(channel: socket.socket, kind: int, body: bytes, place: str | None = None) -> bytes:
    """One object, asked for by what the body says; of the host's it may be about another `place`."""
    how, about = ("get", (channel.proto, kind, body)) if place is None else ("get_on_host", (kind, body))
    try:
        found = get_unnoted(channel, kind, body)
    except OSError as error:
        note(how, about, error.errno or errno.EIO, place)
        raise
    note(how, about, [found], place)
    return found


def get_unnoted(channel: socket.socket, kind: int, body: bytes) -> bytes:
    channel.send(HEADER.pack(len(body) + 16, kind, REQUEST, 0, 0) + body)
    for answer, _, _, _, data in frames(channel.recv(BUFFER)):
        if answer == ERROR:
            number = -int.from_bytes(data[:4], "little", signed=True)
            raise OSError(number, os.strerror(number))
        return data
    raise OSError(errno.EIO, "the kernel gave no answer")

"""One transaction as the kernel takes it: a batch that happens whole or not at all.

It bears the generation that it was made for: where somebody changed the ruleset meanwhile, nothing happens.
"""

import errno
import os
import socket
import struct
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...core.plan import Step
from ...errors import KernelError, NotPermitted
from ..netlink.netfilter import NETFILTER, NFGEN, OURS
from ..netlink.socket import ACK, BUFFER, ERROR, HEADER, REQUEST, attr, attributes, frames, open_socket
from .wire import NFTABLES

BEGIN, END = 0x10, 0x11  # NFNL_MSG_BATCH_*
GENERATION = 1  # NFNL_BATCH_GENID
OFFSET, WORDS = 2, 1  # NLMSGERR_ATTR_*
SEND_BUFFER_BY_FORCE = 32  # SO_SNDBUFFORCE: beyond net.core.wmem_max, for root of the machine alone
ROOM = 1 << 26  # bytes of a batch
HEAD = HEADER.size + NFGEN.size  # what stands before a message's attributes


EDGES = (
    2 * HEAD + 8
)  # bytes of a batch with nothing in it: its beginning, which tells a generation, and its end
BEFORE, AT_ONCE, BEHIND = range(3)


class BatchMessage(NamedTuple):
    """`starts` tells where in its attributes what is of each step begins, `turn` when it may come where not
    all fits into one batch."""

    kind: int
    flags: int
    family: int
    body: bytes
    steps: Sequence[Step]
    starts: Sequence[int] = (0,)
    turn: int = AT_ONCE

    def blamed(self, offset: int) -> Step:
        """The step that what stands at this offset of the message is of."""
        return self.steps[max(bisect(self.starts, offset - HEAD) - 1, 0)]


class Outdated(Exception):
    """The ruleset is of another generation."""


class Complaint(NamedTuple):
    sequence: int
    number: int
    words: str
    offset: int


def open_channel() -> tuple[socket.socket, int]:
    """A socket, and how many bytes one batch may have."""
    channel = open_socket(NETFILTER)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    with suppress(PermissionError):
        channel.setsockopt(socket.SOL_SOCKET, SEND_BUFFER_BY_FORCE, ROOM)
    return channel, channel.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32  # netlink_sendmsg


def send(channel: socket.socket, messages: Sequence[BatchMessage], generation: int) -> None:
    """Raises Outdated, or KernelError; nothing has happened then."""
    deliver(channel, b"".join(packed(messages, generation)), messages)


def deliver(channel: socket.socket, data: bytes, messages: Sequence[BatchMessage]) -> None:
    """Of what is `packed` already."""
    try:
        channel.send(data)
    except OSError as error:
        raise KernelError("the firewall transaction", error.errno or 0, str(error.strerror)) from None
    found = sorted(complaints(channel))
    refused = [one for one in found if one.number]
    if any(one.number == errno.ERESTART for one in refused):
        raise Outdated
    if refused:
        raise refusal(messages, refused[0])
    if [one.sequence for one in found] != [len(messages)]:
        raise KernelError("the firewall transaction", 0, "the kernel does not say what became of it")


def packed(messages: Sequence[BatchMessage], generation: int | None = None) -> Iterator[bytes]:
    """The last one asks for an answer; what is refused is told of each.  Without a generation any will do."""
    yield beginning(generation)
    last = OURS + len(messages)
    for sequence, (kind, flags, family, body, *_) in enumerate(messages, OURS + 1):
        asked = ACK if sequence == last else 0
        yield framed(NFTABLES << 8 | kind, flags | asked, sequence, NFGEN.pack(family, 0, 0) + body)
    yield framed(END, 0, last + 1, NFGEN.pack(0, 0, NFTABLES))


def beginning(generation: int | None = None) -> bytes:
    made_for = b"" if generation is None else attr(GENERATION, struct.pack("!I", generation))
    return framed(BEGIN, 0, OURS, NFGEN.pack(0, 0, NFTABLES) + made_for)


def bound(data: bytes, generation: int) -> bytes:
    """What was `packed` for any generation, for this one."""
    return beginning(generation) + data[len(beginning()) :]


def framed(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, sequence, 0) + body


def size(message: BatchMessage) -> int:
    return HEAD + len(message.body)


def complaints(channel: socket.socket) -> Iterator[Complaint]:
    """All that the kernel said: it had come to an end of it when `send` returned."""
    while True:
        try:
            data = channel.recv(BUFFER, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more was said than there is room for; what came first is there
                raise
            continue
        for kind, flags, sequence, _, body in frames(data):
            if kind == ERROR:
                yield complaint(flags, sequence - OURS, body)


def complaint(flags: int, sequence: int, body: bytes) -> Complaint:
    number = -struct.unpack_from("=i", body)[0]
    told: dict[int, bytes] = {}
    if flags & 0x200:  # NLM_F_ACK_TLVS
        skip = 20 if flags & 0x100 else 4 + struct.unpack_from("=I", body, 4)[0]  # NLM_F_CAPPED
        told = attributes(body, skip)
    said = told.get(WORDS, b"").rstrip(b"\0").decode(errors="replace")
    offset = struct.unpack("=I", told[OFFSET])[0] if OFFSET in told else 0
    return Complaint(sequence, number, said or os.strerror(number), offset)


def refusal(messages: Sequence[BatchMessage], told: Complaint) -> Exception:
    """What the kernel says of the whole bears the number of its beginning."""
    if told.number == errno.EPERM:
        return NotPermitted("cannot write nftables", "run as root")
    if not 0 < told.sequence <= len(messages):
        return KernelError("the firewall transaction", told.number, told.words)
    step = messages[told.sequence - 1].blamed(told.offset)
    return KernelError(str(step), told.number, told.words, step.resource.where)

"""Requests to the netfilter subsystems, and whole answers or none."""

import os
import socket
import struct
from typing import Any, Self

from ..transcript import RULESET, note
from .socket import BUFFER, DONE, DUMP_INTR, ERROR, HEADER, REQUEST, ROOT_MATCH, frames

NETFILTER = 12  # NETLINK_NETFILTER
OURS = 1 << 30 | int.from_bytes(os.urandom(3), "big") << 6  # our transactions number their messages from here
NFGEN = struct.Struct("!BBH")  # struct nfgenmsg: family, version, resource id


class Torn(Exception):
    """The answer is not whole: interrupted, truncated, or of something that changed meanwhile."""


def word(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")


class Channel:
    """A socket for one subsystem; after an exception it is of no use, since leftovers may be queued."""

    def __init__(self, subsystem: int):
        self.subsystem, self.sequence = subsystem, 0
        self.said: list[bytes] = []  # in answer to what was asked last
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, kind: int, family: int = 0, body: bytes = b"", flags: int = ROOT_MATCH) -> list[Any]:
        """Raises OSError with the kernel's errno, or Torn."""
        answer = self.ask_unnoted(kind, family, body, flags)
        if flags:
            note("nft", (self.subsystem << 8 | kind, family, body, flags), self.said, RULESET)
        return answer

    def ask_unnoted(self, kind: int, family: int, body: bytes, flags: int) -> list[Any]:
        self.sequence += 1
        size = HEADER.size + NFGEN.size + len(body)
        head = HEADER.pack(size, self.subsystem << 8 | kind, REQUEST | flags, self.sequence, 0)
        self.socket.send(head + NFGEN.pack(family, 0, 0) + body)
        answer: list[Any] = []
        self.said = []
        while not self.more(answer) and flags:
            pass
        return answer

    def more(self, answer: list[Any]) -> bool:
        """Take one datagram; true when it ends the answer."""
        data, _, truncated, _ = self.socket.recvmsg(BUFFER)
        if truncated & socket.MSG_TRUNC:
            raise Torn
        ended = False
        for kind, flags, sequence, _, body in frames(data):
            if flags & DUMP_INTR or sequence != self.sequence:
                raise Torn
            if kind not in (ERROR, DONE):
                if (kept := self.message(body)) is not None:
                    answer.append(kept)
                    self.said.append(body)
            elif number := -struct.unpack_from("=i", body)[0]:
                raise OSError(number, os.strerror(number))
            ended |= kind in (ERROR, DONE)
        return ended

    def message(self, body: bytes) -> Any:
        """What is kept of a message, its family and its attributes; None where it is not."""
        return NFGEN.unpack_from(body)[0], body[NFGEN.size :]

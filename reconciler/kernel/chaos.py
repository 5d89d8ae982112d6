"""What a dnsmasq counts, as it tells by texts of the class CHAOS (dnsmasq(8), `--cache-size` and NOTES).

It answers them as any other question: who gets no answer has asked one that hangs.
"""

import select
import socket
import struct
import time
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

TXT, CHAOS = 16, 3  # RFC 1035, 3.2
HEADER = struct.Struct("!6H")
RECORD = struct.Struct("!HHHIH")  # its name as a pointer, type, class, TTL, length
WORDS = ("hits", "misses", "insertions", "evictions", "servers")
FLAGS = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class Forwarded(NamedTuple):
    """What one server was asked, and how often that failed."""

    server: str  # ADDRESS#PORT
    queries: int
    failures: int


class Counts(NamedTuple):
    """Since it was started."""

    hits: int = 0  # what it answered by itself
    misses: int = 0  # what it forwarded
    insertions: int = 0  # into its cache
    evictions: int = 0  # of what could still have been used
    servers: tuple[Forwarded, ...] = ()


def question(number: int, word: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in (word, "bind"))
    return HEADER.pack(number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", TXT, CHAOS)


QUESTIONS = tuple(question(number, word) for number, word in enumerate(WORDS))


def texts(asked: bytes, answer: bytes) -> list[str]:
    """Those of the only record of an answer; raises ValueError where it is none to what was asked."""
    start = len(asked) + RECORD.size
    if answer[:2] != asked[:2] or answer[HEADER.size : len(asked)] != asked[HEADER.size :]:
        raise ValueError("an answer to something else")
    said, found = answer[start:], []
    while said:
        found.append(said[1 : said[0] + 1].decode("ascii"))
        said = said[said[0] + 1 :]
    return found


class Inquiry:
    """Questions to one that answers; nothing waits for what it says."""

    def __init__(self, ip: str, port: int):
        self.at = ip, port
        self.channel = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, FLAGS)
        self.said: dict[str, list[str]] = {}
        self.unanswered = 0  # how often it was asked since it was last heard

    def close(self) -> None:
        self.channel.close()

    def ask(self) -> None:
        self.hear()
        self.unanswered += 1
        with suppress(OSError):  # nobody listens there, or the address has gone
            self.channel.connect(self.at)
            for asked in QUESTIONS:
                self.channel.send(asked)

    def hear(self) -> None:
        """Whatever has come."""
        with suppress(OSError):
            while answer := self.channel.recv(1 << 16):
                with suppress(ValueError, IndexError):
                    number = int.from_bytes(answer[:2], "big")
                    self.said[WORDS[number]] = texts(QUESTIONS[number], answer)
                    self.unanswered = 0

    @property
    def counts(self) -> Counts:
        """As it told last."""
        numbers = {word: int("".join(said) or "0") for word, said in self.said.items() if word != "servers"}
        rows = (text.split() for text in self.said.get("servers", ()))
        servers = (Forwarded(row[0], int(row[1]), int(row[2])) for row in rows if len(row) == 3)
        return Counts(**numbers, servers=tuple(servers))


def ask_all(inquiries: Collection[Inquiry], patience: float) -> None:
    """Once, and wait for the answers as long as that."""
    poll, ends = select.poll(), time.monotonic() + patience
    for one in inquiries:
        one.ask()
    waiting = {one.channel.fileno(): one for one in inquiries}
    for fd in waiting:
        poll.register(fd, select.POLLIN)
    while waiting and (left := ends - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            waiting[fd].hear()
            if waiting[fd].said.keys() == {*WORDS} or not waiting[fd].said:
                poll.unregister(fd)
                del waiting[fd]

"""Real connections from one namespace to another, with somebody to answer for the moment of the trial.

A listener stands in each namespace where one may arrive, on the port that is asked for, and takes only what
brings the word that the asker sent: so a reset by a rule is not mistaken for a container that was reached and
has nobody there.  Where the port is taken already, whoever has it answers.
"""

import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from errno import EADDRINUSE, ECONNREFUSED, EINPROGRESS
from typing import NamedTuple

from . import netns

PATIENCE = 1.5  # seconds; a first SYN is sent again after one
WORD = 16  # bytes
LISTEN = "0A"  # TCP_LISTEN, as /proc/net/tcp has it
ECHO = {4: (socket.IPPROTO_ICMP, 8, 0), 6: (socket.IPPROTO_ICMPV6, 128, 129)}  # request, reply
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
SPOKEN = (*KINDS, "icmp")


class Probe(NamedTuple):
    """A connection to be tried; `source` is a namespace's name, "" for the host's."""

    source: str
    dst: str
    port: int


class Met(NamedTuple):
    """What came of it; None where nobody can tell."""

    reached: bool | None
    words: str


def probed(probes: Sequence[Probe], protocol: str, places: Iterable[tuple[str, int]]) -> list[Met]:
    """All of one protocol at once; `places` are namespaces and ports where they may arrive."""
    with ExitStack() as opened:
        trial = Pinging(opened, probes) if protocol == "icmp" else Connecting(opened, probes, protocol)
        for place, port in dict.fromkeys(places):
            trial.listen(place, port)
        for number, probe in enumerate(probes):
            trial.begin(number, probe)
        return trial.awaited()


def within(place: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket of a namespace stays there, wherever the thread goes."""
    with netns.kept():
        if place:
            netns.enter(place)
        return without_trace(socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol))


def without_trace(one: socket.socket) -> socket.socket:
    """Closed by a reset: else it would keep the port from the container for a minute (TIME_WAIT)."""
    if one.type == socket.SOCK_STREAM:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return one


def serves_all(place: str, family: int, port: int) -> bool:
    """Whether somebody listens by TCP at every address of a namespace."""
    names = ("tcp", "tcp6") if family == socket.AF_INET else ("tcp6",)
    with netns.kept():
        if place:
            netns.enter(place)
        rows = [row for name in names for row in sockets(name)]
    return any(is_open(row, port) for row in rows)


def sockets(name: str) -> list[list[str]]:
    """Of the thread's namespace, in the words of the kernel."""
    with suppress(OSError), open(f"/proc/thread-self/net/{name}") as file:
        return [row.split() for row in file]
    return []


def is_open(row: Sequence[str], port: int) -> bool:
    address, _, number = row[1].partition(":")
    return row[3] == LISTEN and not address.strip("0") and int(number, 16) == port


class Trying:
    """Several at once, until each has an outcome or patience is at an end."""

    def __init__(self, opened: ExitStack, probes: Sequence[Probe]):
        self.opened, self.probes = opened, probes
        self.selector = opened.enter_context(selectors.DefaultSelector())
        self.outcomes: dict[int, Met] = {}
        self.words = [os.urandom(WORD) for _ in probes]

    def listen(self, place: str, port: int) -> None:
        """Nobody need listen to pings."""

    def begin(self, number: int, probe: Probe) -> None:
        try:
            self.start(number, probe)
        except OSError as error:
            self.outcomes[number] = Met(False, refusal(error.errno))

    def start(self, number: int, probe: Probe) -> None:
        raise NotImplementedError

    def happened(self, what: object, ready: socket.socket) -> None:
        raise NotImplementedError

    def awaited(self) -> list[Met]:
        end = time.monotonic() + PATIENCE
        while len(self.outcomes) < len(self.probes) and (rest := end - time.monotonic()) > 0:
            for key, _ in self.selector.select(rest):
                self.happened(key.data, key.fileobj)  # type: ignore[arg-type]
        return [self.outcomes.get(n, self.silent(one)) for n, one in enumerate(self.probes)]

    def silent(self, probe: Probe) -> Met:
        return Met(False, "no answer")

    def watch(self, one: socket.socket, events: int, data: object) -> None:
        self.opened.callback(one.close)
        self.selector.register(one, events, data)

    def settle(self, number: int, outcome: Met) -> None:
        self.outcomes.setdefault(number, outcome)


class Connecting(Trying):
    """By TCP and UDP."""

    def __init__(self, opened: ExitStack, probes: Sequence[Probe], protocol: str):
        super().__init__(opened, probes)
        self.kind = KINDS[protocol]
        self.taken: list[bool] = []  # where somebody has the port: whether he answers whomever gets there

    def listen(self, place: str, port: int) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):  # a sandbox without IPv6
                self.listen_by(family, place, port)

    def listen_by(self, family: int, place: str, port: int) -> None:
        one = within(place, family, self.kind)
        self.opened.callback(one.close)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind(("", port))
        except OSError as error:
            if error.errno == EADDRINUSE:
                self.taken.append(self.is_tcp and serves_all(place, family, port))
            return
        if self.kind == socket.SOCK_STREAM:
            one.listen()
        self.selector.register(one, selectors.EVENT_READ, "listener")

    def start(self, number: int, probe: Probe) -> None:
        one = within(probe.source, family_of(probe.dst), self.kind)
        self.opened.callback(one.close)
        failed = one.connect_ex((probe.dst, probe.port))
        if failed not in (0, EINPROGRESS):
            self.settle(number, Met(False, refusal(failed)))
        elif self.kind == socket.SOCK_STREAM:
            self.selector.register(one, selectors.EVENT_WRITE, number)
        else:
            one.send(self.words[number])
            self.selector.register(one, selectors.EVENT_READ, number)

    def happened(self, what: object, ready: socket.socket) -> None:
        if isinstance(what, int):
            self.heard_of(what, ready)
        elif what == "listener" and self.kind == socket.SOCK_STREAM:
            with suppress(OSError):
                taken, _ = ready.accept()
                taken.setblocking(False)
                self.watch(without_trace(taken), selectors.EVENT_READ, "client")
        elif what == "listener":
            with suppress(OSError):
                word, whence = ready.recvfrom(WORD)
                ready.sendto(word, whence)
        else:
            self.selector.unregister(ready)
            with suppress(OSError):
                self.met(ready.recv(WORD))

    def heard_of(self, number: int, ready: socket.socket) -> None:
        """What the asker is told: TCP that it is connected, UDP his own word, or why not."""
        self.selector.unregister(ready)
        if failed := ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.settle(number, self.refused(failed))
        elif self.kind == socket.SOCK_DGRAM:
            with suppress(OSError):
                self.met(ready.recv(WORD))
        elif self.taken:
            self.settle(number, Met(True, "connected to who listens there"))
        else:
            with suppress(OSError):
                ready.send(self.words[number])

    def met(self, word: bytes) -> None:
        if word in self.words:
            self.settle(self.words.index(word), Met(True, "connected" if self.is_tcp else "answered"))

    def refused(self, failed: int) -> Met:
        """By a rule, or by the kernel there, where who has the port listens at another address."""
        unsure = failed == ECONNREFUSED and not all(self.taken)
        return Met(None if unsure else False, refusal(failed) + self.theirs * unsure)

    def silent(self, probe: Probe) -> Met:
        unsure = bool(self.taken) and not self.is_tcp
        return Met(None if unsure else False, "no answer" + self.theirs * unsure)

    @property
    def theirs(self) -> str:
        return ", and somebody has the port there already" * bool(self.taken)

    @property
    def is_tcp(self) -> bool:
        return self.kind == socket.SOCK_STREAM


class Pinging(Trying):
    """By ICMP: the kernel answers."""

    def start(self, number: int, probe: Probe) -> None:
        version = 6 if ":" in probe.dst else 4
        protocol, request, _ = ECHO[version]
        one = within(probe.source, family_of(probe.dst), socket.SOCK_RAW, protocol)
        self.opened.callback(one.close)
        one.connect((probe.dst, 0))
        own = int.from_bytes(os.urandom(2))  # else conntrack might know it from a trial before
        head = struct.pack("!BBHHH", request, 0, 0, own, 1) + self.words[number]
        one.send(head if version == 6 else head[:2] + checksum(head) + head[4:])
        self.selector.register(one, selectors.EVENT_READ, (number, version))

    def happened(self, what: object, ready: socket.socket) -> None:
        assert isinstance(what, tuple)
        number, version = what
        try:
            packet = ready.recv(256)
        except OSError as error:
            self.selector.unregister(ready)
            self.settle(number, Met(False, refusal(error.errno)))
            return
        message = packet if version == 6 else packet[(packet[0] & 15) * 4 :]
        if message[:1] == bytes([ECHO[version][2]]) and message[8:] == self.words[number]:
            self.settle(number, Met(True, "answered"))


def family_of(ip: str) -> int:
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def refusal(number: int | None) -> str:
    return os.strerror(number or 0).lower()


def checksum(data: bytes) -> bytes:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)

"""Connections that are open while something changes, and what they noticed of it."""

import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

from tests.netns.lab import Lab, Probe
from tests.netns.prober import family_of, retransmitted

EVERY = 0.02  # seconds between two messages of eight octets
STALL = 3 * EVERY  # seconds of silence, if something had to be sent again, and nobody else is as late
NOWHERE: Mapping[str, str] = {}
OVER = (
    2.0  # seconds of silence after which a connection has ended; Linux alone goes on for a quarter of an hour
)


class Connection:
    """A TCP connection to a server that echoes."""

    def __init__(self, lab: Lab, probe: Probe, source: str = ""):
        with lab.inside(probe.ns):
            self.socket = socket.socket(family_of(probe.address), socket.SOCK_STREAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(5)
        self.socket.connect((probe.address, probe.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = self.socket.recv(100).decode().split()[0]  # who answers
        self.socket.setblocking(False)
        self.heard, self.gap, self.error = time.monotonic(), 0.0, ""
        self.lateness = 0.0  # the longest silence until shortly after the change
        self.retransmitted, self.silent = 0, False

    def say(self) -> None:
        try:
            self.socket.send(b"#" * 8)
        except BlockingIOError:  # nobody has taken what was sent before
            return
        except OSError as error:
            self.error = str(error)

    def hear(self) -> None:
        try:
            ended = not self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.error = str(error)
            return
        now = time.monotonic()
        self.gap, self.heard = max(self.gap, now - self.heard), now
        self.error = "closed" if ended else self.error

    def close(self) -> None:
        """How often something was sent again is told until then."""
        self.retransmitted = retransmitted(self.socket)
        self.silent = bool(self.error) or time.monotonic() - self.heard > OVER
        self.socket.close()

    def fate(self, witness: "Connection") -> str:
        """How late an answer is tells more of the machine than of the network, if nothing was lost, or if one
        is as late that nothing was done to."""
        if self.silent:
            return "ended"
        lost, late = self.retransmitted > witness.retransmitted, self.lateness > witness.lateness + STALL / 4
        return "stalled" if lost and late and self.lateness > STALL else ""

    def __str__(self) -> str:
        return f"{self.lateness:.3f} s, {self.retransmitted} again {self.error}"


@contextmanager
def held(
    lab: Lab, probes: Mapping[str, Probe], sources: Mapping[str, str] = NOWHERE
) -> Iterator[dict[str, Connection]]:
    """All are talked over until some time after the body; from these addresses, where one is said."""
    connections = {name: Connection(lab, probe, sources.get(name, "")) for name, probe in probes.items()}
    running = [True]
    thread = Thread(target=talk, args=([*connections.values()], running))
    thread.start()
    try:
        time.sleep(10 * EVERY)
        yield connections
        time.sleep(0.5)
        for one in connections.values():
            one.lateness = one.gap
        time.sleep(OVER)
    finally:
        running.clear()
        thread.join()
        for one in connections.values():
            one.close()


def talk(connections: list[Connection], running: list[bool]) -> None:
    following = time.monotonic()
    while running:
        open_ones = {one.socket: one for one in connections if not one.error}
        if time.monotonic() >= following:
            following = time.monotonic() + EVERY
            for one in open_ones.values():
                one.say()
        wait = max(0.0, following - time.monotonic())
        for sock in select.select([*open_ones], [], [], wait)[0]:
            open_ones[sock].hear()

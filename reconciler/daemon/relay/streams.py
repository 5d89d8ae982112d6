"""TCP: a client and the container, each read when the other has taken all, until both have said all."""

import os
import socket
from contextlib import suppress
from functools import partial

from .sessions import Passage, Sessions
from .sockets import READ, WRITE, Poll, reset

CHUNK = 1 << 14  # bytes that wait in one direction


class Side:
    """`pending` is what it has yet to take; `ended`, that it has said all; `events`, what is waited for."""

    __slots__ = ("sock", "pending", "ended", "events")

    def __init__(self, sock: socket.socket):
        self.sock, self.pending, self.ended, self.events = sock, b"", False, 0


class Connection:
    """A session whose container may not have answered yet."""

    def __init__(
        self, passage: Passage, ends: tuple[socket.socket, socket.socket], poll: Poll, sessions: Sessions
    ):
        self.passage, self.poll, self.sessions = passage, poll, sessions
        self.client, self.there = map(Side, ends)
        self.connected = self.over = False
        sessions.touch(self)
        try:
            self.wait()
        except OSError:
            self.end()

    def ready(self, side: Side, other: Side, ready: int) -> None:
        if self.over:  # since this round began
            return
        self.sessions.touch(self)
        try:
            if not self.connected:
                self.connect()
            else:
                self.flush(side, other) if ready & WRITE else None
                self.read(side, other) if ready & READ else None
            self.wait()
        except OSError:
            self.end()

    def connect(self) -> None:
        if number := self.there.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))
        self.connected = True

    def read(self, side: Side, other: Side) -> None:
        with suppress(BlockingIOError):
            other.pending = side.sock.recv(CHUNK)
            side.ended = not other.pending
            self.flush(other, side)

    def flush(self, side: Side, other: Side) -> None:
        """What `other` has said, and that it has said all."""
        if side.pending:
            with suppress(BlockingIOError):
                side.pending = side.pending[side.sock.send(side.pending) :]
        if other.ended and not side.pending:
            side.sock.shutdown(socket.SHUT_WR)

    def wait(self) -> None:
        """For what can be used now."""
        client, there = self.client, self.there
        for side, other in ((client, there), (there, client)):
            reading = self.connected and not side.ended and not other.pending
            writing = bool(side.pending) or (side is there and not self.connected)
            events = READ * reading | WRITE * writing
            if events != side.events:
                self.poll.change(side.sock, (side.events, events), partial(self.ready, side, other))
                side.events = events
        if not client.events and not there.events:
            self.end(whole=True)

    def end(self, *, whole: bool = False) -> None:
        self.over = True
        self.sessions.forget(self)
        for side in (self.client, self.there):
            if side.events:
                self.poll.unregister(side.sock)
            side.sock.close() if whole else reset(side.sock)

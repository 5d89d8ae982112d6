"""Sockets that never block, and how they are waited for."""

import errno
import os
import selectors
import socket
import struct
from collections.abc import Callable

from .sessions import Key, Target

LOOPBACK = "::1"
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
BACKLOG = 1024  # connections that wait to be accepted
RESET = struct.pack("ii", 1, 0)  # struct linger: close() sends RST

Ready = Callable[[int], None]  # called with what has become possible


class Poll(selectors.DefaultSelector):
    """Each socket is registered with what is to be called."""

    def round(self, patience: float) -> None:
        for key, ready in self.select(patience):
            key.data(ready)

    def change(self, sock: socket.socket, events: tuple[int, int], ready: Ready) -> None:
        """From some events to others; where none is wanted, not even the end is heard."""
        before, now = events
        if before and now:
            self.modify(sock, now, ready)
        elif now:
            self.register(sock, now, ready)
        elif before:
            self.unregister(sock)


def listener(key: Key) -> socket.socket:
    protocol, port = key
    stream = protocol == "tcp"
    door = opened(socket.AF_INET6, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        if stream:  # for connections that have ended; with UDP somebody else could share the port
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((LOOPBACK, port))
        if stream:
            door.listen(BACKLOG)
    except OSError:
        door.close()
        raise
    return door


def towards(target: Target, kind: socket.SocketKind) -> socket.socket:
    """Connected, or on its way."""
    there = opened(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, kind)
    if (number := there.connect_ex(target)) not in (0, errno.EINPROGRESS):
        there.close()
        raise OSError(number, os.strerror(number))
    return there


def opened(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    return socket.socket(family, kind | socket.SOCK_NONBLOCK)


def reset(sock: socket.socket) -> None:
    """What is cut off must not look like an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()

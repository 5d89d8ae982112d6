"""UDP: every client has a socket of its own towards the container, as long as it speaks."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .sessions import Passage, Sessions
from .sockets import READ, Poll, towards

LARGEST = 1 << 16  # bytes of a datagram


class Datagrams:
    """One published port."""

    def __init__(self, door: socket.socket, choose: Callable[[], Passage]):
        self.door, self.choose = door, choose
        self.clients: dict[Any, Client] = {}  # by address

    def receive(self, poll: Poll, sessions: Sessions, _: int) -> None:
        with suppress(OSError):  # nobody there, or no room: what datagrams have to bear
            data, address = self.door.recvfrom(LARGEST)
            if address not in self.clients:
                sessions.make_room()
                self.clients[address] = Client(self, address, poll, sessions)
            self.clients[address].send(data)


class Client:
    """Forgotten when it is silent, whatever the container says."""

    def __init__(self, port: Datagrams, address: Any, poll: Poll, sessions: Sessions):
        self.port, self.address, self.poll, self.sessions = port, address, poll, sessions
        self.passage = port.choose()
        self.there = towards(self.passage.target, socket.SOCK_DGRAM)
        poll.register(self.there, READ, self.answered)

    def send(self, data: bytes) -> None:
        self.sessions.touch(self)
        self.there.send(data)

    def answered(self, _: int) -> None:
        with suppress(OSError):
            self.port.door.sendto(self.there.recv(LARGEST), self.address)

    def end(self) -> None:
        del self.port.clients[self.address]
        self.sessions.forget(self)
        self.poll.unregister(self.there)
        self.there.close()

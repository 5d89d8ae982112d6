"""The process: its argument is the capacity in JSON, its standard input a socket to the watcher.

Each line there says what is published now, and is answered by a line that says how it stands.  When the
watcher ends, it ends.  It imports little of ours, and little else, to start quickly.
"""

import errno
import json
import resource
import socket
import sys
import time
from functools import partial
from typing import Any, NoReturn

from .capacity import Capacity
from .datagrams import Datagrams
from .sessions import Key, Sessions, Target
from .sockets import LOOPBACK, READ, Poll, Ready, listener, reset, towards
from .streams import Connection

NAME = "reconcile-relay"  # 15 characters, as the kernel keeps
ACCEPTED = 32  # connections of one port, before the others have their turn
SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
PAUSE = 0.1  # seconds, when the machine has none of these left


class Relay:
    """What is listened on; what cannot be, since somebody else does, is left to them."""

    def __init__(self, capacity: Capacity):
        self.capacity, self.poll = capacity, Poll()
        self.connections = Sessions(capacity.connections, capacity.idle)
        self.clients = Sessions(capacity.clients, capacity.idle_client)
        self.listening: dict[Key, tuple[Target, socket.socket]] = {}
        self.refused: dict[Key, str] = {}
        self.left = 0  # ports beyond those that are relayed

    def run(self) -> NoReturn:
        while True:
            self.poll.round(min(self.connections.expire(), self.clients.expire()))

    def bring(self, published: dict[Key, Target]) -> None:
        wanted = dict(list(published.items())[: self.capacity.ports])
        self.refused, self.left = {}, len(published) - len(wanted)
        for key, (target, door) in list(self.listening.items()):
            if wanted.get(key) != target:
                self.poll.unregister(door)
                door.close()
                (self.connections if key[0] == "tcp" else self.clients).leave(key)
                del self.listening[key]
        for key, target in wanted.items():
            if key not in self.listening:
                self.listen(key, target)

    def listen(self, key: Key, target: Target) -> None:
        try:
            door = listener(key)
        except OSError as error:
            self.refused[key] = error.strerror or str(error)
            return
        self.listening[key] = target, door
        self.poll.register(door, READ, self.answering(door, key, target))

    def answering(self, door: socket.socket, key: Key, target: Target) -> Ready:
        if key[0] == "tcp":
            return partial(self.accept, door, key, target)
        return partial(Datagrams(door, key, target).receive, self.poll, self.clients)

    def accept(self, door: socket.socket, key: Key, target: Target, _: int) -> None:
        for _ in range(ACCEPTED):
            try:
                client, _address = door.accept()
            except OSError as error:
                time.sleep(PAUSE if error.errno in SCARCE else 0)
                return
            client.setblocking(False)
            self.connections.make_room()
            try:
                Connection(key, (client, towards(target, socket.SOCK_STREAM)), self.poll, self.connections)
            except OSError:
                reset(client)

    def status(self) -> dict[str, Any]:
        refused = [f"{name(key)}: {why}" for key, why in sorted(self.refused.items())]
        kinds = {"connections": self.connections, "clients": self.clients}
        return {
            "ports": [name(key) for key in sorted(self.listening)],
            "refused": refused + [f"{self.left} more ports than {self.capacity.ports}"] * bool(self.left),
            **{kind: len(sessions.heard) for kind, sessions in kinds.items()},
            "most": {kind: sessions.most for kind, sessions in kinds.items()},
            "crowded_out": {kind: sessions.crowded_out for kind, sessions in kinds.items()},
        }


class Control:
    """Who says what is to be relayed."""

    def __init__(self, relay: Relay):
        self.relay, self.said = relay, b""
        self.sock = socket.socket(fileno=sys.stdin.fileno())
        relay.poll.register(self.sock, READ, self.ready)

    def ready(self, _: int) -> None:
        data = self.sock.recv(1 << 16)
        if not data:
            sys.exit()
        *lines, self.said = (self.said + data).split(b"\n")
        for line in lines:
            self.relay.bring({(row[0], row[1]): (row[2], row[3]) for row in json.loads(line)})
            self.sock.sendall(json.dumps(self.relay.status()).encode() + b"\n")


def name(key: Key) -> str:
    return f"[{LOOPBACK}]:{key[1]}/{key[0]}"


def within_rlimit(capacity: Capacity) -> Capacity:
    """To what this process may open, which it raises as far as it needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = capacity.descriptors if most == resource.RLIM_INFINITY else min(capacity.descriptors, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, most))
    return capacity.within(descriptors)


def say(file: str, text: str) -> None:
    with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
        out.write(text)


def main() -> NoReturn:
    say("comm", NAME)
    say("oom_score_adj", "500")  # where memory is short, sooner this than what heals
    relay = Relay(within_rlimit(Capacity(*json.loads(sys.argv[1]))))
    Control(relay)
    relay.run()

"""The process: its argument is the capacity in JSON, its standard input a socket to the watcher.

Each line there says what is published now, and is answered by a line that says how it stands.  When the
watcher ends, it ends.  It imports little of ours, and little else, to start quickly.
"""

import errno
import json
import os
import resource
import socket
import sys
import time
from functools import partial
from itertools import accumulate
from typing import Any, NoReturn

from .capacity import Capacity
from .datagrams import Datagrams
from .sessions import Homes, Key, Passage, Sessions
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
        self.listening: dict[Key, tuple[Homes, socket.socket]] = {}
        self.refused: dict[Key, str] = {}
        self.left = 0  # ports beyond those that are relayed

    def run(self) -> NoReturn:
        while True:
            self.poll.round(min(self.connections.expire(), self.clients.expire()))

    def bring(self, published: dict[Key, Homes]) -> None:
        wanted = dict(list(published.items())[: self.capacity.ports])
        self.refused, self.left = {}, len(published) - len(wanted)
        for key, (homes, door) in list(self.listening.items()):
            now = wanted.get(key, {})
            if not now:
                self.poll.unregister(door)
                door.close()
                del self.listening[key]
            elif now != homes:
                self.listening[key] = now, door
            if now != homes:
                (self.connections if key[0] == "tcp" else self.clients).leave(key, now)
        for key, homes in wanted.items():
            if key not in self.listening:
                self.listen(key, homes)

    def listen(self, key: Key, homes: Homes) -> None:
        try:
            door = listener(key)
        except OSError as error:
            self.refused[key] = error.strerror or str(error)
            return
        self.listening[key] = homes, door
        self.poll.register(door, READ, self.answering(door, key))

    def answering(self, door: socket.socket, key: Key) -> Ready:
        if key[0] == "tcp":
            return partial(self.accept, door, key)
        return partial(Datagrams(door, partial(self.passage, key)).receive, self.poll, self.clients)

    def passage(self, key: Key) -> Passage:
        """Of who comes now."""
        homes, _ = self.listening[key]
        drawn = int.from_bytes(os.urandom(4)) % sum(homes.values())
        ends = zip(homes, accumulate(homes.values()), strict=True)
        return Passage(key, next(target for target, end in ends if drawn < end))

    def accept(self, door: socket.socket, key: Key, _: int) -> None:
        for _ in range(ACCEPTED):
            try:
                client, _address = door.accept()
            except OSError as error:
                time.sleep(PAUSE if error.errno in SCARCE else 0)
                return
            client.setblocking(False)
            self.connections.make_room()
            passage = self.passage(key)
            try:
                Connection(
                    passage,
                    (client, towards(passage.target, socket.SOCK_STREAM)),
                    self.poll,
                    self.connections,
                )
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
            rows = json.loads(line)
            self.relay.bring(
                {(kind, port): {(ip, to): part for ip, to, part in homes} for kind, port, homes in rows}
            )
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

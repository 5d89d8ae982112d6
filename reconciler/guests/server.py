"""What runtimes ask, answered by the watcher: it has all in memory that another process would load first.

A request is words that end with a zero byte each, an empty one behind the last, and then what was on standard
input; the answer is the exit code in a line, and what is to be on standard output.
"""

import os
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..kernel.lock import RUN
from . import answers
from .attending import KeptHost
from .keeper import Keeper

SOCKET = f"{RUN}/guests.sock"
MOST = 4 << 20  # bytes of a request
PATIENCE = 30.0  # seconds between two parts of one
WAITING = 64  # requests: others are refused, and run by themselves


class Server:
    """Each request has a thread of its own; what they do to the host the host's lock puts in order.  `note`
    takes what goes wrong with guests that stand."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self.socket, self.keeper, self.reader = opened(), Keeper(note), KeptHost()
        threading.Thread(target=self.run, name="guests", daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:  # it is closed
                return
            threading.Thread(target=serve, args=(client, self.reader), name="a guest", daemon=True).start()

    def close(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(SOCKET)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def opened() -> socket.socket:
    """Root's alone."""
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(SOCKET)  # of one that died
    server = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        server.bind(SOCKET)
    finally:
        os.umask(mask)
    server.listen(WAITING)
    return server


def serve(client: socket.socket, reader: KeptHost) -> None:
    with client, suppress(OSError):
        client.settimeout(PATIENCE)
        if user(client) != os.geteuid():
            return
        words, data = parsed(received(client))
        client.settimeout(None)
        code, told = answers.answer(words, data, reader)
        client.sendall(f"{code}\n{told}".encode())


def user(client: socket.socket) -> int:
    """Whose process it is."""
    _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def received(client: socket.socket) -> bytes:
    parts, size = [], 0
    while part := client.recv(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MOST:
            raise OSError("a request is larger than anybody asks")
    return b"".join(parts)


def parsed(request: bytes) -> tuple[Sequence[str], bytes]:
    head, _, data = request.partition(b"\0\0")
    return [os.fsdecode(word) for word in head.split(b"\0")], data

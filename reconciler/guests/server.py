"""What runtimes ask, answered by the watcher: it has all in memory that another process would load first.

A request of the shim's is words that end with a zero byte each, an empty one behind the last, and then what
was on standard input; the answer is the exit code in a line, and what is to be on standard output.
"""

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial

from ..kernel.lock import RUN
from . import answers, http
from .attending import KeptHost
from .keeper import Keeper
from .plugin_socket import PluginSocket

SOCKET = f"{RUN}/guests.sock"
MOST = 4 << 20  # bytes of a request
PATIENCE = 30.0  # seconds between two parts of one


class Server:
    """What requests do to the host the host's lock puts in order.  `note` takes what goes wrong with guests
    that stand, and why Docker finds no plugin; `rests` says whether those are left as they are."""

    def __init__(self, note: Callable[[str], object], rests: Callable[[], bool]) -> None:
        reader = KeptHost()
        self.keeper = Keeper(note, rests, reader)
        self.sockets = [PluginSocket(SOCKET, partial(serve, reader=reader))]
        try:
            self.sockets.append(PluginSocket(http.SOCKET, partial(http.serve, reader=reader)))
        except OSError as error:
            note(f"Docker will find no plugin: {http.SOCKET}: {error.strerror}")

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def serve(client: socket.socket, reader: KeptHost) -> None:
    client.settimeout(PATIENCE)
    words, data = parsed(received(client))
    client.settimeout(None)
    code, told = answers.answer(words, data, reader)
    client.sendall(f"{code}\n{told}".encode())


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

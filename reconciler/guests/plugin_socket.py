"""A unix socket of root's alone, at which whoever comes is served by a thread of his own."""

import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

WAITING = 64  # connections that nobody has taken yet
MOST = 256  # that are served at once: who comes then is sent away


class PluginSocket:
    """`serve` takes each connection, and may raise OSError."""

    def __init__(self, path: str, serve: Callable[[socket.socket], object]) -> None:
        self.path, self.serve, self.socket = path, serve, opened(path)
        self.free = threading.BoundedSemaphore(MOST)
        threading.Thread(target=self.run, name=f"the socket {path}", daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:  # it is closed
                return
            if self.free.acquire(blocking=False):
                threading.Thread(target=self.attend, args=(client,), name="a guest", daemon=True).start()
            else:
                client.close()

    def attend(self, client: socket.socket) -> None:
        try:
            with client, suppress(OSError):
                if user(client) == os.geteuid():
                    self.serve(client)
        finally:
            self.free.release()

    def close(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def opened(path: str) -> socket.socket:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(path)  # of one that died
    server = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        server.bind(path)
    finally:
        os.umask(mask)
    server.listen(WAITING)
    return server


def user(client: socket.socket) -> int:
    """Whose process it is."""
    _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)

"""A unix socket of root's alone, at which whoever comes is served by a thread of his own."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

WAITING = 1024  # connections that nobody has taken yet: who comes then is refused by Linux at once
MOST = 256  # that are served at once: who comes then waits to be taken
PAUSE = 0.5  # seconds before another try, where the host lacks something


class PluginSocket:
    """`serve` takes each connection, and may raise OSError."""

    def __init__(self, path: str, serve: Callable[[socket.socket], object]) -> None:
        self.path, self.serve, self.socket = path, serve, opened(path)
        self.free, self.closed = threading.BoundedSemaphore(MOST), False
        threading.Thread(target=self.run, name=f"the socket {path}", daemon=True).start()

    def run(self) -> None:
        """Until it is closed, whatever the host lacks meanwhile: files, memory or threads."""
        while not self.closed:
            self.free.acquire()
            try:
                self.take()
            except (OSError, RuntimeError):
                self.free.release()
                if not self.closed:
                    time.sleep(PAUSE)

    def take(self) -> None:
        client, _ = self.socket.accept()
        try:
            threading.Thread(target=self.attend, args=(client,), name="a guest", daemon=True).start()
        except RuntimeError:
            client.close()
            raise

    def attend(self, client: socket.socket) -> None:
        try:
            with client, suppress(OSError):
                if user(client) == os.geteuid():
                    self.serve(client)
        finally:
            self.free.release()

    def close(self) -> None:
        self.closed = True
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

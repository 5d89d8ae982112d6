"""One question to a plugin: a POST on a connection of its own, which has so long, and answers so much."""

import errno
import io
import json
import socket
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from ... import disk
from ...errors import LONGEST

PATIENCE = 30.0  # seconds that an answer may take, as Docker's own
MOST = disk.SMALL  # bytes that one may have
ACCEPTED = "application/vnd.docker.plugins.v1.2+json"
NO_SUCH_METHOD = 404


class PluginRefusal(OSError):
    """What a plugin says no to, in its own words: it was told, and has answered."""


class PluginTrouble(OSError):
    """No answer, or none that anybody understands."""


class MethodMissing(PluginRefusal):
    """It does not know what it is asked for."""


def ask(
    address: str, method: str, body: Mapping[str, Any] | None, patience: float = PATIENCE
) -> dict[str, Any]:
    """What it answers, {} for nothing."""
    from http.client import HTTPException  # 10 ms, and few networks are plugins'

    deadline = time.monotonic() + patience
    try:
        with connected(address, patience) as channel:
            channel.sendall(request(method, b"" if body is None else json.dumps(body).encode()))
            status, said = exchanged(channel, deadline)
    except TimeoutError:
        raise PluginTrouble(errno.ETIMEDOUT, f"{method}: no answer within {patience:g} s") from None
    except HTTPException as error:
        words = f"{method}: its answer is no HTTP: {type(error).__name__} {printable(str(error))}"
        raise PluginTrouble(errno.EPROTO, words.strip()) from None
    except OSError as error:
        number, words = error.errno or errno.EIO, error.strerror or str(error)
        raise PluginTrouble(number, f"{method}: {words}") from None
    return answer(method, status, said)


def connected(address: str, patience: float) -> socket.socket:
    """Raises OSError."""
    try:
        return connection(address, patience)
    except ValueError as error:  # a port, a bracket or a label that can be none
        raise OSError(errno.EINVAL, f"{printable(address)}: {printable(str(error))}") from None


def connection(address: str, patience: float) -> socket.socket:
    at = urlsplit(address)
    if at.scheme == "unix" and at.path:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            channel.settimeout(patience)
            channel.connect(at.path)
        except OSError:
            channel.close()
            raise
        return channel
    if at.scheme in ("tcp", "http") and at.hostname:
        return socket.create_connection((at.hostname, at.port or 80), patience)
    raise OSError(errno.EINVAL, f"{printable(address)} is neither unix:///PATH nor tcp://HOST:PORT")


def request(method: str, body: bytes) -> bytes:
    head = f"POST /{method} HTTP/1.1\r\nHost: plugin\r\nAccept: {ACCEPTED}\r\nConnection: close\r\n"
    kind = f"Content-Type: {ACCEPTED}\r\n" if body else ""
    return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


class TimedReading(io.RawIOBase):
    """What comes by a connection, until a moment and up to a size."""

    def __init__(self, channel: socket.socket, deadline: float):
        self.channel, self.deadline, self.room = channel, deadline, MOST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        patience = self.deadline - time.monotonic()
        if patience <= 0:
            raise TimeoutError
        self.channel.settimeout(patience)
        size = self.channel.recv_into(buffer)
        self.room -= size
        if self.room < 0:
            raise OSError(errno.EMSGSIZE, f"it says more than {MOST >> 10} KiB")
        return size

    def makefile(self, _: str) -> io.BufferedReader:
        """As http.client asks a socket for it."""
        return io.BufferedReader(self)


def exchanged(channel: socket.socket, deadline: float) -> tuple[int, bytes]:
    from http.client import HTTPResponse

    response = HTTPResponse(cast(socket.socket, TimedReading(channel, deadline)), method="POST")
    response.begin()
    return response.status, response.read()


def answer(method: str, status: int, said: bytes) -> dict[str, Any]:
    """Of whatever status, `Err` is an error; what is not found may be told in HTML."""
    lack = ""
    try:
        found = disk.parsed(said) if said.strip() else {}
    except ValueError:
        found, lack = {}, f"{method}: its answer is no JSON: {printable(text(said))}"
    words = found.get("Err") if isinstance(found, dict) else None
    if words:
        raise PluginRefusal(errno.EREMOTEIO, f"{method}: {printable(str(words))}")
    if status == NO_SUCH_METHOD:
        raise MethodMissing(errno.ENOSYS, f"{method}: it has no such method")
    if not 200 <= status < 300:
        raise PluginRefusal(errno.EREMOTEIO, f"{method}: status {status} {printable(text(said))}".strip())
    if lack:
        raise PluginTrouble(errno.EPROTO, lack)
    return found if isinstance(found, dict) else {}


def text(said: bytes) -> str:
    return said[:LONGEST].decode(errors="replace")


def printable(words: str) -> str:
    """On one line, which moves no cursor."""
    return "".join(filter(str.isprintable, " ".join(words.split())))[:LONGEST]

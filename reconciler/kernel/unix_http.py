"""HTTP over a unix socket, as daemons of engines are asked."""

import socket
from http.client import HTTPConnection, HTTPException
from typing import Any

from .. import disk

DOCKER = "/var/run/docker.sock"
PATIENCE = 10.0  # seconds for a daemon to answer
OK, MISSING = 200, 404


class Daemon(HTTPConnection):
    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        super().__init__("daemon", timeout=patience)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def fetched(self, path: str) -> Any:
        """What an answer's JSON says; None for what it does not have.  Raises OSError."""
        try:
            self.request("GET", path)
            answer = self.getresponse()
            body = answer.read()
            if answer.status not in (OK, MISSING):
                raise OSError(f"{path}: {answer.status} {answer.reason}")
            return disk.parsed(body) if answer.status == OK else None
        except (HTTPException, ValueError) as error:
            raise OSError(f"{path}: {error or type(error).__name__}") from error

"""The socket at which Docker finds its plugin: HTTP, a request a connection.

One that Docker finds closed when it asks again is asked anew a second later, without its body.
"""

import json
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

from . import docker
from .attending import KeptHost

SOCKET = "/run/docker/plugins/reconciler.sock"  # which is the plugin's name
MOST = 4 << 20  # bytes of a body
PATIENCE = 30.0  # seconds between two parts of a request
TYPE = "application/vnd.docker.plugins.v1.1+json"
BAD_REQUEST, TOO_LARGE, UNKNOWN = 400, 413, 404


def serve(client: socket.socket, reader: KeptHost) -> None:
    Exchange(reader, client, "docker", None)


class Exchange(BaseHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", PATIENCE

    def __init__(self, reader: KeptHost, *connection: Any) -> None:
        self.reader = reader
        super().__init__(*connection)  # which serves it

    def post(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(BAD_REQUEST, "a body is told by its Content-Length")
        elif len(length) > 9 or int(length) > MOST:
            self.send_error(TOO_LARGE, "a body is larger than anybody sends")
        elif len(body := self.rfile.read(int(length))) < int(length):
            self.send_error(BAD_REQUEST, "half of a body came")
        else:
            self.tell(*docker.answer(self.path.removeprefix("/"), body, self.reader))

    do_POST = post  # as http.server calls it

    def tell(self, status: int, said: dict[str, Any]) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Also of what http.server itself finds wrong."""
        self.tell(code, {"Err": message or explain or "no request that is understood"})

    def log_message(self, format: str, *args: object) -> None:
        pass

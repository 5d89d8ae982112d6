"""Echo servers in one thread: a socket stays in the namespace that it was made in."""

import os
import selectors
import socket
from threading import Thread

ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def opened(family: int, proto: str) -> socket.socket:
    sock = socket.socket(family, KINDS[proto])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


class Servers:
    """Each connection or datagram is answered `NAME CLIENT-ADDRESS`, and then echoed."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        wake, self.bell = os.pipe()
        self.selector.register(wake, selectors.EVENT_READ)
        self.thread = Thread(target=self._run, daemon=True)  # forgotten or not, the suite must end
        self.thread.start()

    def listen(self, name: str, port: int, proto: str, family: int, address: str = "") -> socket.socket:
        """To be called from inside the namespace."""
        sock = opened(family, proto)
        sock.bind((address or ANY[family], port))
        sock.setblocking(False)
        if proto == "tcp":
            sock.listen(64)
        self.selector.register(
            sock, selectors.EVENT_READ, (self._accept if proto == "tcp" else self._datagram, name)
        )
        return sock

    def forget(self, sock: socket.socket) -> None:
        self.selector.unregister(sock)
        sock.close()

    def close(self) -> None:
        os.write(self.bell, b"!")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.data and key.fileobj.close()
        os.close(self.bell)

    def _run(self) -> None:
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    os.close(key.fd)
                    return
                serve, name = key.data
                try:
                    serve(key.fileobj, name)
                except OSError:
                    continue

    def _accept(self, sock: socket.socket, name: str) -> None:
        client, (address, *_) = sock.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(f"{name} {address}\n".encode())
        client.setblocking(False)
        self.selector.register(client, selectors.EVENT_READ, (self._stream, name))

    def _stream(self, sock: socket.socket, name: str) -> None:
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if data:
            sock.sendall(data)
        else:
            self.forget(sock)

    def _datagram(self, sock: socket.socket, name: str) -> None:
        data, client = sock.recvfrom(65536)
        sock.sendto(data if data[:1] == b"#" else f"{name} {client[0]}\n".encode(), client)

"""A flow that runs while something changes: a numbered message every millisecond, and what became of them."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Thread

from tests.netns.servers import KINDS

TCP_INFO_RETRANS = 100  # offset of tcpi_total_retrans in struct tcp_info, linux/tcp.h
SETTLE = 1.0  # seconds in which an answer may still come


@dataclass
class Flow:
    """What the prober saw: `lost` datagrams, `retransmitted` segments, the longest silence in seconds."""

    sent: int = 0
    received: int = 0
    retransmitted: int = 0
    gap: float = 0.0
    error: str = ""

    @property
    def lost(self) -> int:
        return self.sent - self.received

    @property
    def undisturbed(self) -> bool:
        """Not a message was lost; the longest silence says more of the machine than of the network."""
        return self.sent > 20 and not self.error and not self.lost and not self.retransmitted


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextmanager
def flowing(
    stand: Callable[[], AbstractContextManager[None]], address: str, port: int, proto: str
) -> Iterator[Flow]:
    """`stand` is the namespace that the client is in; the flow is up when the body starts."""
    flow = Flow()
    with stand():
        sock = socket.socket(family_of(address), KINDS[proto])
    sock.settimeout(3)
    sock.connect((address, port))
    if proto == "tcp":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.recv(100)
    listening = sock.dup()  # a timeout is the object's: the receiver's short one must not end the sender
    running = [True]
    sender = Thread(target=send, args=(sock, flow, running))
    receiver = Thread(target=receive, args=(listening, flow, sender))
    sender.start()
    receiver.start()
    time.sleep(0.05)
    try:
        yield flow
        time.sleep(0.05)
    finally:
        running.clear()
        sender.join()
        receiver.join()
        if proto == "tcp":
            flow.retransmitted = retransmitted(sock)
        listening.close()
        sock.close()


def retransmitted(sock: socket.socket) -> int:
    """How often something was sent again over a TCP connection."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int(struct.unpack_from("=I", info, TCP_INFO_RETRANS)[0])


def send(sock: socket.socket, flow: Flow, running: list[bool]) -> None:
    while running:
        try:
            sock.send(b"#" + struct.pack("!I", flow.sent) + b"...")
        except OSError as error:
            flow.error = str(error)
            return
        flow.sent += 1
        time.sleep(0.001)


def receive(sock: socket.socket, flow: Flow, sender: Thread) -> None:
    """Until nothing more is sent and all has come: what is on its way while the body ends counts too."""
    heard = time.monotonic()
    octets = 0
    sock.settimeout(0.05)
    while sender.is_alive() or (flow.lost and time.monotonic() - heard < SETTLE):
        try:
            octets += len(sock.recv(65536))
        except TimeoutError:
            continue
        except OSError as error:
            flow.error = str(error)
            return
        now = time.monotonic()
        flow.gap, heard, flow.received = max(flow.gap, now - heard), now, octets // 8

"""A BGP speaker of thirty lines (RFC 4271, 7432), for whoever takes a host's address without being it."""

import socket
import struct
import time
from contextlib import closing, suppress
from threading import Lock, Thread

from tests.netns.frames import ip, mac

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + struct.pack("!HB", 19, 4)
CAPABLE = bytes([2, 6, 1, 4, 0, 25, 0, 70])  # multiprotocol, L2VPN EVPN
ENCAPSULATED = bytes([3, 12, 0, 0, 0, 0, 0, 8])  # in VXLAN
BGP = 10179


class Speaker:
    """One session, which the other side opens."""

    def __init__(self, address: str, asn: int = 65000) -> None:
        self.address, self.asn = ip(address), asn
        self.server = socket.create_server((address, BGP))
        self.turn = Lock()

    def listen(self, patience: float) -> None:
        self.server.settimeout(patience)
        self.channel, _ = self.server.accept()
        body = struct.pack("!BHH4sB", 4, self.asn, 90, self.address, len(CAPABLE)) + CAPABLE
        self.channel.sendall(MARKER + struct.pack("!HB", 19 + len(body), 1) + body)
        Thread(target=self.stay, daemon=True).start()

    def stay(self) -> None:
        with suppress(OSError):
            while True:
                self.send(KEEPALIVE)
                time.sleep(2)

    def send(self, message: bytes) -> None:
        with self.turn:
            self.channel.sendall(message)

    def close(self) -> None:
        with closing(self.server):
            if hasattr(self, "channel"):
                self.channel.close()

    def mac_route(self, address: str) -> bytes:
        """RFC 7432, 7.2, but for the VNI."""
        return struct.pack("!H4sH", 1, self.address, 2) + bytes(14) + bytes([48]) + mac(address) + b"\0"

    def tell(self, vnis: tuple[int, ...], address: str, hop: str, legacy: str = "") -> None:
        """That a MAC is behind a host, for some networks; `legacy` is a NEXT_HOP besides (type 3)."""
        route = self.mac_route(address) + vnis[0].to_bytes(3, "big")
        reach = struct.pack("!HBB4sB", 25, 70, 4, ip(hop), 0) + bytes([2, len(route)]) + route
        communities = [struct.pack("!BBHI", 0, 2, self.asn, vni) for vni in vnis] + [ENCAPSULATED]
        attributes = [
            attribute(0x40, 1, b"\0"),
            attribute(0x40, 2, b""),
            attribute(0x40, 3, ip(legacy)) if legacy else b"",
            attribute(0x40, 5, struct.pack("!I", 100)),
            attribute(0xC0, 16, b"".join(communities)),
            attribute(0x80, 14, reach),
        ]
        body = struct.pack("!HH", 0, len(b"".join(attributes))) + b"".join(attributes)
        self.send(MARKER + struct.pack("!HB", 19 + len(body), 2) + body)


def attribute(flags: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", flags | 0x10, kind, len(body)) + body

"""Raw Ethernet frames and a sniffer: by a marker of its own each frame is found wherever it arrives."""

import socket
import struct
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.netns.lab import Lab

ETH_P_ALL = 3
BROADCAST = "ff:ff:ff:ff:ff:ff"
SETTLE = 0.25  # seconds for frames to arrive


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def ip(text: str) -> bytes:
    return IPv6Address(text).packed if ":" in text else IPv4Address(text).packed


def marker(number: int) -> bytes:
    """Eight bytes that are also a well-formed neighbour discovery option of an unknown type."""
    return bytes((253, 1)) + struct.pack("!I", 0xC0FFEE00 + number) + b"mk"


def ethernet(dst: str, src: str, kind: int, payload: bytes) -> bytes:
    return (mac(dst) + mac(src) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src: str, dst: str, proto: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0, ip(src), ip(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src: str, dst: str, proto: int, payload: bytes, hops: int = 255) -> bytes:
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), proto, hops, ip(src), ip(dst)) + payload


def udp(src: int, dst: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", src, dst, 8 + len(payload), 0) + payload


def udp6(src: str, dst: str, ports: tuple[int, int], payload: bytes) -> bytes:
    body = udp(*ports, payload)
    pseudo = ip(src) + ip(dst) + struct.pack("!II", len(body), 17)
    return ipv6(src, dst, 17, body[:6] + struct.pack("!H", checksum(pseudo + body)) + body[8:])


def icmpv6(src: str, dst: str, kind: int, body: bytes) -> bytes:
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = ip(src) + ip(dst) + struct.pack("!II", len(message), 58)
    return ipv6(src, dst, 58, message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:])


def arp(op: int, sender: tuple[str, str], target: tuple[str, str], mark: bytes) -> bytes:
    """`sender` and `target` are (MAC, IP); the marker stands in the padding."""
    return (
        struct.pack(
            "!HHBBH6s4s6s4s",
            1,
            0x0800,
            6,
            4,
            op,
            mac(sender[0]),
            ip(sender[1]),
            mac(target[0]),
            ip(target[1]),
        )
        + mark
    )


def option(kind: int, address: str) -> bytes:
    """A link-layer address option of neighbour discovery."""
    return bytes((kind, 1)) + mac(address)


def advertisement(target: str, address: str, mark: bytes) -> bytes:
    """The body of a neighbour advertisement with the override flag."""
    return struct.pack("!I16s", 0x20000000, ip(target)) + option(2, address) + mark


class Sniffer:
    """Everything that arrives at `ifname` in `ns` while the body runs, and SETTLE longer."""

    def __init__(self, lab: "Lab", ns: str, ifname: str) -> None:
        self.frames: list[bytes] = []
        with lab.inside(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((ifname, ETH_P_ALL))
        self.socket.settimeout(0.05)
        self.running = True
        self.thread = Thread(target=self._run)

    def __enter__(self) -> "Sniffer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(SETTLE)
        self.running = False
        self.thread.join()
        self.socket.close()

    def _run(self) -> None:
        while self.running:
            try:
                frame, origin = self.socket.recvfrom(65536)
            except TimeoutError:
                continue
            if origin[2] != socket.PACKET_OUTGOING:
                self.frames.append(frame)

    def saw(self, mark: bytes) -> bool:
        return any(mark in frame for frame in self.frames)


def send(lab: "Lab", ns: str, frames: Iterable[bytes], ifname: str = "eth0") -> None:
    with lab.inside(ns), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((ifname, 0))
        for frame in frames:
            sock.send(frame)

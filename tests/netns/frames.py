"""Raw Ethernet frames and a sniffer: by a marker of its own each frame is found wherever it arrives."""

import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address
from threading import Thread
from typing import TYPE_CHECKING
from zlib import crc32

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


def tagged(frame: bytes, *vlans: int, kind: int = 0x8100) -> bytes:
    """With 802.1Q tags, the outermost first."""
    tags = b"".join(struct.pack("!HH", kind, vlan) for vlan in vlans)
    return frame[:12] + tags + frame[12:]


def pieces(body: bytes, size: int) -> list[tuple[int, int, bytes]]:
    """Offset in eights, whether more follow, and the bytes; `size` is a multiple of 8."""
    starts = range(0, len(body), size)
    return [(at // 8, at + size < len(body), body[at : at + size]) for at in starts]


def fragments4(packet: bytes, size: int) -> list[bytes]:
    made, number = [], crc32(packet) & 0xFFFF
    for offset, more, piece in pieces(packet[20:], size):
        head = struct.pack("!BBHHH", 0x45, 0, 20 + len(piece), number, more << 13 | offset) + packet[8:10]
        rest = packet[12:20]
        made.append(head + struct.pack("!H", checksum(head + b"\0\0" + rest)) + rest + piece)
    return made


def fragments6(packet: bytes, size: int) -> list[bytes]:
    """`size` beyond the packet makes one fragment of it: an atomic one."""
    return [
        packet[:4]
        + struct.pack("!HB", 8 + len(piece), 44)
        + packet[7:40]
        + struct.pack("!BBHI", packet[6], 0, offset << 3 | more, crc32(packet))
        + piece
        for offset, more, piece in pieces(packet[40:], size)
    ]


def behind(packet: bytes, header: int) -> bytes:
    """With an empty extension header in front: 0 hop-by-hop options, 43 routing, 60 destination options."""
    empty = bytes((packet[6], 0)) + (bytes(6) if header == 43 else b"\1\4" + bytes(4))
    length = struct.unpack("!H", packet[4:6])[0] + len(empty)
    return packet[:4] + struct.pack("!HB", length, header) + packet[7:40] + empty + packet[40:]


def arp(
    op: int,
    sender: tuple[str, str],
    target: tuple[str, str],
    mark: bytes,
    kinds: tuple[int, int, int, int] = (1, 0x0800, 6, 4),
) -> bytes:
    """Sender and target are (MAC, IP), `kinds` their types and lengths; the marker stands in the padding."""
    addresses = b"".join(mac(one) + ip(two) for one, two in (sender, target))
    return struct.pack("!HHBBH", *kinds, op) + addresses + mark


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


Frame = Callable[[bytes], bytes | list[bytes]]  # one or more frames that bear a marker


def arrivals(
    lab: "Lab", ns: str, frames: Mapping[str, Frame], places: Mapping[str, tuple[str, str]]
) -> dict[str, list[str]]:
    """For each of the `frames` that `ns` sends, the places (namespace, link) where its marker was seen."""
    marks = {name: marker(number) for number, name in enumerate(frames)}
    with ExitStack() as sniffing:
        sniffers = {place: sniffing.enter_context(Sniffer(lab, *where)) for place, where in places.items()}
        made = [make(marks[name]) for name, make in frames.items()]
        send(lab, ns, (frame for one in made for frame in (one if isinstance(one, list) else [one])))
    return {name: [place for place, one in sniffers.items() if one.saw(mark)] for name, mark in marks.items()}

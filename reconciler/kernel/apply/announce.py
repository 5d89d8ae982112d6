"""Tell the neighbours that an address has moved: a gratuitous ARP, or an unsolicited neighbour advertisement.

Without it they keep the MAC of whoever had the address before until their entry goes stale,
tens of seconds later.
"""

import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby

from .. import netns
from ..netlink import links
from ..netlink.socket import open_socket
from .requests import Moved

ARP, IPV6, ICMPV6 = 0x0806, 0x86DD, 58
BROADCAST, ALL_NODES = b"\xff" * 6, b"\x33\x33\0\0\0\1"  # ff02::1 on Ethernet (RFC 2464, 7)
ADVERTISEMENT, OVERRIDE, TARGET_LINK = 136, 0x20000000, 2  # RFC 4861, 4.4 and 4.6.1


PATIENCE = 50  # milliseconds


def tell(moved: Sequence[Moved], host: socket.socket) -> None:
    """Leaves the thread in the last sandbox; one that has lost its name or the link has nobody to tell."""
    for ns, group in groupby(moved, key=lambda one: one.address.ns):
        with suppress(OSError):
            netns.enter(ns)
            tell_here(group, host)


def tell_here(moved: Iterable[Moved], host: socket.socket) -> None:
    with open_socket() as here:
        for address, end in moved:
            await_carrier(host, end)
            await_carrier(here, address.link if end else "")
            announce(address.link, address.ip)


def await_carrier(channel: socket.socket, link: str) -> None:
    """A pair that is up carries nothing until linkwatch has run, a moment later (net/core/link_watch.c)."""
    for _ in range(PATIENCE):
        if not link or links.link_called(channel, link).operating:
            return
        time.sleep(0.001)


def announce(link: str, ip: str) -> None:
    """From `link` in the thread's namespace; a link that is down has nobody to tell."""
    kind = IPV6 if ":" in ip else ARP
    with suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as channel:
        channel.bind((link, kind))
        mac = channel.getsockname()[4]
        channel.send(advertisement(mac, ip) if kind == IPV6 else request(mac, ip))


def request(mac: bytes, ip: str) -> bytes:
    """RFC 5227, 3: an ARP request for one's own address."""
    raw = socket.inet_pton(socket.AF_INET, ip)
    return BROADCAST + mac + struct.pack("!HHHBBH", ARP, 1, 0x0800, 6, 4, 1) + mac + raw + bytes(6) + raw


def advertisement(mac: bytes, ip: str) -> bytes:
    """RFC 4861, 7.2.6: to all nodes, and overriding what they know."""
    source, target = socket.inet_pton(socket.AF_INET6, ip), socket.inet_pton(socket.AF_INET6, "ff02::1")
    option = bytes((TARGET_LINK, 1)) + mac
    pseudo = source + target + struct.pack("!II", 24 + len(option), ICMPV6)
    rest = struct.pack("!I", OVERRIDE) + source + option
    total = checksum(pseudo + struct.pack("!BBH", ADVERTISEMENT, 0, 0) + rest)
    header = struct.pack("!IHBB", 6 << 28, 24 + len(option), ICMPV6, 255) + source + target
    body = struct.pack("!BBH", ADVERTISEMENT, 0, total) + rest
    return ALL_NODES + mac + struct.pack("!H", IPV6) + header + body


def checksum(data: bytes) -> int:
    """RFC 1071; everything here has an even length."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

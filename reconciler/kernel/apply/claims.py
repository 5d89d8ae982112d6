"""Ask a LAN whether another machine has an address, before one of ours gets it (RFC 5227, 2.1; RFC 4862).

The question goes out by the link of the host that the sandbox's own stands on, or is a port beside: so no
container of ours hears it, and no guard of ours is between.
"""

import ctypes
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from select import POLLIN, poll

from ..netlink.links import ALL_LINKS, GETLINK, Seen
from ..netlink.socket import dump
from .announce import ADVERTISEMENT, ARP, BROADCAST, ICMPV6, IPV6, checksum

PROBES, PAUSE = 2, 0.1  # how often is asked, and seconds that are listened to each time
EVERYTHING, OUTGOING = 0x0003, 4  # ETH_P_ALL, which hears a bridge's port too; PACKET_OUTGOING
SOL_PACKET, MEMBERSHIP, AUXDATA, ALL_MULTICAST = 263, 1, 8, 2  # linux/if_packet.h; PACKET_MR_ALLMULTI
AUXILIARY = struct.Struct("=I12xH")  # of struct tpacket_auxdata the status and the tag, valid with this bit
VLAN_VALID, VLAN = 0x10, 0x8100  # TP_STATUS_VLAN_VALID, ETH_P_8021Q
ATTACH_FILTER = 26  # SO_ATTACH_FILTER
SOLICITATION = 135  # RFC 4861, 4.3
Asked = tuple[str, int, str]  # link of the host, tag or 0, address
# ARP, and neighbour advertisements: classic BPF, (code, jump if true, jump if false, operand) each.
FILTER = b"".join(
    struct.pack("=HBBI", *one)
    for one in (
        (0x28, 0, 0, 12), (0x15, 5, 0, ARP), (0x15, 0, 5, IPV6), (0x30, 0, 0, 20), (0x15, 0, 3, ICMPV6),
        (0x30, 0, 0, 54), (0x15, 0, 1, ADVERTISEMENT), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0),
    )
)  # fmt: skip


def claimed(wanted: Iterable[Asked], host: socket.socket) -> dict[Asked, str]:
    """The MAC of the machine that has it, of those that another one has."""
    by_link: dict[str, list[Asked]] = defaultdict(list)
    for one in wanted:
        by_link[one[0]].append(one)
    found: dict[Asked, str] = {}
    with ExitStack() as stack:
        channels = {link: stack.enter_context(own) for link in by_link if (own := listening(link))}
        for _ in range(PROBES):
            channels = {link: one for link, one in channels.items() if ask(one, by_link[link])}
            found |= {one: mac for one, mac in heard(channels, PAUSE) if one in by_link[one[0]]}
    return without_ours(found, host) if found else {}


def listening(link: str) -> socket.socket | None:
    """None where the link is not there, or carries nothing."""
    channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    program = ctypes.create_string_buffer(FILTER)
    try:
        channel.setsockopt(
            socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("@HP", len(FILTER) // 8, ctypes.addressof(program))
        )
        channel.bind((link, EVERYTHING))
        index = socket.if_nametoindex(link)
        channel.setsockopt(SOL_PACKET, MEMBERSHIP, struct.pack("=iHH8x", index, ALL_MULTICAST, 0))
        channel.setsockopt(SOL_PACKET, AUXDATA, 1)
    except OSError:
        channel.close()
        return None
    return channel


def ask(channel: socket.socket, wanted: Iterable[Asked]) -> bool:
    """Whether there is anybody to ask: a link that is down leads to nobody."""
    mac = channel.getsockname()[4]
    with suppress(OSError):
        for _, tag, ip in wanted:
            frame = solicitation(mac, ip) if ":" in ip else probe(mac, ip)
            channel.send(frame[:12] + struct.pack("!HH", VLAN, tag) + frame[12:] if tag else frame)
        return True
    return False


def heard(channels: Mapping[str, socket.socket], seconds: float) -> Iterator[tuple[Asked, str]]:
    """What others claim meanwhile, with their MACs."""
    by_number, poller = {one.fileno(): link for link, one in channels.items()}, poll()
    if not channels:
        return
    for number in by_number:
        poller.register(number, POLLIN)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for number, _ in poller.poll(left * 1000):
            link = by_number[number]
            try:
                frame, said, _, sender = channels[link].recvmsg(2048, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:  # it went down, or away: nobody is there any more
                poller.unregister(number)
                continue
            if sender[2] != OUTGOING and (ip := claim(frame)):
                yield (link, sum(tag_of(data) for _, _, data in said), ip), frame[6:12].hex(":")


def tag_of(auxiliary: bytes) -> int:
    """The number of the VLAN, which Linux takes off a frame before anybody looks; 0 where it came without."""
    status, tag = AUXILIARY.unpack_from(auxiliary)
    return tag & 0xFFF if status & VLAN_VALID else 0


def claim(frame: bytes) -> str:
    """The address that the sender of a frame says is its own."""
    if frame[12:14] == ARP.to_bytes(2, "big") and len(frame) >= 42:
        return socket.inet_ntop(socket.AF_INET, frame[28:32])
    return socket.inet_ntop(socket.AF_INET6, frame[62:78]) if len(frame) >= 78 else ""


def probe(mac: bytes, ip: str) -> bytes:
    """From nobody yet, so that no neighbour learns anything of it."""
    head = struct.pack("!HHHBBH", ARP, 1, 0x0800, 6, 4, 1)
    return BROADCAST + mac + head + mac + bytes(4) + bytes(6) + socket.inet_pton(socket.AF_INET, ip)


def solicitation(mac: bytes, ip: str) -> bytes:
    target = socket.inet_pton(socket.AF_INET6, ip)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    pseudo = bytes(16) + group + struct.pack("!II", 24, ICMPV6)
    total = checksum(pseudo + struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + target)
    header = struct.pack("!IHBB", 6 << 28, 24, ICMPV6, 255) + bytes(16) + group
    body = struct.pack("!BBHI", SOLICITATION, 0, total, 0) + target
    return b"\x33\x33" + group[12:] + mac + struct.pack("!H", IPV6) + header + body


def without_ours(found: Mapping[Asked, str], host: socket.socket) -> dict[Asked, str]:
    """On somebody else's bridge our own containers hear it as well; the host's end of each tells its MAC."""
    known = {Seen(body).mac[3:] for body in dump(host, GETLINK, ALL_LINKS)}
    return {one: mac for one, mac in found.items() if mac[3:] not in known}

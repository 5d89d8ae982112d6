"""What the firewall tells by NFLOG, packet by packet, in one group of the own namespace.

The kernel gives a group to one reader alone.  Packets are others': here they are bytes.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Self

from ...errors import KernelError, NotPermitted
from .netfilter import NETFILTER, NFGEN
from .socket import ACK, ERROR, HEADER, REQUEST, attr, attributes, frames, printable
from .subscription import MOST, RCVBUFFORCE

ULOG = 4  # NFNL_SUBSYS_ULOG
PACKET, CONFIG = ULOG << 8 | 0, ULOG << 8 | 1  # NFULNL_MSG_*
HEAD, INDEV, OUTDEV, PAYLOAD = 1, 4, 5, 9  # NFULA_*
COMMAND, MODE, TIMEOUT, THRESHOLD = 1, 2, 4, 5  # NFULA_CFG_*
BIND = 1  # NFULNL_CFG_CMD_BIND
COPY_PACKET = 2  # NFULNL_COPY_PACKET
SNAP, WAIT, AT_ONCE = 128, 20, 64  # bytes of a packet; hundredths of a second; packets that do not wait
ROOM = 1 << 19  # bytes that the kernel keeps for us
READERS = "/proc/thread-self/net/netfilter/nfnetlink_log"
DATAGRAMS = 16  # that are read in one go


class Busy(Exception):
    """Somebody else reads the group."""


class LoggedPacket(NamedTuple):
    """`hook` is NF_INET_*; links are names, "" for none."""

    hook: int
    iif: str
    oif: str
    packet: bytes


class Nflog:
    """The reader of a group; raises Busy, or NotPermitted."""

    def __init__(self, group: int):
        self.missed = 0  # times that more came than could be kept
        self.channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        try:
            with suppress(OSError):
                self.channel.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, ROOM)
            self.ask(group, attr(COMMAND, bytes((BIND,))))
            self.ask(group, attr(MODE, struct.pack("!IBx", SNAP, COPY_PACKET)))
            self.ask(
                group, attr(TIMEOUT, struct.pack("!I", WAIT)) + attr(THRESHOLD, struct.pack("!I", AT_ONCE))
            )
        except BaseException:
            self.channel.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def fileno(self) -> int:
        return self.channel.fileno()

    def ask(self, group: int, body: bytes) -> None:
        size = HEADER.size + NFGEN.size + len(body)
        head = HEADER.pack(size, CONFIG, REQUEST | ACK, 1, 0) + NFGEN.pack(socket.AF_UNSPEC, 0, group)
        self.channel.send(head + body)
        while True:  # packets may come between
            for kind, _, _, _, said in frames(self.channel.recv(MOST)):
                if kind == ERROR:
                    return refuse(group, -struct.unpack_from("=i", said)[0])

    def packets(self) -> Iterator[LoggedPacket]:
        """What has come, as far as it is read in one go; nothing waits here."""
        for _ in range(DATAGRAMS):
            try:
                data = self.channel.recv(MOST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.missed += 1
            else:
                yield from (logged(body) for kind, _, _, _, body in frames(data) if kind == PACKET)


def refuse(group: int, number: int) -> None:
    """The kernel says EPERM of both: that it is another's, and that nobody may."""
    if number in (errno.EBUSY, errno.EEXIST) or (number == errno.EPERM and is_read(group)):
        raise Busy
    if number == errno.EPERM:
        raise NotPermitted("cannot read what the firewall tells", "CAP_NET_ADMIN is missing: run as root")
    if number:
        raise KernelError("read what the firewall tells", number, os.strerror(number))


def is_read(group: int) -> bool:
    with suppress(OSError), open(READERS) as file:
        return any(line.split()[0] == str(group) for line in file if line.strip())
    return False


def logged(body: bytes) -> LoggedPacket:
    found = attributes(body, NFGEN.size)
    head = found.get(HEAD, b"")
    return LoggedPacket(
        head[2] if len(head) > 2 else 0,
        link_name(found.get(INDEV, b"")),
        link_name(found.get(OUTDEV, b"")),
        found.get(PAYLOAD, b""),
    )


def link_name(index: bytes) -> str:
    """As it is called now."""
    try:
        return printable(socket.if_indextoname(int.from_bytes(index, "big")).encode()) if index else ""
    except (OSError, OverflowError):
        return ""

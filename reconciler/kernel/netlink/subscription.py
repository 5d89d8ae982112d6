"""What the kernel tells by itself, on one socket, as it comes."""

import ctypes
import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

from ...errors import NotPermitted
from .socket import SOL_NETLINK

MOST = 1 << 16  # bytes of a datagram
AT_ONCE = 64  # datagrams
RCVBUF = 8 << 20  # bytes; what overflows it is answered by looking again
ADD_MEMBERSHIP, LISTEN_ALL_NSID = 1, 8
RCVBUFFORCE, ATTACH_FILTER = 33, 26  # SO_*
LOAD_HALF, EQUAL, RETURN = 0x28, 0x15, 0x06  # linux/bpf_common.h

Control = list[tuple[int, int, bytes]]  # what recvmsg(2) tells beside the data


class Missed(Exception):
    """More came than could be kept."""


class Subscription:
    """A socket that hears these groups: of its own namespace, or everywhere that has a number here."""

    def __init__(self, protocol: int, groups: tuple[int, ...], *, everywhere: bool = False):
        self.channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.behind = False  # something was dropped, and more is until all is read
        self.channel.bind((0, 0))
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF)  # as much as anybody may have,
        with suppress(OSError):  # and more, but in a user namespace
            self.channel.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, RCVBUF)
        try:
            if everywhere:
                self.channel.setsockopt(SOL_NETLINK, LISTEN_ALL_NSID, 1)
        except PermissionError:
            self.channel.close()
            raise NotPermitted(
                "cannot hear what happens in sandboxes", "CAP_NET_BROADCAST is missing"
            ) from None
        for group in groups:
            self.channel.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def fileno(self) -> int:
        return self.channel.fileno()

    def hear_only(self, kind: int) -> None:
        """The kernel drops all else: of a change that is thousands of messages, one is of this kind."""
        rules = (
            (LOAD_HALF, 0, 0, 4),
            (EQUAL, 0, 1, socket.htons(kind)),
            (RETURN, 0, 0, MOST),
            (RETURN, 0, 0, 0),
        )
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
        program = struct.pack("HP", len(rules), ctypes.addressof(code))
        self.channel.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, program)

    def datagrams(self) -> Iterator[tuple[bytes, Control]]:
        """What has come, up to so many; raises Missed as soon as nothing more is dropped."""
        for _ in range(AT_ONCE):
            try:
                data, control, _, _ = self.channel.recvmsg(MOST, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                if self.behind:
                    self.behind = False
                    raise Missed from None
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.behind = True
            else:
                yield data, control

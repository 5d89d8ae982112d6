"""The sockets that listen on the host: by sock_diag, which looks at these alone.

/proc/net/tcp walks the table of all connections for them: 3.5 ms, where sock_diag takes 0.1 ms.  It is read
if the kernel has no sock_diag, so that not being told is never taken for silence.
"""

import errno
import os
import socket
import struct
from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

from ...inventory.facts import KERNEL, PROCESS, Listener
from .. import looking
from ..netlink.socket import dump, open_socket
from ..processes import folders, name_of
from ..transcript import doubt

SOCK_DIAG, BY_FAMILY = 4, 20  # linux/netlink.h, linux/sock_diag.h
REQUEST = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2: any address and port
INODE, INODE_AT = struct.Struct("=I"), 68  # idiag_inode, the last of struct inet_diag_msg
LISTEN, UNCONNECTED = 10, 7  # TCP_LISTEN and TCP_CLOSE of net/tcp_states.h
PROTOCOLS = {"tcp": (6, LISTEN), "udp": (17, UNCONNECTED), "sctp": (132, LISTEN)}
FAMILIES = {socket.AF_INET: (4, ""), socket.AF_INET6: (16, "6")}  # bytes of an address, suffix in /proc/net


def listeners() -> Iterator[Listener]:
    for protocol, family in product(PROTOCOLS, FAMILIES):
        number, state = PROTOCOLS[protocol]
        try:
            yield from diagnosed(protocol, number, state, family)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the kernel has no inet_diag for this protocol
                raise
            yield from tabled(protocol, state, family)


def diagnosed(protocol: str, number: int, state: int, family: socket.AddressFamily) -> Iterator[Listener]:
    for body in asked(number, state, family):
        yield listener_of(protocol, family, body)


def asked(number: int, state: int, family: socket.AddressFamily) -> list[bytes]:
    """Each socket as a struct inet_diag_msg."""
    with open_socket(SOCK_DIAG) as channel:
        return dump(channel, BY_FAMILY, REQUEST.pack(family, number, 0, 1 << state))


def listener_of(protocol: str, family: socket.AddressFamily, body: bytes) -> Listener:
    """A socket without an inode is the kernel's own, of a tunnel."""
    [port], [inode] = struct.unpack_from("!H", body, 4), INODE.unpack_from(body, INODE_AT)
    address = socket.inet_ntop(family, body[8 : 8 + FAMILIES[family][0]])
    return Listener(protocol, address, port, PROCESS if inode else KERNEL)


def heard() -> tuple[Listener, ...]:
    """Those of the host with their processes, as `sshd (pid 812)`, as far as we may look into these."""
    found: dict[str, list[Listener]] = defaultdict(list)
    for protocol, family in product(PROTOCOLS, FAMILIES):
        with suppress(OSError):  # the kernel has no inet_diag for this protocol
            for body in asked(*PROTOCOLS[protocol], family):
                [inode] = INODE.unpack_from(body, INODE_AT)
                found[f"socket:[{inode}]"].append(listener_of(protocol, family, body))
    return tuple(one._replace(holder=name) for link, name in open_files(found) for one in found.pop(link, ()))


def open_files(links: Container[str]) -> Iterator[tuple[str, str]]:
    """Which of these each process has open, with its name."""
    for folder in folders():
        with suppress(OSError):  # it has ended, or is not ours to look into
            name = f"{name_of(folder)} (pid {folder.name})"
            opened = (os.readlink(entry.path) for entry in os.scandir(folder / "fd"))
            yield from ((link, name) for link in opened if link in links)


def tabled(protocol: str, state: int, family: socket.AddressFamily) -> Iterator[Listener]:
    """From /proc/net; SCTP has no table there of this form."""
    path = f"/proc/net/{protocol}{FAMILIES[family][1]}"
    if not looking.exists(path):
        return
    doubt()  # it tells of every connection
    for line in Path(path).read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if int(words[3], 16) == state:
            raw, _, port = words[1].partition(":")
            yield Listener(protocol, address(raw, family), int(port, 16))


def address(raw: str, family: int) -> str:
    """/proc/net has addresses as words of 32 bits in the machine's order."""
    words = struct.unpack(f">{len(raw) // 8}I", bytes.fromhex(raw))
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))

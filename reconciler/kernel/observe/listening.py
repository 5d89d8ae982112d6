"""The sockets that listen on the host: by sock_diag, which looks at these alone.

/proc/net/tcp walks the table of all connections for them: 3.5 ms, where sock_diag takes 0.1 ms.  It is read
if the kernel has no sock_diag, so that not being told is never taken for silence.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from ...inventory.facts import Listener
from .. import looking
from ..netlink.socket import dump, open_socket
from ..transcript import doubt

SOCK_DIAG, BY_FAMILY = 4, 20  # linux/netlink.h, linux/sock_diag.h
REQUEST = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2: any address and port
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
    with open_socket(SOCK_DIAG) as channel:
        for body in dump(channel, BY_FAMILY, REQUEST.pack(family, number, 0, 1 << state)):
            [port] = struct.unpack_from("!H", body, 4)
            yield Listener(protocol, socket.inet_ntop(family, body[8 : 8 + FAMILIES[family][0]]), port)


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

"""The numbers that namespaces have in one another: the kernel alone says whose the other end of a link is."""

import socket

from ..transcript import note
from .socket import attributes, get_unnoted, u32

GETNSID = 90
NETNSA_NSID, NETNSA_FD = 1, 3  # linux/net_namespace.h


def number_of(namespace: int, channel: socket.socket) -> int:
    """The number that the namespace behind a descriptor has in the one that the socket is in; -1 for none."""
    answer = get_unnoted(channel, GETNSID, bytes(4) + u32(NETNSA_FD, namespace))
    number = int.from_bytes(attributes(answer, 4)[NETNSA_NSID], "little", signed=True)
    note("number_of_host", (), [b"%d" % number])
    return number

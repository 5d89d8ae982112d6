"""Neighbours and forwarding entries on the wire, of which there are as many as containers on other hosts:
packed by hand."""

import errno
import socket
import struct
from collections.abc import Iterable

from ...kinds.link import STATIC_MAC, STICKY_MAC
from .links import packed
from .socket import CREATE, REPLACE, Message, get, u16

NEWNEIGH, DELNEIGH, GETNEIGH = 28, 29, 30
NDMSG = struct.Struct("=BxxxiHBB")  # family, link, state, flags, type
# The same, and the two attributes with which the kernel begins (neigh_fill_info, fdb_fill_info,
# vxlan_fdb_info): all that is read, for a third of what taking apart the others too would cost.
FDB_ENTRY = struct.Struct("=BxxxiHBxHH6sxxHH")  # a MAC, and the head of what follows
NEIGHBOUR = {4: struct.Struct("=BxxxiHBxHH4sHH6s"), 16: struct.Struct("=BxxxiHBxHH16sHH6s")}  # an IP, a MAC
PF_BRIDGE = 7
# linux/neighbour.h; `static` of iproute2 is NOARP with REACHABLE, and VXLAN refuses the first alone
NUD_STATIC, NUD_NOARP, NUD_PERMANENT = 0x42, 0x40, 0x80
NTF_SELF, NTF_MASTER, NTF_EXT_LEARNED, NTF_STICKY = 0x02, 0x04, 0x10, 0x40
NDA_DST, NDA_LLADDR, NDA_VLAN, NDA_IFINDEX, NDA_MASTER, NDA_PROTOCOL = 1, 2, 5, 8, 9, 12
MAC = struct.Struct("=HH6sxx")  # an attribute that holds a MAC
HOW = {STATIC_MAC: 0, STICKY_MAC: NTF_STICKY}


def mac(text: str) -> bytes:
    return MAC.pack(10, NDA_LLADDR, bytes.fromhex(text.replace(":", "")))


def dst(ip: str) -> bytes:
    raw = packed(ip)[1]
    return struct.pack("=HH", len(raw) + 4, NDA_DST) + raw


def entered(port: int, address: str, how: str, *, new: bool) -> list[Message]:
    """A bridge has a MAC behind this port, in all VLANs of it, without the mark of whoever had entered it
    elsewhere, as FRR; or has it no more, where `how` is "".  Of a `new` bridge nobody but FRR can know, and
    then it is not to be sticky; each entry costs a look at all ports (fdb_add_hw_addr)."""
    head = NDMSG.pack(PF_BRIDGE, port, NUD_STATIC, NTF_MASTER | HOW.get(how, 0), 0)
    here = Message(NEWNEIGH, CREATE | REPLACE, head + mac(address))
    gone = forgotten_at_port(port, address)
    if new and how == STICKY_MAC:
        return [here]
    return [here, gone, here] if how else [gone]


def forgotten_at_port(port: int, address: str) -> Message:
    return Message(DELNEIGH, 0, NDMSG.pack(PF_BRIDGE, port, NUD_STATIC, NTF_MASTER, 0) + mac(address))


def own(bridge: int, address: str) -> Message:
    """A bridge has a MAC itself."""
    head = NDMSG.pack(PF_BRIDGE, bridge, NUD_PERMANENT, NTF_SELF, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, head + mac(address))


def knows_itself(channel: socket.socket, bridge: int, address: str, place: str) -> bool:
    ask = NDMSG.pack(PF_BRIDGE, bridge, 0, NTF_SELF, 0) + mac(address)
    return entry(channel, ask, place)[:2] == (bridge, NUD_PERMANENT)


def how_entered(channel: socket.socket, port: int, address: str, vlans: Iterable[int], place: str) -> str:
    """How the bridge has the MAC of this sandbox at its port, in each of the VLANs (0 is none); "" where not
    as we enter."""
    ask = NDMSG.pack(PF_BRIDGE, port, 0, NTF_MASTER, 0) + mac(address)
    found = {entry(channel, ask + u16(NDA_VLAN, tag) * bool(tag), place) for tag in vlans}
    return next((how for how, flag in HOW.items() if found == {(port, NUD_NOARP, flag)}), "")


def entry(channel: socket.socket, ask: bytes, place: str) -> tuple[int, int, int]:
    """Port, state and marks of the entry that is asked for; zeros where there is none, or no port."""
    try:
        _, index, state, flags, *_ = NDMSG.unpack_from(get(channel, GETNEIGH, ask, place))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return 0, 0, 0
        raise
    return index, state, flags & (NTF_STICKY | NTF_EXT_LEARNED)

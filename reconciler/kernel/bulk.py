"""Forwarding entries and neighbours, of which there are as many as containers on other hosts: packed by
hand."""

import socket
import struct
from collections.abc import Iterator

from ..core.resource import Resource
from ..kinds.evpn import Station
from ..kinds.link import Veth
from ..kinds.marks import PROTOCOL
from ..kinds.overlay import NOBODY, Entries, Neighbours
from .netlink import ATTR, CREATE, REPLACE, Message, dump, open_socket, u32
from .rtnl import INET, INET6, MASTER, Seen, packed

NEWNEIGH, DELNEIGH, GETNEIGH, APPEND = 28, 29, 30, 0x800
NDMSG = struct.Struct("=BxxxiHBB")  # family, link, state, flags, type
HEAD = struct.Struct("=BxxxiHBBHH")  # the same, and the head of the first attribute
BRIDGE = 7  # PF_BRIDGE
# linux/neighbour.h; `static` of iproute2 is NOARP with REACHABLE, and VXLAN refuses the first alone
STATIC, NOARP, PERMANENT = 0x42, 0x40, 0x80
SELF, PORT, LEARNED, STICKY = 0x02, 0x04, 0x10, 0x40
DST, LLADDR, IFINDEX, MASTER_ATTR, PROTOCOL_ATTR = 1, 2, 8, 9, 12
MAC = struct.Struct("=HH6sxx")  # an attribute that holds a MAC
MARK = struct.pack("=HHBxxx", 5, PROTOCOL_ATTR, PROTOCOL)


def mac(text: str) -> bytes:
    return MAC.pack(10, LLADDR, bytes.fromhex(text.replace(":", "")))


def dst(ip: str) -> bytes:
    raw = packed(ip)[1]
    return struct.pack("=HH", len(raw) + 4, DST) + raw


def messages(new: Resource, old: Resource | None, link: int, *, gone: bool) -> Iterator[Message]:
    """What is no longer wanted goes, then everything wanted is set: what stands already costs a
    microsecond."""
    before = old.entries if isinstance(old, Entries | Neighbours) else ()
    wanted = () if gone else new.entries
    stale = set(before).difference(wanted)
    remove, put = (forgotten, told) if isinstance(new, Entries) else (unknown, known)
    for entry in stale:
        yield from remove(link, *entry.split(" "))
    for entry in wanted:
        yield from put(link, *entry.split(" "))


def told(link: int, address: str, host: str) -> Iterator[Message]:
    """Where VXLAN sends frames for a MAC, and that the bridge never believes it to be elsewhere
    (`sticky`)."""
    if address == NOBODY:
        head = NDMSG.pack(BRIDGE, link, PERMANENT, SELF, 0)
        yield Message(NEWNEIGH, CREATE | APPEND, head + mac(address) + dst(host))
        return
    both = NDMSG.pack(BRIDGE, link, STATIC, SELF | PORT | STICKY, 0)
    yield Message(NEWNEIGH, CREATE | REPLACE, both + mac(address) + dst(host))


def forgotten(link: int, address: str, host: str, only: str = "") -> Iterator[Message]:
    if only != "port":
        yield Message(DELNEIGH, 0, NDMSG.pack(BRIDGE, link, STATIC, SELF, 0) + mac(address) + dst(host))
    if only != "self" and address != NOBODY:
        yield Message(DELNEIGH, 0, NDMSG.pack(BRIDGE, link, STATIC, PORT, 0) + mac(address))


def known(link: int, ip: str, address: str) -> Iterator[Message]:
    head = NDMSG.pack(INET6 if ":" in ip else INET, link, PERMANENT, 0, 0)
    yield Message(NEWNEIGH, CREATE | REPLACE, head + dst(ip) + mac(address) + MARK)


def unknown(link: int, ip: str, _address: str) -> Iterator[Message]:
    yield Message(DELNEIGH, 0, NDMSG.pack(INET6 if ":" in ip else INET, link, 0, 0, 0) + dst(ip))


def read(links: dict[int, Seen], tunnel: Seen, *, flooded: bool) -> Iterator[Entries | Neighbours]:
    """What stands of ours at a VXLAN link and at its bridge; unless `flooded`, FRR says who gets what is for
    everybody, in entries that tell nothing of whose they are."""
    bridge = links.get(tunnel.number(MASTER))
    if bridge is None:
        return
    with open_socket() as channel:
        found = dump(channel, GETNEIGH, NDMSG.pack(BRIDGE, tunnel.index, 0, 0, 0))
        rows = (row for row in entries_of(found, tunnel.index) if flooded or not row.startswith(NOBODY))
        if entries := tuple(sorted(rows)):
            yield Entries(link=tunnel.name, bridge=bridge.name, entries=entries)
        heads = (NDMSG.pack(family, 0, 0, 0, 0) for family in (INET, INET6))
        dumps = (dump(channel, GETNEIGH, head + u32(IFINDEX, bridge.index)) for head in heads)
        if entries := tuple(sorted(entry for one in dumps for entry in neighbours_of(one, bridge.index))):
            yield Neighbours(link=bridge.name, entries=entries)


def station(one: Station, port: int, *, gone: bool) -> Message:
    head = NDMSG.pack(BRIDGE, port, STATIC, PORT, 0) + mac(one.mac)
    return Message(DELNEIGH, 0, head) if gone else Message(NEWNEIGH, CREATE | REPLACE, head)


def stations(bridge: int) -> Iterator[tuple[int, str]]:
    """Port and MAC of what a bridge neither learned nor was told by FRR nor has for itself."""
    with open_socket() as channel:
        head = NDMSG.pack(BRIDGE, 0, 0, 0, 0) + u32(MASTER_ATTR, bridge)
        for body in dump(channel, GETNEIGH, head):
            _, index, state, flags, *_ = NDMSG.unpack_from(body)
            if state == NOARP and not flags & (LEARNED | STICKY | SELF):
                yield index, unpacked(body)[3][LLADDR].hex(":")


def station_of(veth: Veth, known: frozenset[tuple[str, str]]) -> Station | None:
    if not veth.bridge or (veth.host_name, veth.mac) not in known:
        return None
    return Station(ns=veth.ns, link=veth.name, port=veth.host_name, bridge=veth.bridge, mac=veth.mac)


def entries_of(found: list[bytes], link: int) -> Iterator[str]:
    """Both halves of an entry are one line; a lone half says which it is, and equals nothing that is
    wanted."""
    hosts: dict[str, list[str]] = {}
    pinned: set[str] = set()
    for body in found:
        index, _, flags, there = unpacked(body)
        if index != link or flags & LEARNED:
            continue
        address = there[LLADDR].hex(":")
        if raw := there.get(DST):
            hosts.setdefault(address, []).append(socket.inet_ntop(INET6 if len(raw) == 16 else INET, raw))
        elif MASTER_ATTR in there and flags & STICKY:
            pinned.add(address)
    for address, ips in hosts.items():
        half = "" if address in pinned or address == NOBODY else " self"
        yield from [f"{address} {ip}{half}" for ip in ips]
    yield from [f"{address} - port" for address in pinned - hosts.keys()]


def neighbours_of(found: list[bytes], link: int) -> Iterator[str]:
    for body in found:
        index, state, _, there = unpacked(body)
        if index == link and state & PERMANENT and MARK in body:
            raw = there[DST]
            ip = socket.inet_ntop(INET6 if len(raw) == 16 else INET, raw)
            yield f"{ip} {there[LLADDR].hex(':')}"


def unpacked(body: bytes) -> tuple[int, int, int, dict[int, bytes]]:
    """Link, state, flags and the first two attributes, which hold all that is asked for (neigh_fill_info,
    vxlan_fdb_info, fdb_fill_info): reading the others too would cost three times as much."""
    _, index, state, flags, _, size, kind = HEAD.unpack_from(body)
    second = 12 + ((size + 3) & ~3)
    size2, kind2 = ATTR.unpack_from(body, second)
    return index, state, flags, {kind: body[16 : 12 + size], kind2: body[second + 4 : second + size2]}

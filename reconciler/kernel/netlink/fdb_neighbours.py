"""Forwarding entries and neighbours, of which there are as many as containers on other hosts: packed by
hand."""

import errno
import socket
import struct
from collections.abc import Iterable, Iterator

from ...core.resource import Resource
from ...kinds.address import Address
from ...kinds.link import STATION, STICKY_STATION
from ...kinds.overlay import NOBODY, FdbEntries, Neighbours, OddFdbEntries
from ...kinds.ownership import PROTOCOL
from .links import INET, INET6, MASTER, Seen, packed
from .socket import ATTR, CREATE, REPLACE, Message, dump, families, get, open_socket, u16

NEWNEIGH, DELNEIGH, GETNEIGH, APPEND = 28, 29, 30, 0x800
NDMSG = struct.Struct("=BxxxiHBB")  # family, link, state, flags, type
HEAD = struct.Struct("=BxxxiHBBHH")  # the same, and the head of the first attribute
BRIDGE = 7  # PF_BRIDGE
# linux/neighbour.h; `static` of iproute2 is NOARP with REACHABLE, and VXLAN refuses the first alone
STATIC, NOARP, PERMANENT = 0x42, 0x40, 0x80
SELF, PORT, LEARNED, STICKY = 0x02, 0x04, 0x10, 0x40
DST, LLADDR, VLAN, MASTER_ATTR, PROTOCOL_ATTR = 1, 2, 5, 9, 12
MAC = struct.Struct("=HH6sxx")  # an attribute that holds a MAC
MARK = struct.pack("=HHBxxx", 5, PROTOCOL_ATTR, PROTOCOL)
STATIONS = {STATION: 0, STICKY_STATION: STICKY}
Bulk = FdbEntries | OddFdbEntries | Neighbours


def mac(text: str) -> bytes:
    return MAC.pack(10, LLADDR, bytes.fromhex(text.replace(":", "")))


def dst(ip: str) -> bytes:
    raw = packed(ip)[1]
    return struct.pack("=HH", len(raw) + 4, DST) + raw


def messages(new: Bulk, old: Resource | None, link: int, *, gone: bool) -> Iterator[Message]:
    """What is no longer wanted goes, then everything wanted is set: what stands already costs a
    microsecond."""
    if isinstance(new, OddFdbEntries):
        for address in new.macs:
            yield from forgotten(link, address)
        return
    before = old.entries if isinstance(old, FdbEntries | Neighbours) else ()
    wanted = () if gone else new.entries
    stale = set(before).difference(wanted)
    remove, put = (forgotten, told) if isinstance(new, FdbEntries) else (unknown, known)
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


def forgotten(link: int, address: str, host: str = "") -> Iterator[Message]:
    """Without a host, whatever hosts it names."""
    to = dst(host) if host else b""
    yield Message(DELNEIGH, 0, NDMSG.pack(BRIDGE, link, STATIC, SELF, 0) + mac(address) + to)
    yield no_station(link, address)


def stationed(port: int, address: str, how: str) -> list[Message]:
    """A bridge has a MAC behind this port, in all VLANs of it, without the mark of whoever had entered it
    elsewhere, as FRR; or has it no more, where `how` is ""."""
    head = NDMSG.pack(BRIDGE, port, STATIC, PORT | STATIONS.get(how, 0), 0)
    here, gone = Message(NEWNEIGH, CREATE | REPLACE, head + mac(address)), no_station(port, address)
    return [here, gone, here] if how else [gone]


def no_station(port: int, address: str) -> Message:
    return Message(DELNEIGH, 0, NDMSG.pack(BRIDGE, port, STATIC, PORT, 0) + mac(address))


def known(link: int, ip: str, address: str) -> Iterator[Message]:
    head = NDMSG.pack(INET6 if ":" in ip else INET, link, PERMANENT, 0, 0)
    yield Message(NEWNEIGH, CREATE | REPLACE, head + dst(ip) + mac(address) + MARK)


def unknown(link: int, ip: str, _address: str) -> Iterator[Message]:
    yield Message(DELNEIGH, 0, NDMSG.pack(INET6 if ":" in ip else INET, link, 0, 0, 0) + dst(ip))


def read(links: dict[int, Seen], tunnel: Seen, *, told: bool) -> Iterator[FdbEntries | OddFdbEntries]:
    """What stands of ours at a VXLAN link; where FRR has `told` what is elsewhere, it says also who gets what
    is for everybody, in entries that tell nothing of whose they are."""
    bridge = links.get(tunnel.number(MASTER))
    if bridge is None:
        return
    with open_socket() as channel:
        found = dump(channel, GETNEIGH, NDMSG.pack(BRIDGE, tunnel.index, 0, 0, 0))
        entries, odd = entries_of(found, tunnel.index, told=told)
        if entries:
            yield FdbEntries(link=tunnel.name, bridge=bridge.name, entries=tuple(sorted(entries)))
        if odd:
            yield OddFdbEntries(link=tunnel.name, macs=tuple(odd))


def neighbours(bridges: dict[int, str], addresses: Iterable[Address]) -> Iterator[Neighbours]:
    """The neighbours of bridges that are told rather than asked for."""
    found: dict[int, list[str]] = {}
    with open_socket() as channel:
        for family in families() if bridges else ():
            for index, entry in neighbours_of(dump(channel, GETNEIGH, NDMSG.pack(family, 0, 0, 0, 0))):
                found.setdefault(index, []).append(entry)
    own: dict[str, list[str]] = {}
    for address in addresses if found else ():
        own.setdefault(address.link, []).extend([] if ":" in address.ip else [address.ip])
    for index in found.keys() & bridges.keys():
        name = bridges[index]
        yield Neighbours(link=name, entries=tuple(sorted(found[index])), addresses=tuple(own.get(name, ())))


def station(channel: socket.socket, port: int, address: str, vlans: Iterable[int]) -> str:
    """How the bridge has the MAC at this port, in each of the VLANs (0 is none); "" where not as we enter."""
    ask = NDMSG.pack(BRIDGE, port, 0, PORT, 0) + mac(address)
    found = {held(channel, ask + u16(VLAN, tag) * bool(tag)) for tag in vlans}
    return next((how for how, flag in STATIONS.items() if found == {(port, NOARP, flag)}), "")


def held(channel: socket.socket, ask: bytes) -> tuple[int, int, int]:
    """Port, state and marks of the entry that is asked for; zeros where there is none, or no port."""
    try:
        _, index, state, flags, *_ = NDMSG.unpack_from(get(channel, GETNEIGH, ask))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return 0, 0, 0
        raise
    return index, state, flags & (STICKY | LEARNED)


def entries_of(found: list[bytes], link: int, *, told: bool) -> tuple[list[str], list[str]]:
    """The entries whose two halves are as we make them, and the MACs of all others but FRR's."""
    hosts: dict[str, list[str]] = {}
    sticky: set[str] = set()
    odd: set[str] = set()
    for body in found:
        index, state, flags, there = unpacked(body)
        if index != link:
            continue
        address = there[LLADDR].hex(":")
        if told and (flags & LEARNED or address == NOBODY):
            continue
        if flags & LEARNED:
            odd.add(address)
        elif raw := there.get(DST):
            hosts.setdefault(address, []).append(socket.inet_ntop(INET6 if len(raw) == 16 else INET, raw))
        elif MASTER_ATTR in there and state == NOARP and flags & STICKY:
            sticky.add(address)
    odd |= sticky ^ (hosts.keys() - {NOBODY})
    whole = [f"{mac} {ip}" for mac, ips in hosts.items() if mac not in odd for ip in ips]
    return whole, sorted(odd)


def neighbours_of(found: list[bytes]) -> Iterator[tuple[int, str]]:
    for body in found:
        if MARK not in body:
            continue
        index, state, _, there = unpacked(body)
        if state & PERMANENT:
            raw = there[DST]
            ip = socket.inet_ntop(INET6 if len(raw) == 16 else INET, raw)
            yield index, f"{ip} {there[LLADDR].hex(':')}"


def unpacked(body: bytes) -> tuple[int, int, int, dict[int, bytes]]:
    """Link, state, flags and the first two attributes, which hold all that is asked for (neigh_fill_info,
    vxlan_fdb_info, fdb_fill_info): reading the others too would cost three times as much."""
    _, index, state, flags, _, size, kind = HEAD.unpack_from(body)
    second = 12 + ((size + 3) & ~3)
    size2, kind2 = ATTR.unpack_from(body, second)
    return index, state, flags, {kind: body[16 : 12 + size], kind2: body[second + 4 : second + size2]}

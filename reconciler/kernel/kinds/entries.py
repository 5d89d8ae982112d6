"""Entries of which a link has many: neighbours that are told rather than asked for, and where a VXLAN link
sends frames for a MAC, which the bridge never believes to be elsewhere (`sticky`)."""

import struct
from collections.abc import Iterator
from functools import cache

from ...kinds.overlay import NOBODY, FdbEntries, Neighbours, OddFdbEntries
from ...kinds.ownership import GROUP, HOST, PROTOCOL, owner
from ..netlink import neighbours as ndm
from ..netlink.links import IFLA_MASTER, INET, INET6, Seen, ip_of
from ..netlink.neighbours import DELNEIGH, GETNEIGH, NDMSG, NEWNEIGH, dst, mac
from ..netlink.socket import CREATE, REPLACE, Message, dump, families, open_socket, u32
from .address import addresses_of
from .link import absent_link
from .router import routers
from .table import Kind, Readings, Requests, Resource, Step, register, remembered

APPEND = 0x800
FEW = 8  # links of which each is asked on its own: ports of bridges have an entry or two each, of no matter
MARK = struct.pack("=HHBxxx", 5, ndm.NDA_PROTOCOL, PROTOCOL)
Entries = FdbEntries | Neighbours


def change(requests: Requests, step: Step, new: Entries) -> None:
    wanted, link = () if step.op == "-" else new.entries, requests.index(new.link)
    requests.send(step, changes(type(new), link, wanted, step.before))


def changes(of: type[Entries], link: int, wanted: tuple[str, ...], old: Resource | None) -> Iterator[Message]:
    """What is no longer wanted goes, then all that is wanted is set: what stands costs a microsecond."""
    made, gone = (new_fdb_entry, forgotten) if of is FdbEntries else (new_neighbour, lost_neighbour)
    before = old.entries if isinstance(old, of) else ()
    for entry in set(before).difference(wanted):
        yield from gone(link, *entry.split(" "))
    for entry in wanted:
        yield made(link, *entry.split(" "))


def remove_odd(requests: Requests, step: Step, odd: OddFdbEntries) -> None:
    link = requests.index(odd.link)
    requests.send(step, (one for address in odd.macs for one in forgotten(link, address)))


def new_fdb_entry(link: int, address: str, host: str) -> Message:
    if address == NOBODY:
        head = NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_PERMANENT, ndm.NTF_SELF, 0)
        return Message(NEWNEIGH, CREATE | APPEND, head + mac(address) + dst(host))
    both = NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_STATIC, ndm.NTF_SELF | ndm.NTF_MASTER | ndm.NTF_STICKY, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, both + mac(address) + dst(host))


def forgotten(link: int, address: str, host: str = "") -> Iterator[Message]:
    """Without a host, whatever hosts it names."""
    to = dst(host) if host else b""
    yield Message(
        DELNEIGH, 0, NDMSG.pack(ndm.PF_BRIDGE, link, ndm.NUD_STATIC, ndm.NTF_SELF, 0) + mac(address) + to
    )
    yield ndm.forgotten_at_port(link, address)


def new_neighbour(link: int, ip: str, address: str) -> Message:
    head = NDMSG.pack(INET6 if ":" in ip else INET, link, ndm.NUD_PERMANENT, 0, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, head + dst(ip) + mac(address) + MARK)


def lost_neighbour(link: int, ip: str, _: str) -> Iterator[Message]:
    yield Message(DELNEIGH, 0, NDMSG.pack(INET6 if ":" in ip else INET, link, 0, 0, 0) + dst(ip))


@remembered(ends=False)
def decode_fdb(readings: Readings, ns: str) -> list[FdbEntries | OddFdbEntries]:
    links = readings.view(ns).links
    tunnels = (seen for seen in links.values() if seen.group == GROUP and seen.kind == "vxlan")
    return [
        table
        for seen in tunnels
        if (bridge := links.get(seen.number(IFLA_MASTER)))
        for table in tables(seen, bridge, by_frr=is_told(readings, seen))
    ]


def is_told(readings: Readings, tunnel: Seen) -> bool:
    """Whether FRR tells what is behind it; if no alias says, FRR's entries are not taken for ours."""
    projects = {r.project for r in routers(readings, HOST)}
    return bool(projects) and owner(tunnel.alias) in projects | {""}


def tables(tunnel: Seen, bridge: Seen, *, by_frr: bool) -> Iterator[FdbEntries | OddFdbEntries]:
    """What stands of ours at a VXLAN link; where FRR has told what is elsewhere, it says also who gets what
    is for everybody, in entries that tell nothing of whose they are."""
    with open_socket() as channel:
        found = dump(channel, GETNEIGH, NDMSG.pack(ndm.PF_BRIDGE, tunnel.index, 0, 0, 0))
    entries, odd = fdb_entries_of(found, tunnel.index, by_frr=by_frr)
    if entries:
        yield FdbEntries(link=tunnel.name, bridge=bridge.name, entries=tuple(sorted(entries)))
    if odd:
        yield OddFdbEntries(link=tunnel.name, macs=tuple(odd))


def fdb_entries_of(found: list[bytes], link: int, *, by_frr: bool) -> tuple[list[str], list[str]]:
    """The entries whose two halves are as we make them, and the MACs of all others but FRR's."""
    hosts: dict[str, list[str]] = {}
    sticky: set[str] = set()
    odd: set[str] = set()
    ip_at = cache(ip_of)  # many MACs are behind few hosts
    for body in found:
        _, index, state, flags, _, kind, raw, size, then = ndm.FDB_ENTRY.unpack_from(body)
        address = raw.hex(":") if index == link and kind == ndm.NDA_LLADDR else ""
        if not address or (by_frr and (flags & ndm.NTF_EXT_LEARNED or address == NOBODY)):
            continue
        if flags & ndm.NTF_EXT_LEARNED:
            odd.add(address)
        elif then == ndm.NDA_DST:
            hosts.setdefault(address, []).append(ip_at(body[28 : 24 + size]))
        elif then == ndm.NDA_MASTER and state == ndm.NUD_NOARP and flags & ndm.NTF_STICKY:
            sticky.add(address)
    odd |= sticky ^ (hosts.keys() - {NOBODY})
    whole = [f"{mac} {ip}" for mac, ips in hosts.items() if mac not in odd for ip in ips]
    return whole, sorted(odd)


def asks(link: Seen) -> bool:
    """Whether the host speaks to neighbours by it: no port of a bridge has any."""
    return link.kind == "bridge" or (link.kind == "veth" and not link.number(IFLA_MASTER))


@remembered(ends=True)
def decode_neighbours(readings: Readings, ns: str) -> list[Neighbours]:
    view = readings.view(ns)
    asking = {seen.index: seen.name for seen in view.links.values() if seen.group == GROUP and asks(seen)}
    found: dict[int, list[str]] = {}
    each = [only(link) for link in asking] if len(asking) <= FEW else [b""]
    questions = [NDMSG.pack(family, 0, 0, 0, 0) + about for family in families() for about in each]
    with open_socket() as channel:
        for ask in questions:
            for index, entry in neighbours_of(dump(channel, GETNEIGH, ask, state=ndm.NUD_PERMANENT)):
                found.setdefault(index, []).append(entry)
    own: dict[str, list[str]] = {}
    for address in addresses_of(view) if found else ():
        own.setdefault(address.link, []).extend([] if ":" in address.ip else [address.ip])
    tables = ((asking[index], tuple(sorted(found[index]))) for index in found.keys() & asking.keys())
    return [
        Neighbours(link=link, entries=entries, addresses=tuple(own.get(link, ()))) for link, entries in tables
    ]


def only(link: int) -> bytes:
    """Of this link alone, as the kernel filters what it tells (neigh_dump_table)."""
    return u32(ndm.NDA_IFINDEX, link)


def neighbours_of(found: list[bytes]) -> Iterator[tuple[int, str]]:
    """Those that somebody told, but for FRR's, with their links.  What the kernel learned, or knows by
    itself, is in another state."""
    for body in found:
        form = ndm.NEIGHBOUR[16 if body[0] == INET6 else 4]
        _, index, state, flags, _, _, ip, _, _, address = form.unpack_from(body)
        if state & ndm.NUD_PERMANENT and not flags & ndm.NTF_EXT_LEARNED:
            yield index, f"{ip_of(ip)} {address.hex(':')}"


register(Kind(of=FdbEntries, put=change, remove=change, decode=decode_fdb, missing=absent_link))
register(Kind(of=OddFdbEntries, remove=remove_odd, missing=absent_link))
register(Kind(of=Neighbours, put=change, remove=change, decode=decode_neighbours, missing=absent_link))

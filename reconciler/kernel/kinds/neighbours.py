"""The neighbours of bridges, and of pairs without one, that are told rather than asked for."""

import struct
from collections.abc import Iterator

from ...kinds.overlay import Neighbours
from ...kinds.ownership import GROUP, PROTOCOL
from ..netlink import neighbours as ndm
from ..netlink.links import IFLA_MASTER, INET, INET6, Seen, ip_of
from ..netlink.neighbours import DELNEIGH, GETNEIGH, NDMSG, NEWNEIGH, dst, mac, unpacked
from ..netlink.socket import CREATE, REPLACE, Message, dump, families, open_socket
from .address import addresses_of
from .link import absent_link
from .table import Kind, Readings, Requests, Resource, Step, register, remembered

MARK = struct.pack("=HHBxxx", 5, ndm.NDA_PROTOCOL, PROTOCOL)


def change(requests: Requests, step: Step, new: Neighbours) -> None:
    wanted, link = () if step.op == "-" else new.entries, requests.index(new.link)
    requests.send(step, changes(link, wanted, step.before))


def changes(link: int, wanted: tuple[str, ...], old: Resource | None) -> Iterator[Message]:
    before = old.entries if isinstance(old, Neighbours) else ()
    for entry in set(before).difference(wanted):
        yield deletion(link, *entry.split(" "))
    for entry in wanted:
        yield new_entry(link, *entry.split(" "))


def new_entry(link: int, ip: str, address: str) -> Message:
    head = NDMSG.pack(INET6 if ":" in ip else INET, link, ndm.NUD_PERMANENT, 0, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, head + dst(ip) + mac(address) + MARK)


def deletion(link: int, ip: str, _: str) -> Message:
    return Message(DELNEIGH, 0, NDMSG.pack(INET6 if ":" in ip else INET, link, 0, 0, 0) + dst(ip))


def asks(link: Seen) -> bool:
    """Whether the host speaks to neighbours by it: no port of a bridge has any."""
    return link.kind == "bridge" or (link.kind == "veth" and not link.number(IFLA_MASTER))


@remembered(ends=False)
def decode(readings: Readings, ns: str) -> list[Neighbours]:
    view = readings.view(ns)
    asking = {seen.index: seen.name for seen in view.links.values() if seen.group == GROUP and asks(seen)}
    found: dict[int, list[str]] = {}
    with open_socket() as channel:
        for family in families() if asking else ():
            for index, entry in entries_of(dump(channel, GETNEIGH, NDMSG.pack(family, 0, 0, 0, 0))):
                found.setdefault(index, []).append(entry)
    own: dict[str, list[str]] = {}
    for address in addresses_of(view) if found else ():
        own.setdefault(address.link, []).extend([] if ":" in address.ip else [address.ip])
    told = ((asking[index], tuple(sorted(found[index]))) for index in found.keys() & asking.keys())
    return [
        Neighbours(link=link, entries=entries, addresses=tuple(own.get(link, ()))) for link, entries in told
    ]


def entries_of(found: list[bytes]) -> Iterator[tuple[int, str]]:
    """Those of ours, with their links."""
    for body in found:
        if MARK not in body:
            continue
        index, state, _, there = unpacked(body)
        if state & ndm.NUD_PERMANENT:
            yield index, f"{ip_of(there[ndm.NDA_DST])} {there[ndm.NDA_LLADDR].hex(':')}"


register(Kind(of=Neighbours, put=change, remove=change, decode=decode, missing=absent_link))

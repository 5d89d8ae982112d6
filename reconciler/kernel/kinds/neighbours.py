"""The neighbours of bridges that are told rather than asked for."""

import errno
import struct
from collections.abc import Iterator

from ...core.plan import Step
from ...core.resource import Resource
from ...kinds.link import Link
from ...kinds.overlay import Neighbours
from ...kinds.ownership import GROUP, HOST, PROTOCOL
from ..apply.batch import Requests
from ..apply.requests import post_for
from ..netlink.links import INET, INET6
from ..netlink.neighbours import (
    DELNEIGH,
    GETNEIGH,
    NDA_DST,
    NDA_LLADDR,
    NDA_PROTOCOL,
    NDMSG,
    NEWNEIGH,
    NUD_PERMANENT,
    dst,
    ip_of,
    mac,
    unpacked,
)
from ..netlink.socket import CREATE, REPLACE, Message, dump, families, open_socket
from ..observe.readings import Readings, remembered
from .address import addresses_of
from .table import Held, Kind, register

MARK = struct.pack("=HHBxxx", 5, NDA_PROTOCOL, PROTOCOL)


def put(requests: Requests, step: Step, new: Neighbours) -> None:
    link = requests.index(new.link)
    requests.flush()
    post_for(step, requests.channel, list(changes(link, new.entries, step.before)))


def remove(requests: Requests, step: Step, old: Neighbours) -> None:
    link = requests.index(old.link)
    requests.flush()
    post_for(step, requests.channel, list(changes(link, (), old)))


def changes(link: int, wanted: tuple[str, ...], old: Resource | None) -> Iterator[Message]:
    before = old.entries if isinstance(old, Neighbours) else ()
    for entry in set(before).difference(wanted):
        yield forgotten(link, *entry.split(" "))
    for entry in wanted:
        yield told(link, *entry.split(" "))


def told(link: int, ip: str, address: str) -> Message:
    head = NDMSG.pack(INET6 if ":" in ip else INET, link, NUD_PERMANENT, 0, 0)
    return Message(NEWNEIGH, CREATE | REPLACE, head + dst(ip) + mac(address) + MARK)


def forgotten(link: int, ip: str, _: str) -> Message:
    return Message(DELNEIGH, 0, NDMSG.pack(INET6 if ":" in ip else INET, link, 0, 0, 0) + dst(ip))


@remembered(ends=False)
def decode(readings: Readings, ns: str) -> list[Neighbours]:
    view = readings.view(ns)
    bridges = {s.index: s.name for s in view.links.values() if s.group == GROUP and s.kind == "bridge"}
    found: dict[int, list[str]] = {}
    with open_socket() as channel:
        for family in families() if bridges else ():
            for index, entry in entries_of(dump(channel, GETNEIGH, NDMSG.pack(family, 0, 0, 0, 0))):
                found.setdefault(index, []).append(entry)
    own: dict[str, list[str]] = {}
    for address in addresses_of(view) if found else ():
        own.setdefault(address.link, []).extend([] if ":" in address.ip else [address.ip])
    told = ((bridges[index], tuple(sorted(found[index]))) for index in found.keys() & bridges.keys())
    return [
        Neighbours(link=link, entries=entries, addresses=tuple(own.get(link, ()))) for link, entries in told
    ]


def entries_of(found: list[bytes]) -> Iterator[tuple[int, str]]:
    """Those of ours, with their links."""
    for body in found:
        if MARK not in body:
            continue
        index, state, _, there = unpacked(body)
        if state & NUD_PERMANENT:
            yield index, f"{ip_of(there[NDA_DST])} {there[NDA_LLADDR].hex(':')}"


def missing(entries: Neighbours, held: Held) -> int:
    return 0 if Link.at(HOST, entries.link) in held else errno.ENODEV


register(Kind(of=Neighbours, put=put, remove=remove, decode=decode, missing=missing))

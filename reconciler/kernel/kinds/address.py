"""Addresses as rtnetlink messages, both ways."""

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...core.resource import state
from ...kinds.address import Address
from ...kinds.overlay import Neighbours
from ...kinds.ownership import HOST, PROTOCOL
from ...kinds.route import Route
from ..apply.requests import Moved, StepMessage
from ..netlink.links import DELADDR, GETADDR, INET, INET6, NEWADDR, ip_of, packed
from ..netlink.socket import CREATE, REPLACE, Message, attr, attributes, dump_within, u8, u32
from .link import absent_link
from .route import Prefix, connected
from .table import Kind, Live, Readings, Requests, Resource, Step, View, register

# linux/if_addr.h
IFADDR = struct.Struct("=BBBBI")
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_NODAD, IFA_F_DEPRECATED, IFA_F_PERMANENT = 2, 0x20, 0x80
ALL_ADDRESSES = IFADDR.pack(0, 0, 0, 0, 0)


def message(a: Address, index: int, *, delete: bool = False) -> Message:
    family, raw = packed(a.ip)
    body = IFADDR.pack(family, a.prefix, 0, 0, index) + attr(IFA_LOCAL, raw) + attr(IFA_ADDRESS, raw)
    body += u8(IFA_PROTO, PROTOCOL) + (u32(IFA_FLAGS, IFA_F_NODAD) if family == INET6 else b"")
    return Message(DELADDR, 0, body) if delete else Message(NEWADDR, CREATE | REPLACE, body)


def put(requests: Requests, step: Step, address: Address) -> None:
    new, batch = message(address, requests.index(address.link)), requests.batch
    if requests.ns == HOST and address.link in batch.bridges:
        # Linux makes a link's multicast route, which neighbour discovery needs, when it is given an
        # address while up; else linkwatch does, up to a second later.
        batch.last.append(StepMessage(step, new))
        return
    requests.add(step, new)
    if step.op == "+" and requests.ns != HOST and address.link not in requests.quiet:
        pair = requests.fresh.get(address.link)
        batch.moved.append(Moved(address, pair.host_name if pair else ""))


def remove(requests: Requests, step: Step, address: Address) -> None:
    requests.add(step, message(address, requests.index(address.link), delete=True))


def dump(view: View, channel: socket.socket) -> list[bytes]:
    """All, or where those are too many the ones of links that lead to the host."""
    leading = [IFADDR.pack(0, 0, 0, 0, index) for index, seen in view.links.items() if view.leads_out(seen)]
    return dump_within(channel, GETADDR, (ALL_ADDRESSES, *leading), view.most)


def decode(readings: Readings, ns: str) -> Iterator[Address]:
    view = readings.view(ns)
    down = {seen.name for seen in view.links.values() if not seen.up}  # which have no routes
    prefixes = set(connected(view.dumps[Route], view.names))
    for address in addresses_of(view):
        yield address if address.link in down else with_its_prefix(address, prefixes)


def addresses_of(view: View, *, ours: bool = True) -> Iterator[Address]:
    for body in view.dumps[Address]:
        family, prefix, flags, _, index = IFADDR.unpack_from(body)
        expires = flags & (IFA_F_DEPRECATED | IFA_F_PERMANENT) != IFA_F_PERMANENT
        found = attributes(body, IFADDR.size)
        known = family in (INET, INET6) and index in view.names
        if known and is_marked(found) == ours:
            ip = ip_of(found.get(IFA_LOCAL) or found[IFA_ADDRESS])
            yield Address(ns=view.ns, link=view.names[index], ip=ip, prefix=prefix, expires=expires)


def lost(view: View, name: str, mac: str, addresses: Sequence[str]) -> str:
    """What a link that others' programs made no longer has of what they said; "" where it has all."""
    seen = next((one for one in view.links.values() if one.name == name), None)
    if seen is None:
        return f"{name} is gone"
    if mac and seen.mac != mac:
        return f"the MAC of {name} is another"
    there = {f"{one.ip}/{one.prefix}" for one in addresses_of(view, ours=False) if one.link == name}
    missing = [ip for ip in addresses if ip not in there]
    return f"{name} has lost {', '.join(missing)}" if missing else ""


def is_marked(found: dict[int, bytes]) -> bool:
    return found.get(IFA_PROTO, b"\0")[0] == PROTOCOL


def with_its_prefix(address: Address, prefixes: set[Prefix]) -> Address:
    """The address, and whether its prefix is still routed to its link: `ip route flush` takes that too."""
    raw = packed(address.ip)[1]
    width = len(raw) * 8
    host = width - address.prefix
    network = (int.from_bytes(raw, "big") >> host << host).to_bytes(len(raw), "big")
    unrouted = address.prefix == width or (width == 32 and network[0] == 0)  # ipv4_is_zeronet, fib_add_ifaddr
    stands = unrouted or (address.link, network, address.prefix) in prefixes
    return address if stands else replace(address, connected=False)


def in_the_way(view: View, wanted: Address) -> Iterator[Address]:
    """IPv6 never changes the prefix of an address that stands."""
    strange = addresses_of(view, ours=False)
    return (a for a in strange if a.key == wanted.key and a.prefix != wanted.prefix)


def cascade(old: Address, live: Live) -> None:
    """IPv4 deletes the routes that prefer this source; and with the last address of a link every route of
    it, and forgets whom it knows there."""

    def of_link(r: Resource) -> bool:
        return isinstance(r, Address | Route | Neighbours) and (r.ns, r.link) == (old.ns, old.link)

    beside = [r for r in live.values() if of_link(r)]
    routes = [r for r in beside if isinstance(r, Route)]
    if ":" in old.ip:
        live.update(state(*(replace(r, src="") for r in routes if r.src == old.ip)))
        return
    last = not any(isinstance(r, Address) and ":" not in r.ip for r in beside)
    if last:
        told = (r for r in beside if isinstance(r, Neighbours))
        live.update(state(*(replace(r, entries=()) for r in told)))
    for r in routes:
        if ":" not in r.dst and (last or r.src == old.ip):
            del live[r.key]


register(
    Kind(
        of=Address,
        put=put,
        remove=remove,
        places=(True, True),
        dump=dump,
        decode=decode,
        in_the_way=in_the_way,
        missing=absent_link,
        cascade=cascade,
    )
)

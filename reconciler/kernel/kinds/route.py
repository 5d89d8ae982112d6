"""Routes as rtnetlink messages, both ways; what the kernel defaults ends here."""

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

from ...core.resource import Key
from ...kinds.address import Address
from ...kinds.ownership import HOST, PROTOCOL
from ...kinds.route import Route
from ..apply.requests import StepMessage
from ..netlink import socket as netlink
from ..netlink.links import DELROUTE, GETROUTE, INET, INET6, NEWROUTE, ip_of, packed
from ..netlink.socket import CREATE, EXCL, REPLACE, Message, attr, attributes, dump_within, families, u32
from .link import link_with_end
from .namespace import absent_place
from .table import Held, Kind, Readings, Requests, Resource, Step, View, register

# linux/rtnetlink.h
RTMSG = struct.Struct("=BBBBBBBBI")
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_MULTIPATH, RTA_TABLE = 1, 4, 5, 6, 7, 9, 15
RTA_VIA = 18  # struct rtvia: a family of two bytes, and an address of it
NEXTHOP = struct.Struct("=HBBi")  # struct rtnexthop: its length with what follows, flags, hops, link
TYPES = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
WHICHEVER = 0  # RTN_UNSPEC, of what is deleted
MAIN, LOCAL = 254, 255  # RT_TABLE_*
KERNEL = 2  # RTPROT_KERNEL
LINK, NOWHERE = 253, 255  # RT_SCOPE_*
ONLINK = 4  # RTNH_F_ONLINK
DEFAULT_METRIC = 1024  # of IPv6
Prefix = tuple[str, bytes, int]  # link, network, length


def message(r: Route, index: int, *, delete: bool = False, new: bool = False) -> Message:
    """In a sandbox a new one takes the place of what somebody put there; on the host that is refused.  And
    there whatever bears our mark is deleted, by whichever way it leads: Linux compares what it is told."""
    ip, _, length = r.dst.partition("/")
    family, raw = packed(ip)
    table = MAIN if r.table == "main" else int(r.table)
    scope = LINK if family == INET and r.kind == "unicast" and not r.via else 0
    flags = ONLINK if r.onlink else 0
    if delete:
        scope = NOWHERE  # any: where several ways lead, the scope is not that of a route without a gateway
    kind = TYPES[r.kind]
    if delete and (r.ns != HOST or r.beside):
        r, index, kind = replace(r, via="", src="", metric=0), 0, WHICHEVER
    body = RTMSG.pack(family, int(length), 0, 0, min(table, 255), PROTOCOL, scope, kind, flags)
    body += attr(RTA_DST, raw) if int(length) else b""
    body += u32(RTA_TABLE, table)
    body += u32(RTA_OIF, index) if index else b""
    body += attr(RTA_GATEWAY, packed(r.via)[1]) if r.via else b""
    body += attr(RTA_PREFSRC, packed(r.src)[1]) if r.src else b""
    body += u32(RTA_PRIORITY, r.metric) if r.metric else b""
    put = CREATE | (EXCL if new and r.ns == HOST else REPLACE)
    return Message(DELROUTE, 0, body) if delete else Message(NEWROUTE, put, body)


def put(requests: Requests, step: Step, route: Route) -> None:
    new = message(route, requests.index(route.link), new=step.op == "+" and step.old is None)
    if isinstance(step.old, Route) and step.old.beside:
        requests.add(step, *all_of(step.old, 0))
    if requests.ns == HOST and route.link in requests.batch.raised:  # until it is up, nothing is routed to it
        requests.batch.last.append(StepMessage(step, new))
    else:
        requests.add(step, new)


def remove(requests: Requests, step: Step, route: Route) -> None:
    requests.add(step, *all_of(route, requests.index(route.link)))


def all_of(route: Route, index: int) -> list[Message]:
    """What deletes it, and all that are beside it: each deletes the first that Linux finds."""
    return [message(route, index, delete=True)] * (1 + route.beside)


def asked(family: int, table: int = 0, protocol: int = 0, kind: int = 0) -> bytes:
    return RTMSG.pack(family, 0, 0, 0, table, protocol, 0, kind, 0)


def dump(view: View, channel: socket.socket) -> list[bytes]:
    """All, or where those are too many ours, and those of the kernel's that lead to neighbours.  On the host
    those of each type that somebody looks at: every port of a bridge has one for multicast."""
    found: list[bytes] = []
    if view.ns == HOST:
        each = (asked(family, kind=number) for family in families() for number in TYPE_NAMES)
        return [body for one in each for body in netlink.dump(channel, GETROUTE, one)]
    for family in families():
        parts = (asked(family), asked(family, protocol=PROTOCOL), asked(family, MAIN, KERNEL))
        found += dump_within(channel, GETROUTE, parts, view.most)
    return found


def decode(readings: Readings, ns: str) -> Iterator[Route]:
    """Of several to one destination the first, and how many are beside it."""
    alike: dict[Key, list[Route]] = {}
    for route in marked(readings, ns):
        alike.setdefault(route.key, []).append(route)
    for route, *more in alike.values():
        yield replace(route, beside=len(more)) if more else route


def marked(readings: Readings, ns: str) -> Iterator[Route]:
    view = readings.view(ns)
    for body in view.dumps[Route]:
        family, length, source, tos, table, protocol, _, number, flags = RTMSG.unpack_from(body)
        if protocol != PROTOCOL or number not in TYPE_NAMES or source or tos:  # which none of ours has
            continue
        found, kind = attributes(body, RTMSG.size), TYPE_NAMES[number]
        table = int.from_bytes(found.get(RTA_TABLE, b""), "little") or table
        metric = int.from_bytes(found.get(RTA_PRIORITY, b""), "little")
        if table == LOCAL and found.get(RTA_PREFSRC) not in sources(view):
            continue
        yield Route(
            ns=ns,
            table="main" if table == MAIN else str(table),
            dst=destination(family, length, found),
            kind=kind,
            metric=0 if family == INET6 and metric == DEFAULT_METRIC else metric,
            link=view.names.get(leads_to(found), "") if kind == "unicast" else "",
            via=ip_of(found[RTA_GATEWAY]) if RTA_GATEWAY in found else "",
            src=ip_of(found[RTA_PREFSRC]) if RTA_PREFSRC in found else "",
            onlink=bool(flags & ONLINK),
        )


def sources(view: View) -> set[bytes | None]:
    """The addresses there.  What is from another stays in this table alone (fib_sync_down_addr), and goes
    with the link's last address."""
    from .address import IFA_LOCAL, IFADDR  # which asks us for prefixes

    return {attributes(body, IFADDR.size).get(IFA_LOCAL) for body in view.dumps[Address]}


def network(family: int, found: dict[int, bytes]) -> bytes:
    return found.get(RTA_DST, bytes(16 if family == INET6 else 4))


def destination(family: int, length: int, found: dict[int, bytes]) -> str:
    """The prefix that a route is for."""
    return f"{ip_of(network(family, found))}/{length}"


def leads_to(found: dict[int, bytes]) -> int:
    """The index of the link that a route leads over."""
    return int.from_bytes(found.get(RTA_OIF, b""), "little")


def next_hops(found: dict[int, bytes]) -> Iterator[tuple[bytes, int]]:
    """The neighbours that a route leads by, each with the index of the link there."""
    via = found.get(RTA_GATEWAY) or found.get(RTA_VIA, b"")[2:]
    if via:
        yield via, leads_to(found)
    rest = found.get(RTA_MULTIPATH, b"")
    while len(rest) >= NEXTHOP.size:
        length, _, _, index = NEXTHOP.unpack_from(rest)
        for hop, _ in next_hops(attributes(rest[:length], NEXTHOP.size)):
            yield hop, index
        rest = rest[max(length, NEXTHOP.size) :]


def connected(dump: list[bytes], names: dict[int, str]) -> Iterator[Prefix]:
    """The prefixes that the kernel itself routes to links, for the addresses that these have."""
    for body in dump:
        family, length, _, _, _, protocol, _, kind, _ = RTMSG.unpack_from(body)
        if protocol == KERNEL and kind == TYPES["unicast"]:
            found = attributes(body, RTMSG.size)
            yield names.get(leads_to(found), ""), network(family, found), length


def missing(route: Route, held: Held) -> int:
    """Why fib_create_info or ip6_route_info_create refuse a route over a link."""
    if (number := absent_place(route.ns, held)) or not route.link:
        return number
    link = link_with_end(route.ns, route.link, held)
    if link is None:
        return errno.ENODEV
    if not link.up:
        return errno.ENETDOWN
    if route.src and Address.at(route.ns, route.link, route.src) not in held:
        return errno.EINVAL
    if route.via and not route.onlink and not any(reaches(r, route) for r in held.values()):
        return errno.EHOSTUNREACH if ":" in route.via else errno.ENETUNREACH
    return 0


def reaches(r: Resource, route: Route) -> bool:
    """Whether `r` is an address that makes the route's gateway a neighbour."""
    if not isinstance(r, Address) or (r.ns, r.link) != (route.ns, route.link):
        return False
    return ip_address(route.via) in ip_network(f"{r.ip}/{r.prefix}", strict=False)


register(
    Kind(of=Route, put=put, remove=remove, places=(True, True), dump=dump, decode=decode, missing=missing)
)

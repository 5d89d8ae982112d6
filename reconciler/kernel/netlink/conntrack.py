"""Connections remember where they were sent, and with which source: what is published elsewhere now must be
forgotten, and what leaves otherwise.

Only entries towards a port or out of a subnet that changed, and of these only such as do not go yet where the
maps say, or leave otherwise.
"""

import errno
import os
import socket
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import NamedTuple, Protocol

from ...errors import KernelError, Unsupported
from ...kinds.published import PROTOCOLS, Flow
from .leaving import ORIGINAL, REPLY, local
from .links import ip_of, packed
from .netfilter import Channel, Torn
from .socket import ACK, attr, attributes, items

CONNTRACK = 1  # NFNL_SUBSYS_CTNETLINK
GET, DELETE = 1, 2  # IPCTNL_MSG_CT_*
ID, ZONE = 12, 18  # CTA_*
NESTED = 0x8000
COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
ATTEMPTS = 4

Port = tuple[int, int, int]  # address family, protocol, port: of the original destination
Home = tuple[str, int]  # where a published port leads
Targets = Mapping[Port, dict[str, set[Home]]]  # by published address, "" for any of the host's


class Judge(Protocol):
    """Who says which connections are to be forgotten."""

    @property
    def families(self) -> set[int]:
        """Of which there may be such."""

    def astray(self, family: int, body: bytes) -> bool:
        """Whether this is one: an entry as the kernel lists it."""


class FlowEnd(NamedTuple):
    """One direction's protocol, source and destination."""

    protocol: int
    source: Home
    destination: Home


class Astray(Channel):
    """Keeps of what is listed only the connections that go elsewhere than they should: there may be many."""

    def __init__(self, wanted: Targets, judges: Sequence[Judge]):
        super().__init__(CONNTRACK)
        self.wanted, self.judges = wanted, judges

    def message(self, body: bytes) -> tuple[int, bytes] | None:
        family, found = super().message(body)
        strays = astray(family, found, self.wanted) or any(one.astray(family, found) for one in self.judges)
        return (family, found) if strays else None


class Behind(Channel):
    """Keeps the connections to an address (the first) that another (the second) answers, of these pairs;
    of `datagrams` only those of UDP, whose next packet begins anew.  Who is root in a sandbox may have any
    number: what is beyond `most` ends by itself."""

    most = 1 << 14

    def __init__(self, all_of: Set[tuple[str, str]], datagrams: Set[tuple[str, str]]):
        super().__init__(CONNTRACK)
        self.all_of, self.datagrams, self.kept = all_of, datagrams, 0
        self.answering = {packed(answers)[1] for _, answers in all_of | datagrams}

    def message(self, body: bytes) -> tuple[int, bytes] | None:
        if self.kept >= self.most or not any(address in body for address in self.answering):
            return None
        family, found = super().message(body)
        told = attributes(found)
        protocol, _, asked, _ = sides(told[ORIGINAL])
        _, answers, _, _ = sides(told[REPLY])
        pair = asked, answers
        known = pair in self.all_of or (protocol == PROTOCOLS["udp"] and pair in self.datagrams)
        self.kept += known
        return (family, found) if known else None


def forget_behind(all_of: Set[tuple[str, str]], datagrams: Set[tuple[str, str]]) -> None:
    """What goes to addresses that others answer: pairs of these."""
    if not (all_of or datagrams) or not tracked():
        return
    with Behind(all_of, datagrams) as channel:
        for family, body in [m for m in dump(channel, socket.AF_UNSPEC) if m]:
            delete(channel, family, body)


def forget(changes: Iterable[tuple[Flow, str]], *judges: Judge) -> None:
    """Each flow with every home that it has now, as the maps' values say them; one without comes with ""."""
    if not tracked():
        return
    local.cache_clear()
    wanted = targets(changes)
    families = {f for f, _, _ in wanted}.union(*(one.families for one in judges))
    if len(families) > 1:  # each dump goes through the whole table, whatever it is about
        families = {socket.AF_UNSPEC}
    try:
        with Astray(wanted, judges) as channel:
            for family, body in [m for f in families for m in dump(channel, f) if m]:
                delete(channel, family, body)
    except OSError as error:
        if tracked():
            words = f"cannot forget the connections that changed: {error.strerror}"
            raise Unsupported(words, "load the module nf_conntrack_netlink") from None


def tracked() -> bool:
    with suppress(OSError), open(COUNT) as file:
        return int(file.read()) > 0
    return False


def targets(changes: Iterable[tuple[Flow, str]]) -> Targets:
    found: dict[Port, dict[str, set[Home]]] = {}
    for flow, value in changes:
        family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
        ip, _, port = value.partition(" . ")
        for published in range(flow.first, flow.last + 1):
            at = found.setdefault((family, PROTOCOLS[flow.protocol], published), {})
            at.setdefault(flow.ip, set()).update({(ip, int(port or published))} if ip else ())
    return found


def dump(channel: Channel, family: int) -> list[tuple[int, bytes] | None]:
    for _ in range(ATTEMPTS):
        with suppress(Torn):
            return channel.ask(GET, family)
    raise KernelError("read conntrack", errno.EAGAIN, os.strerror(errno.EAGAIN))


def astray(family: int, body: bytes, wanted: Targets) -> bool:
    """Whether it is towards a port that changed, and its replies come from elsewhere than the maps say."""
    rest = items(body)
    first, original = next(rest)  # always the original direction: most entries are done with it
    towards = end(original) if first == ORIGINAL else None
    if not towards or not (leads := wanted.get((family, towards.protocol, towards.destination[1]))):
        return False
    ip = towards.destination[0]
    if ip not in leads and not ("" in leads and local(ip)):
        return False
    homes = leads.get(ip) or leads.get("") or {towards.destination}
    reply = end(dict(rest)[REPLY])
    return reply is not None and reply.source not in homes


def sides(tuple_: bytes) -> tuple[int, str, str, dict[int, bytes]]:
    """Protocol, source, destination, and what else the protocol tells."""
    parts = attributes(tuple_)  # 1: CTA_TUPLE_IP, 2: CTA_TUPLE_PROTO
    source, destination = (ip_of(raw) for _, raw in items(parts[1]))
    more = attributes(parts[2])
    return more[1][0], source, destination, more


def end(tuple_: bytes) -> FlowEnd | None:
    """None for a protocol without ports."""
    protocol, source, destination, more = sides(tuple_)
    if 2 not in more:
        return None
    one, two = (int.from_bytes(more[kind], "big") for kind in (2, 3))
    return FlowEnd(protocol, (source, one), (destination, two))


def delete(channel: Channel, family: int, body: bytes) -> None:
    """Exactly this entry: by both its tuple and its id, so that a successor is left alone."""
    kept = b"".join(
        attr(kind | NESTED if kind == ORIGINAL else kind, raw)
        for kind, raw in items(body)
        if kind in (ORIGINAL, ID, ZONE)
    )
    try:
        channel.ask(DELETE, family, kept, ACK)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise

"""The host's own routes, of which there may be all of the Internet's: each is looked at once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...kinds.ownership import PROTOCOL
from ..kinds.route import (
    KERNEL,
    LOCAL,
    MAIN,
    RTA_GATEWAY,
    RTMSG,
    TYPE_NAMES,
    TYPES,
    asked,
    destination,
    leads_to,
    next_hops,
)
from ..netlink.links import GETROUTE, ip_of
from ..netlink.socket import attributes, dump, families, open_socket

RA = 9  # RTPROT_RA
LOCAL_TYPE = 2  # RTN_LOCAL
UNROUTED = ("fe80:", "ff00:")  # what every link has
Hop = tuple[bytes, int]  # a neighbour's address, and the index of the link there


class SeenRoute(NamedTuple):
    """A route that is not ours, nor one of the kernel's local ones; `link` is 0 where several ways lead."""

    prefix: str
    link: int
    main: bool  # of the table that all ask
    protocol: int
    unicast: bool
    via: bytes
    hops: tuple[Hop, ...]

    @property
    def default(self) -> bool:
        return self.prefix.endswith("/0")


def seen(dump: Sequence[bytes]) -> Iterator[SeenRoute]:
    for body in dump:
        family, length, _, _, table, protocol, _, kind, _ = RTMSG.unpack_from(body)
        if protocol == PROTOCOL or kind not in TYPE_NAMES or table == LOCAL:
            continue
        found = attributes(body, RTMSG.size)
        link, via = leads_to(found), found.get(RTA_GATEWAY, b"")
        hops = ((via, link),) if via else tuple(next_hops(found))
        prefix, unicast = destination(family, length, found), kind == TYPES["unicast"]
        yield SeenRoute(prefix, link, table == MAIN, protocol, unicast, via, hops)


def led_here() -> frozenset[str]:
    """What somebody leads to the host itself, though it has no such addresses: `ip route add local`."""
    with open_socket() as channel:
        each = (dump(channel, GETROUTE, asked(one, LOCAL, kind=LOCAL_TYPE)) for one in families())
        return frozenset(set_by_somebody(body for bodies in each for body in bodies))


def set_by_somebody(dump: Iterable[bytes]) -> Iterator[str]:
    for body in dump:
        family, length, _, _, _, protocol, *_ = RTMSG.unpack_from(body)
        if protocol != KERNEL:
            yield destination(family, length, attributes(body, RTMSG.size))


class Routes:
    """What they tell of the host, whose foreign links `names` has by index."""

    def __init__(self, found: Iterator[SeenRoute], names: dict[int, str], ours: set[int]):
        self.all = [route for route in found if route.link not in ours]
        self.names = names

    @property
    def prefixes(self) -> frozenset[str]:
        each = (route.prefix for route in self.all if not route.default)
        return frozenset(prefix for prefix in each if not prefix.startswith(UNROUTED))

    @property
    def onlink(self) -> dict[str, str]:
        """Prefixes whose addresses are neighbours, with their link."""
        plain = (r for r in self.all if r.main and r.unicast and not r.hops)
        return {r.prefix: self.names[r.link] for r in plain if r.link in self.names}

    @property
    def hops(self) -> dict[str, str]:
        """The neighbours by which any of them leads, each with its link: few for very many routes."""
        hops = {hop for route in self.all for hop in route.hops}
        return {ip_of(via): self.names[link] for via, link in sorted(hops) if link in self.names}

    @property
    def uplinks(self) -> set[int]:
        return {route.link for route in self.all if route.default and route.link in self.names}

    @property
    def gateways(self) -> dict[str, tuple[str, ...]]:
        """The neighbours by which default routes leave, by link."""
        found: dict[str, set[str]] = {}
        for route in self.all:
            if route.default and route.main and route.via and route.link in self.names:
                found.setdefault(self.names[route.link], set()).add(ip_of(route.via))
        return {link: tuple(sorted(ips)) for link, ips in found.items()}

    @property
    def advertised(self) -> tuple[str, ...]:
        """The links that live on router advertisements."""
        taken = {route.link for route in self.all if route.protocol == RA}
        return tuple(sorted(self.names[link] for link in taken if link in self.names))

"""How containers' connections leave the host, as conntrack remembers it, and whether that is still so."""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network, summarize_address_range
from typing import Generic, NamedTuple, TypeVar

from ...values import record
from .links import ip_of
from .socket import attributes, items

T = TypeVar("T")

MASQUERADE = "masquerade"
ORIGINAL, REPLY = 1, 2  # CTA_TUPLE_*


class Way(NamedTuple):
    """What packets of a subnet leave with from now on: their own source (""), an address of the outgoing link
    (`masquerade`), or this address; and addresses with which they left until now."""

    source: str
    past: frozenset[str] = frozenset()


class Subnets(Generic[T]):
    """What is said of each of these intervals, by addresses as they are on the wire."""

    def __init__(self, said: Mapping[str, T]):
        self.by_length: dict[tuple[int, int], dict[int, T]] = defaultdict(dict)
        for item, value in said.items():
            for net in prefixes(item):
                shift = net.max_prefixlen - net.prefixlen
                self.by_length[net.max_prefixlen // 8, shift][int(net.network_address) >> shift] = value

    def of(self, raw: bytes) -> T | None:
        number = int.from_bytes(raw, "big")
        for (size, shift), known in self.by_length.items():
            if size == len(raw) and number >> shift in known:
                return known[number >> shift]
        return None


def prefixes(item: str) -> Iterator[IPv4Network | IPv6Network]:
    """An element of an interval map as prefixes: ours are one, what others put there may be ranges."""
    first, _, last = item.partition("-")
    if last:
        yield from summarize_address_range(ip_address(first), ip_address(last))
    else:
        yield ip_network(item)


@record
class Leaving:
    """The subnets whose way out has changed, and the prefixes to which sources are kept all the same.
    `closed` are those that were open to the outside, and are so no more."""

    ways: Subnets[Way]
    inside: Subnets[str]
    closed: Subnets[str]

    @property
    def families(self) -> set[int]:
        sizes = {size for one in (self.ways, self.closed) for size, _ in one.by_length}
        return {socket.AF_INET6 if size == 16 else socket.AF_INET for size in sizes}

    def astray(self, _: int, body: bytes) -> bool:
        """Whether a connection leaves otherwise than it should now, or is with a container that is closed."""
        rest = items(body)
        kind, tuple_ = next(rest)  # always the original direction: most entries are done with it
        source, destination = ends(tuple_) if kind == ORIGINAL else (b"", b"")
        way, shut = self.ways.of(source), self.closed.of(destination)
        if way is None and shut is None:
            return False
        answering, answered = ends(dict(rest)[REPLY])
        if way is None:
            return answering == destination and not self.is_inside(source)
        return otherwise(way, source, answered) and not self.is_inside(answering)

    def is_inside(self, raw: bytes) -> bool:
        """Whether it is the host's or a container's: what goes there never leaves."""
        return self.inside.of(raw) is not None or local(ip_of(raw))


def otherwise(way: Way, source: bytes, answered: bytes) -> bool:
    """Whether answers to this source go elsewhere than they should; which address of the host's
    masquerading takes, the kernel decides."""
    if way.source == MASQUERADE:
        return answered == source or ip_of(answered) in way.past
    return ip_of(answered) != (way.source or ip_of(source))


def ends(tuple_: bytes) -> tuple[bytes, bytes]:
    """Source and destination of one direction."""
    source, destination = (raw for _, raw in items(attributes(tuple_)[1]))  # CTA_TUPLE_IP
    return source, destination


@lru_cache(1 << 16)
def local(ip: str) -> bool:
    """Whether it is an address of this host; who goes through conntrack begins with `local.cache_clear()`."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def leaving(ways: Mapping[str, Way], inside: Iterable[str], closed: Iterable[str]) -> Leaving:
    return Leaving(Subnets(ways), Subnets(dict.fromkeys(inside, "")), Subnets(dict.fromkeys(closed, "")))

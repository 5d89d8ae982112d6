"""What policies say of connections that stand already, as conntrack remembers them."""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...kinds.maps import BY_PEER, METADATA
from .leaving import ORIGINAL, REPLY, Subnets, ends, local
from .links import ip_of
from .socket import attributes

PROTOCOL = 2  # CTA_TUPLE_PROTO
NUMBER, SOURCE_PORT = 1, 2  # CTA_PROTO_NUM, CTA_PROTO_SRC_PORT
Bounds = tuple[tuple[bytes, bytes], ...]  # of each part of an element, the first and the last
OUT, IN = "bound_out", "bound_in"
CLOUDS = Subnets(dict.fromkeys(METADATA, ""))


@dataclass(frozen=True)
class TrackedConnection:
    """From who began it to who answers, at the port there; protocols without ports have 0."""

    source: bytes
    asked: bytes
    answering: bytes
    protocol: int
    port: int


@dataclass(frozen=True)
class Policed:
    """By what maps are for: who is bound, and what is allowed, by the container's own address, and by ranges
    of such.  `inside` are the networks of containers, `resolvers` the ports of who answers for names; who is
    `silenced` asks for no metadata from now on."""

    bound: dict[str, set[bytes]]
    allowed: dict[tuple[str, bytes], list[Bounds]]
    ranges: dict[tuple[str, bytes, bytes], list[Bounds]]
    inside: Subnets[str]
    resolvers: frozenset[int]
    silenced: Subnets[str]

    @property
    def families(self) -> set[int]:
        sizes = {len(ip) for ips in self.bound.values() for ip in ips}
        sizes |= {size for size, _ in self.silenced.by_length}
        return {socket.AF_INET6 if size == 16 else socket.AF_INET for size in sizes}

    def astray(self, _: int, body: bytes) -> bool:
        """Whether one of its ends is bound, and may not have it."""
        found = attributes(body)
        source, asked = ends(found[ORIGINAL])
        if CLOUDS.of(asked) is not None and self.silenced.of(source) is not None:
            return True
        answering = ends(found[REPLY])[0]
        out, into = source in self.bound[OUT], answering in self.bound[IN]
        if not (out or into):
            return False
        told = attributes(attributes(found[REPLY])[PROTOCOL])
        port = int.from_bytes(told.get(SOURCE_PORT, b""), "big")
        one = TrackedConnection(source, asked, answering, told[NUMBER][0], port)
        return (out and not self.may_send(one)) or (into and not self.may_receive(one))

    def may_send(self, one: TrackedConnection) -> bool:
        if local(ip_of(one.answering)):
            return one.port in self.resolvers or self.has("egress_host", one.source, one)
        outside = self.inside.of(one.answering) is None and CLOUDS.of(one.asked) is None
        return self.has("egress", one.source, one, one.answering) or (
            outside and self.has("egress_outside", one.source, one)
        )

    def may_receive(self, one: TrackedConnection) -> bool:
        if local(ip_of(one.source)):
            return self.has("ingress_host", one.answering, one)
        return self.has("ingress", one.answering, one, one.source) or (
            self.inside.of(one.source) is None and self.has("ingress_outside", one.answering, one)
        )

    def has(self, name: str, own: bytes, one: TrackedConnection, other: bytes = b"") -> bool:
        parts = [*([other] if other else []), bytes((one.protocol,)), one.port.to_bytes(2, "big")]
        return any(
            all(low <= part <= high for part, (low, high) in zip(parts, bounds, strict=True))
            for bounds in self.of(name, own)
        )

    def of(self, name: str, own: bytes) -> Iterator[Bounds]:
        yield from self.allowed.get((name, own), ())
        for (word, first, last), rows in self.ranges.items():
            if word == name and len(first) == len(own) and first <= own <= last:
                yield from rows


def policed(
    bound: Iterable[tuple[str, bytes]],
    allowed: Iterable[tuple[str, Bounds]],
    inside: Subnets[str],
    resolvers: Iterable[int],
    silenced: Subnets[str],
) -> Policed:
    """`allowed` are elements by what their map is for, whichever the family."""
    who: dict[str, set[bytes]] = defaultdict(set)
    for name, ip in bound:
        who[name].add(ip)
    rows: dict[tuple[str, bytes], list[Bounds]] = defaultdict(list)
    ranges: dict[tuple[str, bytes, bytes], list[Bounds]] = defaultdict(list)
    for name, parts in allowed:
        at = 1 if name in BY_PEER else 0
        (first, last), rest = parts[at], (*parts[:at], *parts[at + 1 :])
        (rows[name, first] if first == last else ranges[name, first, last]).append(rest)
    return Policed(who, dict(rows), dict(ranges), inside, frozenset(resolvers), silenced)

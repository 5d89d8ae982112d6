"""What policies say of connections that stand already, as conntrack remembers them."""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...kinds.maps import BY_PEER, METADATA, PRIVATE
from ...values import record
from .leaving import ORIGINAL, REPLY, Subnets, ends, local
from .links import ip_of
from .socket import attributes

PROTOCOL = 2  # CTA_TUPLE_PROTO
NUMBER, SOURCE_PORT = 1, 2  # CTA_PROTO_NUM, CTA_PROTO_SRC_PORT
Bounds = tuple[tuple[bytes, bytes], ...]  # of each part of an element, the first and the last
Reached = Mapping[bytes, Sequence[tuple[int, int, int]]]  # by address: protocol, first and last port
OUT, IN = "bound_out", "bound_in"
CLOUDS, PRIVATE_NETWORKS = (Subnets(dict.fromkeys(cidrs, "")) for cidrs in (METADATA, PRIVATE))


@record
class TrackedConnection:
    """From who began it to who answers, at the port there; protocols without ports have 0."""

    source: bytes
    asked: bytes
    answering: bytes
    protocol: int
    port: int


class OwnRows(NamedTuple):
    """What is allowed, by what the map is for and the container's own address, or a range that has it."""

    single: Mapping[tuple[str, bytes], Sequence[Bounds]]
    ranges: Mapping[tuple[str, bytes, bytes], Sequence[Bounds]]

    def of(self, name: str, own: bytes) -> Iterator[Bounds]:
        yield from self.single.get((name, own), ())
        for (word, first, last), rows in self.ranges.items():
            if word == name and len(first) == len(own) and first <= own <= last:
                yield from rows


@record
class Policed:
    """By what maps are for: who is bound, and what is allowed.  `inside` are the networks of containers,
    `resolvers` the ports of who answers for names; who is `silenced` asks for no metadata from now on.  Ways
    between networks are `closing`, and `opened`."""

    bound: dict[str, set[bytes]]
    allowed: OwnRows
    inside: Subnets[str]
    resolvers: frozenset[int]
    silenced: Subnets[str]
    closing: Sequence[Bounds]
    opened: Sequence[Bounds]
    by_name: Mapping[bytes, Reached]  # what of the outside has a name that its own name server told

    @property
    def families(self) -> set[int]:
        sizes = {len(ip) for ips in self.bound.values() for ip in ips}
        sizes |= {size for size, _ in self.silenced.by_length} | {len(parts[0][0]) for parts in self.closing}
        return {socket.AF_INET6 if size == 16 else socket.AF_INET for size in sizes}

    def astray(self, _: int, body: bytes) -> bool:
        """Whether one of its ends is bound, and may not have it."""
        found = attributes(body)
        source, asked = ends(found[ORIGINAL])
        if CLOUDS.of(asked) is not None and self.silenced.of(source) is not None:
            return True
        answering = ends(found[REPLY])[0]
        out, into = source in self.bound[OUT], answering in self.bound[IN]
        if not (out or into or self.closing):
            return False
        told = attributes(attributes(found[REPLY])[PROTOCOL])
        port = int.from_bytes(told.get(SOURCE_PORT, b""), "big")
        one = TrackedConnection(source, asked, answering, told[NUMBER][0], port)
        ended = asked == answering and self.is_ending(one)
        return ended or (out and not self.may_send(one)) or (into and not self.may_receive(one))

    def is_ending(self, one: TrackedConnection) -> bool:
        """Whether the way that it took from one network to another has gone."""
        parts = one.source, one.answering, *wire(one)
        return within(parts, self.closing) and not within(parts, self.opened)

    def may_send(self, one: TrackedConnection) -> bool:
        if local(ip_of(one.answering)):
            return one.port in self.resolvers or self.has("egress_host", one.source, one)
        outside = self.inside.of(one.answering) is None and CLOUDS.of(one.asked) is None
        return self.has("egress", one.source, one, one.answering) or (
            outside and (self.has("egress_outside", one.source, one) or self.named(one))
        )

    def named(self, one: TrackedConnection) -> bool:
        ways = self.by_name.get(one.source, {}).get(one.answering, ())
        listed = any(one.protocol == protocol and low <= one.port <= high for protocol, low, high in ways)
        return listed and PRIVATE_NETWORKS.of(one.answering) is None

    def may_receive(self, one: TrackedConnection) -> bool:
        if local(ip_of(one.source)):
            return self.has("ingress_host", one.answering, one)
        return self.has("ingress", one.answering, one, one.source) or (
            self.inside.of(one.source) is None and self.has("ingress_outside", one.answering, one)
        )

    def has(self, name: str, own: bytes, one: TrackedConnection, other: bytes = b"") -> bool:
        return within((*filter(None, (other,)), *wire(one)), self.allowed.of(name, own))


def wire(one: TrackedConnection) -> tuple[bytes, bytes]:
    return bytes((one.protocol,)), one.port.to_bytes(2, "big")


def within(parts: Sequence[bytes], rows: Iterable[Bounds]) -> bool:
    """Whether one of them has it; addresses of another family have another length."""
    return any(
        all(low <= part <= high for part, (low, high) in zip(parts, bounds, strict=True))
        for bounds in rows
        if len(bounds[0][0]) == len(parts[0])
    )


def by_direction(bound: Iterable[tuple[str, bytes]]) -> dict[str, set[bytes]]:
    who: dict[str, set[bytes]] = {OUT: set(), IN: set()}
    for name, ip in bound:
        who[name].add(ip)
    return who


def by_own_address(allowed: Iterable[tuple[str, Bounds]]) -> OwnRows:
    """Of elements by what their map is for, whichever the family."""
    single: dict[tuple[str, bytes], list[Bounds]] = defaultdict(list)
    ranges: dict[tuple[str, bytes, bytes], list[Bounds]] = defaultdict(list)
    for name, parts in allowed:
        at = 1 if name in BY_PEER else 0
        (first, last), rest = parts[at], (*parts[:at], *parts[at + 1 :])
        (single[name, first] if first == last else ranges[name, first, last]).append(rest)
    return OwnRows(single, ranges)

"""Very many prefixes, and which of them meet one: of two that do, one lies within the other."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import chain

from ..manifest.reserved import Prefix

Span = tuple[int, int]  # a prefix: its first number, and how many there are
IPV6 = 1 << 128  # its numbers come after all of IPv4's


def span(cidr: str) -> Span:
    """A prefix in canonical form, or that of an interface, as 10.1.0.1/24 is of 10.1.0.0/24."""
    ip, _, length = cidr.partition("/")
    base, bits = (IPV6, 128) if ":" in ip else (0, 32)
    size = 1 << bits - int(length)
    return base + value_of(ip) & -size, size


def alone(ip: str) -> str:
    """An address as a prefix."""
    return f"{ip}/{128 if ':' in ip else 32}"


def prefix_of(one: Span) -> Prefix:
    first, size = one
    if first < IPV6:
        return IPv4Network((first, 33 - size.bit_length()))
    return IPv6Network((first - IPV6, 129 - size.bit_length()))


def value_of(ip: str) -> int:
    """An address in canonical form as a number: a fifth of what ip_address costs; there may be 100,000."""
    if ":" not in ip:
        a, b, c, d = ip.split(".")
        return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
    if "." in ip:  # an IPv4-mapped one
        return int(ip_address(ip))
    head, _, tail = ip.partition("::")
    value, left, right = 0, head.split(":") if head else [], tail.split(":") if tail else []
    for group in (*left, *["0"] * (8 - len(left) - len(right)), *right):
        value = value << 16 | int(group, 16)
    return value


class Prefixes:
    """Prefixes, with the turn in which each came."""

    def __init__(self, cidrs: Iterable[str] = ()):
        self.turns = {one: turn for turn, one in enumerate(dict.fromkeys(map(span, cidrs)))}
        self.firsts = sorted(first for first, _ in self.turns)
        self.sizes = sorted({size for _, size in self.turns}, reverse=True)

    def add(self, cidr: str) -> None:
        first, size = one = span(cidr)
        if one not in self.turns:
            self.turns[one] = len(self.turns)
            insort(self.firsts, first)
            self.sizes = sorted({*self.sizes, size}, reverse=True)

    def around(self, one: Span) -> Iterator[Span]:
        """Those that it lies within, the widest first; also itself."""
        first, least = one
        for size in self.sizes:
            if size >= least and (found := (first & -size, size)) in self.turns:
                yield found

    def inside(self, one: Span) -> Iterator[Span]:
        """Those that lie within it; also itself."""
        first, most = one
        low, high = (bisect_left(self.firsts, end) for end in (first, first + most))
        spans = ((number, size) for number in self.firsts[low:high] for size in self.sizes if size <= most)
        return (found for found in spans if found in self.turns)

    def first_met(self, one: Span) -> Span | None:
        """The first to come of those that it meets."""
        met = chain(self.around(one), self.inside(one))
        return min(met, key=self.turns.__getitem__, default=None)

    def past_inside(self, one: Span) -> int:
        """Its own end where anything lies within it; its first number where nothing does."""
        return sum(one) if any(self.inside(one)) else one[0]

    def past(self, one: Span) -> int:
        """Where that ends which uses any of it; its own first number where nothing does."""
        first, size = one
        for widest, span_ in self.around(one):
            return widest + span_
        at = bisect_left(self.firsts, first)
        return first + size if at < len(self.firsts) and self.firsts[at] < first + size else first

"""What the keys and values of maps are made of: how each part looks on the wire and in a resource.

Normal form, which `show` prints and `pack` demands: parts joined by ` . `; addresses as inet_ntop prints
them; protocols by name; interface names bare; a range of addresses as a prefix where it is one, else
`first-last`; ports in decimal.
"""

import re
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from socket import AF_INET, AF_INET6, inet_ntoa, inet_ntop
from typing import Any, NamedTuple

from .words import address, known, link_name, matching, port, service

Columns = Sequence[Sequence[Any]]  # the values of each part, unpacked


class Names(dict[int, str]):
    """Numbers that have no name print as numbers."""

    def __missing__(self, number: int) -> str:
        return str(number)


PROTOCOLS = Names({1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "ipv6-icmp", 132: "sctp", 136: "udplite"})
FAMILIES = Names({2: "ipv4", 10: "ipv6"})
LINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+~-]{0,14}")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
BITS = 6  # a concatenation's number is those of its parts, six bits each (TYPE_BITS of nftables' datatype.h)


class Datatype(NamedTuple):
    """One part: `number` is nftables' own (enum datatypes), `code` how `struct` unpacks it, `expression`
    what a `typeof` may call it."""

    name: str
    number: int
    size: int
    code: str
    show: Callable[[Any], str]
    pack: Callable[[str], bytes]
    expression: str
    address: bool = False
    ranged: bool = False

    def span(self, first: Any, last: Any) -> str:
        if first == last:
            return self.show(first)
        if self.address:
            low, high = int.from_bytes(first, "big"), int.from_bytes(last, "big")
            size = high - low + 1
            if size & (size - 1) == 0 and low % size == 0:
                return f"{self.show(first)}/{8 * self.size - size.bit_length() + 1}"
        return "-".join(str(end) if self.code == "B" else self.show(end) for end in (first, last))

    def end(self, word: str) -> bytes:
        """Of a range: protocols are numbers there, since names of theirs have dashes."""
        return bytes((int(word),)) if self.code == "B" else self.pack(word)

    def prefix(self, word: str) -> tuple[bytes, bytes]:
        ip, _, length = word.partition("/")
        first, beyond = self.pack(ip), 8 * self.size - port(length)
        number = int.from_bytes(first, "big")
        if beyond < 1 or number & (1 << beyond) - 1:
            raise ValueError(word)
        return first, (number | (1 << beyond) - 1).to_bytes(self.size, "big")

    def bounds(self, word: str) -> tuple[bytes, bytes]:
        """The first and the last of a range; raises ValueError on what `span` says otherwise."""
        if self.address and "/" in word:
            return self.prefix(word)
        with suppress(ValueError):
            return (self.pack(word),) * 2
        low, dash, high = word.partition("-")
        first = self.end(low)
        last = self.end(high) if dash else first
        [low_value], [high_value] = (struct.unpack(">" + self.code, raw) for raw in (first, last))
        if not self.ranged or first > last or self.span(low_value, high_value) != word:
            raise ValueError(word)
        return first, last


@cache
def integer(size: int) -> Datatype:
    digits = re.compile(rf"0x[0-9a-f]{{{2 * size}}}")
    name = f"@th,0,{8 * size}"  # the kernel keeps its width alone; this is read back as the same
    pack = matching(digits, lambda word: bytes.fromhex(word[2:]))
    return Datatype(name, 4, size, f"{size}s", lambda raw: f"0x{raw.hex()}", pack, name, ranged=True)


DATATYPES = {
    datatype.name: datatype
    for datatype in (
        Datatype(
            "nf_proto",
            2,
            1,
            "B",
            FAMILIES.__getitem__,
            known({name: bytes((number,)) for number, name in FAMILIES.items()}),
            "meta nfproto",
        ),
        Datatype("ipv4_addr", 7, 4, "4s", inet_ntoa, address(AF_INET), "ip saddr", address=True, ranged=True),
        Datatype(
            "ipv6_addr",
            8,
            16,
            "16s",
            partial(inet_ntop, AF_INET6),
            address(AF_INET6),
            "ip6 saddr",
            address=True,
            ranged=True,
        ),
        Datatype(
            "ether_addr",
            9,
            6,
            "6s",
            lambda raw: raw.hex(":"),
            matching(MAC, lambda word: bytes.fromhex(word.replace(":", ""))),
            "ether saddr",
        ),
        Datatype(
            "inet_proto",
            12,
            1,
            "B",
            PROTOCOLS.__getitem__,
            known({PROTOCOLS[number]: bytes((number,)) for number in range(256)}),
            "meta l4proto",
            ranged=True,
        ),
        Datatype("inet_service", 13, 2, "H", str, service, "th dport", ranged=True),
        Datatype(
            "mark",
            19,
            4,
            "4s",
            lambda raw: f"0x{int.from_bytes(raw, sys.byteorder):08x}",
            matching(re.compile(r"0x[0-9a-f]{8}"), lambda word: int(word, 16).to_bytes(4, sys.byteorder)),
            "meta mark",
        ),
        Datatype(
            "ifname",
            41,
            16,
            "16s",
            link_name,
            matching(LINK, lambda word: word.encode().ljust(16, b"\0")),
            "iifname",
        ),
    )
}
BY_NUMBER = {datatype.number: datatype for datatype in DATATYPES.values()}
EXPRESSIONS = {
    "iifname": "ifname",
    "oifname": "ifname",
    "ether saddr": "ether_addr",
    "ip saddr": "ipv4_addr",
    "ip6 saddr": "ipv6_addr",
    "ip daddr": "ipv4_addr",
    "ip6 daddr": "ipv6_addr",
    "meta l4proto": "inet_proto",
    "th dport": "inet_service",
    "udp dport": "inet_service",
}  # words of a `typeof` that are not datatypes
PAYLOAD = re.compile(r"@(?:ll|nh|th),\d{1,4},(\d{1,3})")


class Type(NamedTuple):
    """A key or a value: its parts in order."""

    parts: tuple[Datatype, ...]

    @property
    def name(self) -> str:
        return " . ".join(part.name for part in self.parts)

    @property
    def code(self) -> str:
        """For `struct`: in a concatenation each part fills whole 32-bit registers."""
        pad = 4 if len(self.parts) > 1 else 1
        return "".join(f"{part.code}{-part.size % pad}x" for part in self.parts)

    @property
    def size(self) -> int:
        return struct.calcsize(">" + self.code)

    def show(self, first: Columns, last: Columns | None = None) -> Iterator[str]:
        """An item for each row; with `last`, ranges.  By columns, so that no Python runs row by row."""
        if last is None:
            shown = [map(part.show, column) for part, column in zip(self.parts, first, strict=True)]
        else:
            shown = [map(part.span, a, b) for part, a, b in zip(self.parts, first, last, strict=True)]
        return map(" . ".join, zip(*shown, strict=True))

    @property
    def expressions(self) -> str:
        """What a `typeof` calls it."""
        return " . ".join(part.expression for part in self.parts)

    def pack(self, items: Sequence[str]) -> list[Iterator[bytes]]:
        """The items on the wire, each part a column; raises ValueError on all but the normal form."""
        return [
            map({word: part.pack(word) + fill for word in set(words)}.__getitem__, words)
            for part, fill, words in self.columns(items)
        ]

    def bounds(self, items: Sequence[str]) -> tuple[list[Iterator[bytes]], list[Iterator[bytes]]]:
        """The same of where intervals begin, and of where they end."""
        first: list[Iterator[bytes]] = []
        last: list[Iterator[bytes]] = []
        for part, fill, words in self.columns(items):
            known = {word: part.bounds(word) for word in set(words)}
            first.append(map({word: ends[0] + fill for word, ends in known.items()}.__getitem__, words))
            last.append(map({word: ends[1] + fill for word, ends in known.items()}.__getitem__, words))
        return first, last

    def columns(self, items: Sequence[str]) -> Iterator[tuple[Datatype, bytes, tuple[str, ...]]]:
        """Each part, what fills it up, and its words: each of these is packed once."""
        rows = [item.split(" . ") for item in items]
        if set(map(len, rows)) - {len(self.parts)}:
            raise ValueError("a part too many, or too few")
        pad = 4 if len(self.parts) > 1 else 1  # in a concatenation each part fills whole 32-bit registers
        for part, words in zip(self.parts, zip(*rows, strict=True), strict=True):
            yield part, b"\0" * (-part.size % pad), words


@cache
def named(text: str) -> Type:
    """The type that a Map states: datatypes, or what a `typeof` names; raises ValueError."""
    return Type(tuple(map(part_named, text.split(" . "))))


def part_named(word: str) -> Datatype:
    if payload := PAYLOAD.fullmatch(word):
        return integer(int(payload[1]) // 8)
    if (word := EXPRESSIONS.get(word, word)) not in DATATYPES:
        raise ValueError(word)
    return DATATYPES[word]


@cache
def numbered(number: int, size: int) -> Type | None:
    """The type that the kernel keeps for userspace as a number; None where it is none of these."""
    numbers = []
    while number:
        numbers.append(number & (1 << BITS) - 1)
        number >>= BITS
    rest = size - sum(-(-BY_NUMBER[n].size // 4) * 4 for n in numbers if n in BY_NUMBER)
    known = BY_NUMBER | ({4: integer(rest)} if 4 in numbers and rest > 0 else {})
    if not numbers or not known.keys() >= set(numbers):
        return None
    found = Type(tuple(known[n] for n in reversed(numbers)))
    return found if found.size == size else None

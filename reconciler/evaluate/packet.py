"""The first packet of a connection and its answer on their way, and what conntrack remembers of them."""

from typing import NamedTuple, Protocol

from .literals import number_of

SNAT, DNAT = 16, 32  # IPS_SRC_NAT, IPS_DST_NAT
INVALID, ESTABLISHED, NEW = 1, 2, 8  # of `ct state`
TCP = 6


class Standpoint(Protocol):
    """The namespace that a packet is in, as far as rules ask about it."""

    def group(self, link: str) -> int | None: ...

    def kind(self, link: str) -> str | None: ...

    def type_of(self, ip: str, link: str = "") -> int:
        """Of the route to it, as `fib daddr type`; with a link, of that one alone."""

    def leads_to(self, ip: str, link: str) -> bool:
        """Whether the way to it is by this link."""


class FiveTuple(NamedTuple):
    src: str
    sport: int
    dst: str
    dport: int


class Tracked:
    """What conntrack of one namespace knows of the connection."""

    def __init__(self, first: FiveTuple, *, astray: bool = False):
        self.first, self.astray = first, astray  # `astray` is an answer to what went another way
        self.source, self.target = first[:2], first[2:]  # as they are once translated
        self.mark = 0
        self.bound: set[str] = set()  # of dnat and snat, what has been decided

    @property
    def status(self) -> int:
        changed = (DNAT, self.target != self.first[2:]), (SNAT, self.source != self.first[:2])
        return sum(bit for bit, so in changed if so)

    def asked(self, end: str) -> int:
        return number_of(self.first.src if end == "saddr" else self.first.dst)

    def answered(self, end: str) -> int:
        """Of the answer, as it comes in."""
        return number_of(self.target[0] if end == "saddr" else self.source[0])


class Packet:
    """It changes as it goes; `place` is the namespace that it is in, which knows it as `tracked`."""

    place: Standpoint

    def __init__(self, protocol: int, ends: FiveTuple, *, reply: bool = False):
        self.protocol, self.reply = protocol, reply
        self.src, self.sport, self.dst, self.dport = ends
        self.family = 6 if ":" in ends.dst else 4
        self.mark, self.iif, self.oif, self.smac, self.dmac = 0, "", "", "", ""
        self.tracked: Tracked | None = None

    @property
    def ends(self) -> FiveTuple:
        return FiveTuple(self.src, self.sport, self.dst, self.dport)

    @property
    def is_answer(self) -> bool:
        """To what conntrack has seen."""
        return self.reply and self.tracked is not None and not self.tracked.astray

    @property
    def is_invalid(self) -> bool:
        """To conntrack: TCP that nobody began here."""
        return self.reply and self.tracked is not None and self.tracked.astray and self.protocol == TCP

    @property
    def state(self) -> int:
        """As `ct state`."""
        return ESTABLISHED if self.is_answer else INVALID if self.is_invalid else NEW

    @property
    def target(self) -> str:
        return f"[{self.dst}]:{self.dport}" if self.family == 6 else f"{self.dst}:{self.dport}"

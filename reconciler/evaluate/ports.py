"""The ports of containers about which something is written: that they are published, or by a policy."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ..kinds.maps import ALLOWING
from ..kinds.nft import Element
from ..kinds.published import REACHABLE
from .by_address import ByAddress
from .world import World

ALL = (0, 65535)
POLICIES = tuple(f"{name}{number}" for name in ALLOWING for number in (4, 6))
EGRESS = "egress"  # begins with the destination; else that, protocol and ports are last
SPOKEN = ("tcp", "udp", "sctp")


class Ports(NamedTuple):
    """Of a container, its own, that the rules may tell from others."""

    first: int
    last: int
    protocol: str


class Written:
    """All of them, by who has them."""

    def __init__(self, world: World):
        self.world, self.policies = world, ByAddress(allowed(world))

    def of(self, name: str) -> list[Ports]:
        """None of them twice: what overlaps is cut."""
        own = {r.ip for r in self.world.addresses.get(name, ())}
        found: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for ip in own:
            for flow, port in self.world.published.get(ip, ()):
                found[flow.protocol].add((port, port) if port else (flow.first, flow.last))
        for protocol, first, last in self.policies.of(own):
            found[protocol].add((first, last))
        return sorted(Ports(*one, protocol) for protocol, those in found.items() for one in cut(those))


def allowed(world: World) -> Iterator[tuple[str, tuple[str, int, int]]]:
    """By whom it is for."""
    for e in world.state.of(Element):
        parts = e.item.split(" . ")
        if e.map.startswith(REACHABLE) and len(parts) == 3:
            yield parts[0], (parts[1], int(parts[2]), int(parts[2]))
        elif e.map in POLICIES and not e.map.startswith(f"{EGRESS}_") and len(parts) >= 3:
            first, _, last = parts[-1].partition("-")
            span = int(first), int(last or first)
            if span != ALL and parts[-2] in SPOKEN:
                yield parts[0 if e.map.startswith(EGRESS) else -3], (parts[-2], *span)


def spoken_of(world: World, own: Iterable[str]) -> Iterator[Ports]:
    """By policies, of what these addresses may reach of the host and of outside."""
    known = {*own}
    for e in world.state.of(Element):
        parts = e.item.split(" . ")
        if e.map.startswith("egress_") and parts[0] in known and parts[-2] in SPOKEN:
            first, _, last = parts[-1].partition("-")
            if (int(first), int(last or first)) != ALL:
                yield Ports(int(first), int(last or first), parts[-2])


def cut(spans: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same ports, where spans begin and end."""
    edges = sorted({edge for first, last in spans for edge in (first, last + 1)})
    for one, other in pairwise(edges):
        if any(first <= one and other - 1 <= last for first, last in spans):
            yield one, other - 1

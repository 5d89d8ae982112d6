"""What of each container is reachable from where: from outside, from the host, and from other containers."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ..family import family
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.published import BY_LINK, SOURCES, DoorLimit
from .alike import Alike
from .journey import OUTSIDE
from .judge import Attempt, judgements
from .literals import span
from .ports import Ports, Written
from .ways import NUMBERS, Goal, attempts, number
from .world import World

ANY = 0  # all ports about which nothing is written
DIRECT = "direct"


class Exposed(NamedTuple):
    """Ports of a container, or ANY, and who reaches them, from outside and the host by which addresses."""

    sandbox: str
    port: int
    last: int
    protocol: str
    outside: tuple[str, ...]
    host: tuple[str, ...]
    sandboxes: tuple[str, ...]
    limited: tuple[str, ...] = ()  # of the ways from outside those that are not for everybody


def exposure(world: World, names: Iterable[str]) -> Iterator[Exposed]:
    """Raises Unjudged where nobody can tell."""
    alike, written, limits = Alike(world), Written(world), [*sources(world)]
    for name in names:
        known, classes = written.of(name), alike.classes(name)
        free = (n for n in range(9, 65536) if not any(one.first <= n <= one.last for one in known))
        others = [(Ports(ANY, ANY, "tcp"), rest) for rest in (next(free, None),) if rest]
        for ports, asked in [*((one, one.first) for one in known), *others]:
            goal = Goal((name,), "", asked, ports.protocol)
            outside, host = dict(by(world, OUTSIDE, goal, limits)), dict(by(world, HOST, goal, ()))
            limited = tuple(way for way, everybody in outside.items() if not everybody)
            inside = tuple(from_sandboxes(world, classes, goal))
            yield Exposed(name, *ports, tuple(outside), tuple(host), inside, limited)


def by(world: World, origin: str, goal: Goal, limits: Iterable[DoorLimit]) -> Iterator[tuple[str, bool]]:
    """The addresses and ports by which it is open, each with whether to everybody; DIRECT for its own."""
    own = {r.ip for name in goal.names for r in world.addresses.get(name, ())}
    for one in attempts(world, origin, goal):
        some = [limit for limit in limits if is_about(limit, one)]
        asking = [one, *(one._replace(src=somebody_of(limit.source)) for limit in some)]
        if any(arrives(world, each, goal) for each in asking):
            everybody = not some or any(not limit.link and limit.source.endswith("/0") for limit in some)
            yield (
                DIRECT if one.dst in own else f"[{one.dst}]:{one.port}" if ":" in one.dst else at(one),
                everybody,
            )


def at(one: Attempt) -> str:
    return f"{one.dst}:{one.port}"


def sources(world: World) -> Iterator[DoorLimit]:
    """Who may use which of the published ports that are not for everybody."""
    limits = (e.limits for e in world.state.of(Element))
    yield from (one for one in limits if one and one.what in (SOURCES, BY_LINK))


def is_about(limit: DoorLimit, one: Attempt) -> bool:
    flow = limit.flow
    same = (flow.family, flow.protocol) == (family(one.dst), NUMBERS.get(one.protocol))
    return same and flow.ip in ("", one.dst) and flow.first <= one.port <= flow.last


def somebody_of(prefix: str) -> str:
    """An address of it, and not the network's own where there is another."""
    first, last = span("address", prefix)
    return str((IPv6Address if family(prefix) == 6 else IPv4Address)(min(int(first) + 1, int(last))))


def from_sandboxes(world: World, classes: Iterable[list[str]], goal: Goal) -> Iterator[str]:
    """Of those who are alike one is asked for all."""
    for names in classes:
        if reaches(world, names[0], goal):
            yield from names


def reaches(world: World, origin: str, goal: Goal) -> bool:
    own = (r.ip for r in world.addresses.get(goal.names[0], ()) if not r.ip.startswith("fe80"))
    tried = (Attempt(origin, ip, goal.port, number(goal.protocol, ip)) for ip in own)
    return any(arrives(world, one, goal) for one in tried)


def arrives(world: World, one: Attempt, goal: Goal) -> bool:
    """Whether it gets there, if only one of several times; not where it goes out to a LAN that knows more."""
    return any(found.open and found.place in goal.names for found in judgements(world, one))

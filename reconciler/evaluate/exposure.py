"""What of each container is reachable from where: from outside, from the host, and from other containers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.published import PUBLISH
from .journey import OUTSIDE
from .judge import Attempt, judge
from .ways import Goal, attempts, number, segments
from .world import World

ANY = 0  # all ports that nobody publishes
DIRECT = "direct"
# How the names of those maps begin that say the same of all who are on one network, or nothing of what
# containers say to one another.
ALIKE = (
    *(PUBLISH, "reachable", "subnets", "remote", "direct", "masquerade", "snat", "bridges"),
    *("same_network", "internal", "host_", "routed", "unprotected", "view", "resolvers", "asking"),
    *("unrouted", "projects", "has_ports", "own", "ports", "links6", "trunks", "held", "apart"),
    *("gateway_of", "mesh", "tunnel", "guarded_pairs", "sealed", "wireguard", "flooded", "bgp_peers"),
)


class Exposed(NamedTuple):
    """A port of a container, or ANY, and who reaches it, from outside and the host by which addresses."""

    sandbox: str
    port: int
    last: int  # of a range that is published as one
    protocol: str
    outside: tuple[str, ...]
    host: tuple[str, ...]
    sandboxes: tuple[str, ...]


def exposure(world: World, names: Iterable[str]) -> Iterator[Exposed]:
    """Raises Unjudged where nobody can tell."""
    classes = alike(world)
    for name in names:
        known = ports(world, name)
        rest = next(
            port for port in range(9, 65536) if all(not first <= port <= last for first, last, _ in known)
        )
        for first, last, protocol in [*known, (ANY, ANY, "tcp")]:
            goal = Goal((name,), "", first or rest, protocol)
            inside = [*from_sandboxes(world, classes, goal)]
            ways = [tuple(dict.fromkeys(by(world, origin, goal))) for origin in (OUTSIDE, HOST)]
            yield Exposed(name, first, last, protocol, ways[0], ways[1], tuple(inside))


def ports(world: World, name: str) -> list[tuple[int, int, str]]:
    """Those that are published, whichever way: first, last, protocol."""
    own = {r.ip for r in world.addresses.get(name, ())}
    found = set()
    for e in world.state.of(Element):
        ip, _, port = e.value.partition(" . ")
        if e.flow and ip in own:
            first = int(port) if port else e.flow.first
            found.add((first, first if port else e.flow.last, e.flow.protocol))
        elif e.map.startswith("reachable") and e.item.partition(" . ")[0] in own:
            _, protocol, port = e.item.split(" . ")
            found.add((int(port), int(port), protocol))
    return sorted(found)


def by(world: World, origin: str, goal: Goal) -> Iterator[str]:
    """The addresses and ports by which it is open; DIRECT for the container's own."""
    own = {r.ip for name in goal.names for r in world.addresses.get(name, ())}
    for one in attempts(world, origin, goal):
        if judge(world, one).open:
            yield DIRECT if one.dst in own else f"[{one.dst}]:{one.port}" if ":" in one.dst else at(one)


def at(one: Attempt) -> str:
    return f"{one.dst}:{one.port}"


def from_sandboxes(world: World, classes: dict[object, list[str]], goal: Goal) -> Iterator[str]:
    """Of those who are alike one is asked for all."""
    target = goal.names[0]
    for names in classes.values():
        others = [name for name in names if name != target]
        if others and reaches(world, others[0], goal):
            yield from others


def reaches(world: World, origin: str, goal: Goal) -> bool:
    own = (r.ip for r in world.addresses.get(goal.names[0], ()) if not r.ip.startswith("fe80"))
    tried = (Attempt(origin, ip, goal.port, number(goal.protocol, ip)) for ip in own)
    return any(judge(world, one).open for one in tried)


def alike(world: World) -> dict[object, list[str]]:
    """The sandboxes by what their connections depend on; each for itself where that is not known."""
    found: dict[object, list[str]] = defaultdict(list)
    strange = any(not e.map.startswith(ALIKE) for e in world.state.of(Element) if e.table)
    published = {e.value.partition(" . ")[0] for e in world.state.of(Element) if e.flow}
    for name in sorted(world.sandboxes):
        own = {r.ip for r in world.addresses.get(name, ())}
        isolated = {veth.isolated for (ns, _), veth in world.veths.items() if ns == name}
        where = frozenset(segments(world, name)), bool(own & published), frozenset(isolated)
        found[name if strange else where].append(name)
    return found

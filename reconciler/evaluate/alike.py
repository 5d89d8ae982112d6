"""Which sandboxes get the same answer when they ask for another, so that one of them asks for all."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..kinds.link import Link, Veth
from ..kinds.maps import BOUND, LOGGED, NO_GROUPS, NO_METADATA
from ..kinds.nft import Element
from ..kinds.published import BY_LINK, CONNECTIONS, LIMITED, PUBLISH, RATES, SOURCES
from .by_address import ByAddress
from .world import World

# How the names of those maps begin that say the same of all who are on one network, or nothing of what
# containers say to one another.
SAME = (
    *(PUBLISH, "reachable", "subnets", "remote", "direct", "masquerade", "snat", "bridges"),
    *("same_network", "internal", "host_", "routed", "unprotected", "view", "resolvers", "asking"),
    *("unrouted", "projects", "has_ports", "own", "ports", "links6", "trunks", "held", "apart"),
    *("gateway_of", "mesh", "tunnel", "guarded_pairs", "sealed", "wireguard", "flooded", "bgp_peers", "loud"),
    *(LOGGED, NO_METADATA, NO_GROUPS, LIMITED, RATES, CONNECTIONS, BOUND[1]),
    *("egress_host", "ingress_host", "ingress_outside"),
)
# And of those that name who asks: first, or last; and of those that say for whom, behind that or before.
FIRST, LAST = (BOUND[0], "egress_outside"), (SOURCES, BY_LINK)
PAIRS = tuple(f"{name}{number}" for name in ("ingress", "opened") for number in (4, 6))
TURNED = ("egress4", "egress6")


class Mention(NamedTuple):
    """Of who asks: a map, the other parts of what is in it, and for whom, "" for anybody."""

    map: str
    parts: tuple[str, ...]
    target: str = ""


class Alike:
    def __init__(self, world: World):
        self.world, said = world, ByAddress(naming(world))
        known = (*SAME, *FIRST, *LAST, *PAIRS, *TURNED)
        self.strange = any(not e.map.startswith(known) for e in world.state.of(Element) if e.table)
        numbers: dict[object, int] = {}
        self.always: dict[str, int] = {}  # by sandbox, what counts whomever it asks for: a number for each
        self.pairs: dict[str, ByAddress[Mention]] = {}  # and what is said of it and those whom it asks for
        for name in sorted(world.sandboxes):
            mine = said.of({r.ip for r in world.addresses.get(name, ())})
            counts = standing(world, name), frozenset(one for one in mine if not one.target)
            self.always[name] = numbers.setdefault(counts, len(numbers))
            self.pairs[name] = ByAddress((one.target, one) for one in mine if one.target)

    def classes(self, target: str) -> Iterable[list[str]]:
        """All others; each for itself where it is not known what their connections depend on."""
        own = {r.ip for r in self.world.addresses.get(target, ())}
        found: dict[object, list[str]] = defaultdict(list)
        for name, always in self.always.items():
            if name != target:
                found[name if self.strange else (always, self.pairs[name].of(own))].append(name)
        return found.values()


def standing(world: World, name: str) -> object:
    routes = frozenset((r.dst, r.via, r.table) for r in world.routes.get(name, ()))
    published = any(r.ip in world.published for r in world.addresses.get(name, ()))
    return frozenset(map(place, world.attached.get(name, ()))), routes, published


def place(link: Link) -> object:
    """What of a sandbox's link decides whom it reaches; a pair without a bridge is like no other."""
    if isinstance(link, Veth):
        return link.bridge or link.host_name, link.isolated, link.vlans
    return getattr(link, "parent", ""), getattr(link, "mode", ""), getattr(link, "flag", "")


def naming(world: World) -> Iterator[tuple[str, Mention]]:
    """By who asks, what is said of him."""
    for e in world.state.of(Element):
        first, *rest = parts = e.item.split(" . ")
        if e.map.startswith(FIRST):
            yield first, Mention(e.map, tuple(rest))
        elif e.map.startswith(LAST):
            yield parts[-1], Mention(e.map, tuple(parts[:-1]))
        elif e.map in PAIRS and rest:
            yield first, Mention(e.map, tuple(rest[1:]), rest[0])
        elif e.map in TURNED and rest:
            yield rest[0], Mention(e.map, tuple(rest[1:]), first)

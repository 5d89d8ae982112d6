"""What a plan changes of what is reachable from where: between what stands and what is wanted.

Only what its steps can change is judged.  Of a container that is new it is told who outside reaches it: that
its own networks reach it goes without saying.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from ..core.bykind import by_kind
from ..core.plan import Step
from ..core.resource import State
from ..errors import Unjudged
from ..inventory.facts import HostFacts
from ..kinds.ownership import HOST
from ..kinds.published import DoorLimit
from .exposure import ANY, by, reaches, sources
from .journey import OUTSIDE
from .narrowed import narrowed
from .ports import Ports, Written, cut
from .touched import MOST_TARGETS, Touched, Touches
from .ways import Goal
from .world import World

NO, SOME, YES = "no", "some", "yes"  # who asks from there gets through; from outside it may be some alone
MOST_PAIRS = 256  # of containers that are judged, so half a second


class ReachChange(NamedTuple):
    """Ports of a container, or ANY, that somebody reaches otherwise: outside, the host, or a container."""

    sandbox: str
    port: int
    last: int
    protocol: str
    source: str
    before: str
    after: str


class Difference(NamedTuple):
    changes: tuple[ReachChange, ...] = ()
    judged: Mapping[str, int] = MappingProxyType({})  # of each container, how many kinds of ports
    unjudged: str = ""  # why it is not all


def difference(live: State, desired: State, facts: HostFacts, todo: Sequence[Step]) -> Difference:
    live, desired = by_kind(live), by_kind(desired)
    touches = Touches(live, desired, todo)
    try:
        return judged(touches, facts) if todo else Difference()
    except Unjudged as error:
        return Difference(unjudged=error.message)


def judged(touches: Touches, facts: HostFacts) -> Difference:
    """Raises Unjudged where somebody has written what nobody knows."""
    live, desired = touches.states
    touched = touches.touched()
    if len(touched.targets) > MOST_TARGETS or len(touched.pairs) > MOST_PAIRS:
        count = max(len(touched.targets), len({name for pair in touched.pairs for name in pair}))
        return Difference(unjudged=f"it may change for {count} containers, which is not worked out here")
    if not any(touched):
        return Difference()
    names = touched.targets | {name for pair in touched.pairs for name in pair}
    before = World(narrowed(live, names) if names & touches.standing else {}, facts)
    after = World(narrowed(desired, names), facts)
    both = Comparison(before, after, touches.standing)
    changes = tuple(both.changes(touched))
    return Difference(changes, {name: len([*both.ports(name)]) for name in names})


class Comparison:
    def __init__(self, before: World, after: World, standing: set[str]):
        self.worlds, self.standing = (before, after), standing
        self.written = [Written(world) for world in self.worlds]
        self.limits = [[*sources(world)] for world in self.worlds]

    def changes(self, touched: Touched) -> Iterator[ReachChange]:
        """In the order of the containers."""
        origins = defaultdict(list)
        for origin, target in sorted(touched.pairs):
            origins[target].append(origin)
        for name in sorted({*touched.targets, *origins}):
            for ports, asked in self.ports(name):
                goal = Goal((name,), "", asked, ports.protocol)
                there = self.from_afar(name, goal) if name in touched.targets else ()
                found = chain(there, self.from_each(origins[name], goal))
                yield from (ReachChange(name, *ports, *one) for one in found if one[1] != one[2])

    def ports(self, name: str) -> Iterator[tuple[Ports, int]]:
        """Those that the rules of either may tell apart, and one that stands for all others."""
        spans = defaultdict(set)
        for one in chain(*(written.of(name) for written in self.written)):
            spans[one.protocol].add((one.first, one.last))
        known = sorted(Ports(*span, protocol) for protocol, those in spans.items() for span in cut(those))
        yield from ((one, one.first) for one in known)
        free = (n for n in range(9, 65536) if not any(one.first <= n <= one.last for one in known))
        yield from ((Ports(ANY, ANY, "tcp"), rest) for rest in (next(free, 0),) if rest)

    def from_afar(self, name: str, goal: Goal) -> Iterator[tuple[str, str, str]]:
        """The host reaches whatever is new on its own networks."""
        for source in (OUTSIDE, HOST) if name in self.standing else (OUTSIDE,):
            before, after = (
                who(world, source, goal, limits)
                for world, limits in zip(self.worlds, self.limits, strict=True)
            )
            yield source, before, after

    def from_each(self, origins: Sequence[str], goal: Goal) -> Iterator[tuple[str, str, str]]:
        for origin in origins:
            before, after = (YES if reaches(world, origin, goal) else NO for world in self.worlds)
            yield origin, before, after


def who(world: World, source: str, goal: Goal, limits: Sequence[DoorLimit]) -> str:
    """Who of them gets through."""
    if goal.names[0] not in world.sandboxes:
        return NO
    found = [everybody for _, everybody in by(world, source, goal, limits if source == OUTSIDE else ())]
    return YES if any(found) else SOME if found else NO

"""The ruleset as it was read, which is so as long as its generation lasts."""

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from functools import cached_property
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from ...core.resource import Key, Resource
from ...kinds.nft import Element, Map, path
from ..netlink.netfilter import Torn
from .text import Place, Shapes, shape
from .wire import RulesetReading

LAST = 1.0  # seconds; as decided in cnm/limits.py
Group = Mapping[Key, Element]


def is_over(until: str) -> bool:
    """Whether an element is about to go, or has gone: in its last second it counts as gone."""
    return until.isdecimal() and time.time() > int(until) - LAST


class About(NamedTuple):
    """One project, which has one sandbox of its name, of which all is told.  Of maps that every project has
    something in others' elements are not, but for one, which shows that somebody has a use for the map; nor
    are the names of others who have nothing but a sandbox."""

    project: str
    crowded: frozenset[str]  # names of such maps
    beside: Set[str] = frozenset()  # such projects

    def of(self, name: str, elements: "MapElements") -> Iterable[Element]:
        if name not in self.crowded:
            return elements.all.values()
        groups = elements.by_project
        other = next((groups[project] for project in elements.first if project != self.project), {})
        one = [other[min(other)]] if other else []  # the same one whoever reads it, and when
        return chain(groups.get(self.project, {}).values(), one)


class MapElements:
    """Those of one map, and by the project that each is of."""

    def __init__(self, all: Group, by_project: Mapping[str, Group]):
        self.all, self.by_project = all, by_project

    @cached_property
    def first(self) -> list[str]:
        """The first two projects."""
        return nsmallest(2, self.by_project)

    def renewed(self, keys: Iterable[Key], now: Iterable[Element]) -> "MapElements":
        """With these instead of what has these keys: of others not one is touched."""
        found, groups = dict(self.all), dict(self.by_project)
        for key in keys:
            if gone := found.pop(key, None):
                rest = {at: e for at, e in groups.pop(gone.project).items() if at != key}
                groups |= {gone.project: rest} if rest else {}
        for e in now:
            found[e.key] = e
            groups[e.project] = {**groups.get(e.project, {}), e.key: e}
        return MapElements(found, groups)


Elements = Mapping[Place, MapElements]
NONE = MapElements({}, {})


class KeptRuleset(NamedTuple):
    """What stands of ours in one generation; its tables, maps and chains are in the words of these that they
    were `compared` with."""

    generation: int
    compared: frozenset[Resource]
    skeleton: Mapping[Key, Resource]
    elements: Elements  # by map

    def resources(self, about: "About | None" = None) -> Iterator[Resource]:
        """All of it; or as far as it is about one project."""
        of = about.of if about else everybodys
        return chain(self.skeleton.values(), *(of(name, one) for (*_, name), one in self.elements.items()))

    def lasting(self) -> "KeptRuleset":
        """Less what the kernel has forgotten since, by what it was told: that is no other generation."""
        timed = {place: e for place, e in self.elements.items() if self.is_timed(place)}
        over = {
            place: [key for key, one in e.all.items() if is_over(one.until)] for place, e in timed.items()
        }
        now = {place: timed[place].renewed(keys, ()) for place, keys in over.items() if keys}
        return self._replace(elements={**self.elements, **now}) if now else self

    def is_timed(self, place: Place) -> bool:
        return str(getattr(self.skeleton.get(Map.at(*place)), "flags", "")).endswith("timeout")

    def tells(self, wanted: Set[Resource]) -> bool:
        """Whether it is what stands now, in the words of these."""
        if not wanted <= self.compared:
            return False
        with suppress(OSError, Torn), RulesetReading() as reading:
            return reading.generation == self.generation
        return False

    def shapes(self, places: Iterable[Place]) -> Shapes | None:
        """What the elements of these maps look like; None where one does not stand, or is of another kind."""
        with suppress(KeyError, ValueError):
            maps = {place: self.skeleton[Map.at(*place)] for place in places}
            return {place: shape(one) for place, one in maps.items() if isinstance(one, Map)}
        return None

    def within(self, places: Iterable[Place]) -> list[Element]:
        return [r for place in places for r in self.elements.get(place, NONE).all.values()]


def everybodys(_: str, elements: MapElements) -> Iterable[Element]:
    return elements.all.values()


def ruleset(generation: int, compared: frozenset[Resource], found: Iterable[Resource]) -> KeptRuleset:
    skeleton: dict[Key, Resource] = {}
    elements: dict[Place, dict[Key, Element]] = {}
    for r in found:
        if isinstance(r, Element):
            elements.setdefault(path(r), {})[r.key] = r
        else:
            skeleton[r.key] = r
    return KeptRuleset(generation, compared, skeleton, {at: grouped(one) for at, one in elements.items()})


def grouped(elements: Group) -> MapElements:
    groups: dict[str, dict[Key, Element]] = {}
    for key, e in elements.items():
        groups.setdefault(e.project, {})[key] = e
    return MapElements(elements, groups)

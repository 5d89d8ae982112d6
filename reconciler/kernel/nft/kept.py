"""The ruleset as it was read, which is so as long as its generation lasts."""

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from ...core.resource import Key, Resource
from ...kinds.nft import Element, Map, path
from ..netlink.netfilter import Torn
from .text import Place, Shapes, shape
from .wire import RulesetReading

LAST = 1.0  # seconds; as decided in cnm/limits.py
Elements = Mapping[Place, Mapping[Key, Element]]


def is_over(until: str) -> bool:
    """Whether an element is about to go, or has gone: in its last second it counts as gone."""
    return until.isdecimal() and time.time() > int(until) - LAST


class About(NamedTuple):
    """One project, of which all is told.  Of maps that every project has something in others' elements are
    not, but for one, which shows that somebody has a use for the map."""

    project: str
    crowded: frozenset[str]  # names of such maps

    def of(self, known: tuple[Place, Mapping[Key, Element]]) -> Mapping[Key, Element]:
        (*_, name), elements = known
        if name not in self.crowded:
            return elements
        own = {key: e for key, e in elements.items() if e.project == self.project}
        other = min(elements.keys() - own.keys(), default=None)  # the same one whoever reads it, and when
        return own if other is None else own | {other: elements[other]}


class KeptRuleset(NamedTuple):
    """What stands of ours in one generation; its tables, maps and chains are in the words of these that they
    were `compared` with."""

    generation: int
    compared: frozenset[Resource]
    skeleton: Mapping[Key, Resource]
    elements: Elements  # by map

    def resources(self, about: "About | None" = None) -> Iterator[Resource]:
        """All of it; or as far as it is about one project."""
        those = self.elements.values() if about is None else map(about.of, self.elements.items())
        return chain(self.skeleton.values(), *(one.values() for one in those))

    def lasting(self) -> "KeptRuleset":
        """Less what the kernel has forgotten since, by what it was told: that is no other generation."""
        timed = {place: e for place, e in self.elements.items() if self.is_timed(place)}
        now = {
            place: {key: one for key, one in e.items() if not is_over(one.until)}
            for place, e in timed.items()
        }
        return self._replace(elements={**self.elements, **now}) if timed else self

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
        return [r for place in places for r in self.elements.get(place, {}).values()]


def ruleset(generation: int, compared: frozenset[Resource], found: Iterable[Resource]) -> KeptRuleset:
    skeleton: dict[Key, Resource] = {}
    elements: dict[Place, dict[Key, Element]] = {}
    for r in found:
        if isinstance(r, Element):
            elements.setdefault(path(r), {})[r.key] = r
        else:
            skeleton[r.key] = r
    return KeptRuleset(generation, compared, skeleton, elements)

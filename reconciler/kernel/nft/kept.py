"""The ruleset as it was read, which is so as long as its generation lasts."""

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from ...core.resource import Key, Resource
from ...kinds.nft import Element, Map, path
from ..netlink.netfilter import Torn
from .text import Place, Shapes, shape
from .wire import RulesetReading

Elements = Mapping[Place, Mapping[Key, Element]]


class Ruleset(NamedTuple):
    """What stands of ours in one generation; its tables, maps and chains are in the words of these that they
    were `compared` with."""

    generation: int
    compared: frozenset[Resource]
    skeleton: Mapping[Key, Resource]
    elements: Elements  # by map

    @property
    def resources(self) -> Iterator[Resource]:
        return chain(self.skeleton.values(), *(those.values() for those in self.elements.values()))

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


def ruleset(generation: int, compared: frozenset[Resource], found: Iterable[Resource]) -> Ruleset:
    skeleton: dict[Key, Resource] = {}
    elements: dict[Place, dict[Key, Element]] = {}
    for r in found:
        if isinstance(r, Element):
            elements.setdefault(path(r), {})[r.key] = r
        else:
            skeleton[r.key] = r
    return Ruleset(generation, compared, skeleton, elements)

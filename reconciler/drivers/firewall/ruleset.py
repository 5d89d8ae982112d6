"""The tables of a host, `inet reconciler` and `bridge reconciler`, hold rulesets: chains, and the maps that
they look up.

Chains and maps are constant text, whoever wants them, and stay as long as an element of any project is in
the maps.  What varies is the elements, each of which tells its project.
"""

from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple

from ...core.resource import Origin, Resource
from ...kinds.nft import Chain, Element, Map, Table
from ...kinds.ownership import TABLE

FIRST, FIRST_LOOK, LAST = (
    -(1 << 31),
    -300,
    (1 << 31) - 1,
)  # before all others; before conntrack; after all others


class MapType(NamedTuple):
    """What a map holds; `data` is "" for a set."""

    type: str
    data: str = ""
    flags: str = ""
    template: str = ""


Maps = Mapping[str, MapType]
Chains = Mapping[str, tuple[str, ...]]  # name: (hook, rule, rule, ...); the hook is "" for what is jumped to
Item = tuple[str, str, str]  # map, item, value


def filtering(hook: str, priority: int = FIRST_LOOK) -> str:
    """What a base chain says of itself."""
    return f"type filter hook {hook} priority {priority}; policy accept;"


class Ruleset(NamedTuple):
    """`family` is inet or bridge."""

    family: str
    maps: Maps
    chains: Chains = {}

    def skeleton(self) -> Iterator[Resource]:
        """Table, maps and chains."""
        yield Table(family=self.family, name=TABLE)
        for name, kind in self.maps.items():
            yield Map(family=self.family, table=TABLE, name=name, **kind._asdict())
        for name, (hook, *rules) in self.chains.items():
            yield Chain(family=self.family, table=TABLE, name=name, hook=hook, rules=tuple(rules))

    def element(
        self, project: str, origin: Origin | None, name: str, item: str, value: str = "", **more: Any
    ) -> Element:
        """One of a project's, in a map of this name."""
        known = {
            "family": self.family,
            "table": TABLE,
            "map": intern(name),
            "item": item,
            "value": value,
            **more,
        }
        return Element(**known, project=project, origin=origin)

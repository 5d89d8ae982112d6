"""A manifest that is about to be written: what was found, in its words, and what it has no words for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from ..values import value

Said = Mapping[str, Any]  # keys of a manifest with texts, numbers, mappings and lists
NETWORKS, SERVICES, CONTAINERS, VOLUMES = SECTIONS = ("networks", "services", "containers", "volumes")


@value
class Entry:
    """A network, a container or another thing with a name."""

    key: str
    said: Said = field(default_factory=dict)
    lost: tuple[str, ...] = ()  # what of it was not taken over, and why

    def without(self, path: tuple[str | int, ...], why: str) -> "Entry":
        """Less what stands at a path inside, which is told instead."""
        return replace(self, said=pruned(self.said, path), lost=(*self.lost, why))


@value
class Draft:
    """One project."""

    project: str
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)  # by section
    top: Said = field(default_factory=dict)  # further keys of the top level
    head: tuple[str, ...] = ()  # what a reader should know first
    lost: tuple[str, ...] = ()  # what of no entry was not taken over

    @property
    def warnings(self) -> Iterator[str]:
        """All that was not taken over, each with whose it is."""
        yield from self.lost
        for one in (one for section in SECTIONS for one in self.entries.get(section, ())):
            yield from (f"{one.key}: {words}" for words in one.lost)


def pruned(value: Any, path: tuple[str | int, ...]) -> Any:
    """Without what the path leads to, nor a mapping or list that has nothing else in it."""
    step, *rest = path
    if isinstance(value, Mapping) and step in value:
        inner = pruned(value[str(step)], tuple(rest)) if rest else None
        return {key: inner if key == step else one for key, one in value.items() if inner or key != step}
    if isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        inner = pruned(value[step], tuple(rest)) if rest else None
        return [inner if n == step else one for n, one in enumerate(value) if inner or n != step]
    return value


def compact(**said: Any) -> dict[str, Any]:
    """Those that say something."""
    return {key: one for key, one in said.items() if one not in (None, "", [], (), {}, False)}


def named_apart(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each with a name of its own: the next of a name that is taken bears a number."""
    taken: dict[str, int] = {}
    for one in entries:
        key = one.key
        while key in taken:
            taken[one.key] += 1
            key = f"{one.key}-{taken[one.key]}"
        taken[key] = 1
        yield replace(one, key=key) if key != one.key else one

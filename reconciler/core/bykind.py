"""A state by kind: who asks for some of many need not look at all of them."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from .resource import Key, Resource, State

R = TypeVar("R", bound=Resource)


class ByKind(dict[Key, Resource]):
    """The state, sorted once."""

    @cached_property
    def kinds(self) -> dict[type[Resource], list[Resource]]:
        found: dict[type[Resource], list[Resource]] = defaultdict(list)
        for r in self.values():
            found[type(r)].append(r)
        return found

    def of(self, kind: type[R]) -> Iterator[R]:
        """All of this kind, and of those derived from it."""
        for known, those in self.kinds.items():
            if issubclass(known, kind):
                yield from those  # type: ignore[misc]


def by_kind(state: State) -> ByKind:
    return state if isinstance(state, ByKind) else ByKind(state)

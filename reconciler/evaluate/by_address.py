"""What is said of addresses, each alone, or by a prefix or a range."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Generic, TypeVar

from .routes import inside

T = TypeVar("T")


class ByAddress(Generic[T]):
    def __init__(self, said: Iterable[tuple[str, T]]):
        self.exact: dict[str, set[T]] = defaultdict(set)
        self.wide: dict[str, set[T]] = defaultdict(set)
        for addresses, what in said:
            (self.wide if "/" in addresses or "-" in addresses else self.exact)[addresses].add(what)

    def of(self, own: Iterable[str]) -> frozenset[T]:
        """All that is said of these."""
        if not self.exact and not self.wide:
            return frozenset()
        each = (self.exact.get(ip, set()) for ip in own)
        around = (what for addresses, what in self.wide.items() if any(inside(ip, addresses) for ip in own))
        return frozenset().union(*each, *around)

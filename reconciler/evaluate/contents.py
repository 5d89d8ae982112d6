"""What is in a set or a map, found by values rather than texts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..kinds.nft import Element
from .literals import Scalar, Span, span


class MapEntry(NamedTuple):
    element: Element | None  # None for what a rule says itself
    value: str


Row = tuple[tuple[Span, ...], MapEntry]


class Contents:
    """Elements whose parts are of these kinds."""

    def __init__(self, elements: Iterable[Element], kinds: Sequence[str]):
        self.exact: dict[tuple[Scalar, ...], MapEntry] = {}
        # By the first part, where that is one value: few of what has prefixes have the same.
        self.rows: dict[Scalar | None, list[Row]] = defaultdict(list)
        for element in elements:
            texts = element.item.split(" . ")
            # Somebody else's; or it is for those beyond a limit, and who begins is within it.
            if len(texts) != len(kinds) or element.limit:
                continue
            spans = tuple(span(*pair) for pair in zip(kinds, texts, strict=True))
            entry = MapEntry(element, element.value)
            if all(first == last for first, last in spans):
                self.exact[tuple(first for first, _ in spans)] = entry
            first, last = spans[0]
            self.rows[first if first == last else None].append((spans, entry))

    def find(self, values: Sequence[Scalar | Span]) -> list[MapEntry]:
        """One, but where a number is drawn."""
        drawn = any(isinstance(value, tuple) for value in values)
        if not drawn and (hit := self.exact.get(tuple(values))):  # type: ignore[arg-type]
            return [hit]
        head = values[0]
        rows = list(self.rows.values()) if isinstance(head, tuple) else [self.rows[head], self.rows[None]]
        asked = [value if isinstance(value, tuple) else (value, value) for value in values]
        return [entry for some in rows for spans, entry in some if all(map(overlap, spans, asked))]


def overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]  # type: ignore[operator]

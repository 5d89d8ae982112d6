"""Ranges in several dimensions at once, of which the kernel takes no two that overlap: an interval set of
concatenations refuses the second, or not, by which of them came first (nft_pipapo_insert)."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Interval = tuple[int, int]  # both ends inclusive
Box = tuple[Interval, ...]  # one a dimension
T = TypeVar("T")


def disjoint(boxes: Iterable[tuple[Box, T]]) -> Iterator[tuple[Box, T]]:
    """The same whole, of parts that do not overlap; of two that do, the first by its numbers stays in one."""
    near: list[Box] = []
    for box, what in sorted(boxes, key=lambda pair: pair[0]):
        near = [one for one in near if one[0][1] >= box[0][0]]  # what comes begins no earlier
        low, high = box[-1]
        rest = [box]
        for one in [one for one in near if one[-1][0] <= high and low <= one[-1][1]]:
            rest = [part for whole in rest for part in minus(whole, one)]
        near += rest
        yield from ((part, what) for part in rest)


def minus(box: Box, other: Box) -> Iterator[Box]:
    """What of the box is not in the other one."""
    if any(a[1] < b[0] or b[1] < a[0] for a, b in zip(box, other, strict=True)):
        yield box
        return
    for index, ((low, high), (first, last)) in enumerate(zip(box, other, strict=True)):
        head, tail = box[:index], box[index + 1 :]
        if low < first:
            yield (*head, (low, first - 1), *tail)
        if last < high:
            yield (*head, (last + 1, high), *tail)
        box = (*head, (max(low, first), min(high, last)), *tail)

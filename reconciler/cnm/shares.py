"""What several have between them: each an interval of the numbers that are drawn, or that clients hash to."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from ..kinds.ownership import WHOLE

Share = tuple[int, int]  # the first and the last


def shares(weights: Sequence[int]) -> Iterator[Share]:
    """One for each, as wide as its weight among all; that of who has none ends before it begins."""
    whole = sum(weights) or 1
    for first, beyond in pairwise(WHOLE * part // whole for part in accumulate(weights, initial=0)):
        yield first, beyond - 1


def part_of(share: Share) -> float:
    """How much of the whole it is."""
    first, last = share
    return (last - first + 1) / WHOLE

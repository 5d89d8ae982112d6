"""What several have between them: each an interval of the numbers that are drawn, or that clients hash to."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ..kinds.ownership import WHOLE

NEVER = 2 * WHOLE  # from here on none comes: what is there has nothing, and keeps what it had

Share = tuple[int, int]  # the first and the last


def shares(weights: Sequence[int]) -> Iterator[Share]:
    """One for each, as wide as its weight among all."""
    whole, first = sum(weights) or 1, 0
    for index, sum_ in enumerate(accumulate(weights)):
        beyond = WHOLE * sum_ // whole
        yield (first, beyond - 1) if beyond > first else (NEVER + index, NEVER + index)
        first = beyond


def width(share: Share) -> int:
    """How many numbers come to it."""
    first, last = share
    return last - first + 1 if first < NEVER else 0


def part_of(share: Share) -> float:
    """How much of the whole it is."""
    return width(share) / WHOLE

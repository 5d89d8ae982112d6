"""The numbers by which one of several is chosen, as rules and maps say them."""

import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from .ownership import SEED, WHOLE

MOST = 256  # numbers that one is drawn of where each is said; what needs more is said as intervals of WHOLE


def drawn_and_told(ip: str) -> tuple[str, str]:
    """How a rule says the number by which one of several is chosen: drawn for a connection or, behind these,
    told by its client's address; `ip` is ip or ip6."""
    return f"numgen random mod {WHOLE}", f"jhash {ip} saddr mod {WHOLE} seed {SEED} offset {WHOLE}"


def drawn_of(count: int) -> str:
    """The same, of so few that a map has each of them: those of another count are others."""
    return f"numgen random mod {count} offset {numbers(count).start}"


def numbers(count: int) -> range:
    return range(count * WHOLE, count * WHOLE + count)


@lru_cache(1024)
def parts(widths: Sequence[int]) -> Sequence[int]:
    """How many of the fewest numbers each has who has so many of WHOLE, as all have some; none where that
    takes too many."""
    ends = tuple(accumulate(widths))
    if sum(widths) != WHOLE:
        return ()
    for count in range(len(widths), MOST + 1):
        # Each is what `widths_of` makes of some number.  Most fail at the first, which is asked by itself.
        if -ends[0] * count % WHOLE < count and all(-end * count % WHOLE < count for end in ends):
            marks = (-(-end * count // WHOLE) for end in (0, *ends))
            return tuple(after - before for before, after in pairwise(marks))
    return ()


def widths_of(found: Sequence[int]) -> Sequence[int]:
    """How many of WHOLE each has, of one after the other."""
    ends = (WHOLE * end // sum(found) for end in accumulate(found, initial=0))
    return tuple(end - start for start, end in pairwise(ends))


def interval(first: int, last: int) -> str:
    """Of such numbers, in a map."""
    return f"{first:#010x}-{last:#010x}" if first < last else f"{first:#010x}"


def single(number: int) -> str:
    """In a map of numbers alone, which are compared as the processor has them, in the words of a packet."""
    return interval(swapped := as_in_packets(number), swapped)


def single_of(text: str) -> int:
    """Raises ValueError for what is none."""
    return as_in_packets(int(text, 16))


def as_in_packets(number: int) -> int:
    return int.from_bytes(number.to_bytes(4, sys.byteorder), "big")


def ends_of(text: str) -> tuple[int, int]:
    """The first and the last of such an interval; raises ValueError for what is none."""
    first, _, last = text.partition("-")
    return int(first, 16), int(last or first, 16)

"""How soon to touch again what failed or came undone: at once at first, then ever later, up to half a
minute."""

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

FIRST, MOST = 1.0, 30.0  # seconds
CALM = 60.0  # without a hit, and all is forgotten


class Streak(NamedTuple):
    hits: int
    last: float


class Pace:
    """Counts the hits of each key; the first `free` of them cost nothing, each further one doubles the
    wait."""

    def __init__(self, free: int = 0, clock: Callable[[], float] = time.monotonic):
        self._free, self._clock = free, clock
        self._streaks: dict[Hashable, Streak] = {}

    def hit(self, key: Hashable) -> float:
        """Count one more; returns how many seconds `key` is now to be left alone."""
        now = self._clock()
        before = self._streaks.get(key, Streak(0, now))
        hits = before.hits + 1 if now - before.last <= CALM else 1
        self._streaks[key] = Streak(hits, now)
        return self._wait(hits)

    def clear(self, key: Hashable) -> None:
        self._streaks.pop(key, None)

    def reset(self) -> None:
        self._streaks.clear()

    def slowed(self) -> dict[Hashable, int]:
        """The keys that are past what is free, with their hits."""
        now = self._clock()
        self._streaks = {key: s for key, s in self._streaks.items() if now - s.last <= CALM}
        return {key: s.hits for key, s in self._streaks.items() if s.hits > self._free}

    def held(self) -> dict[Hashable, float]:
        """The keys to be left alone now, with the seconds that are left."""
        now = self._clock()
        left = {key: s.last + self._wait(s.hits) - now for key, s in self._streaks.items()}
        return {key: seconds for key, seconds in left.items() if seconds > 0}

    def _wait(self, hits: int) -> float:
        excess = hits - self._free
        return min(FIRST * 2 ** min(excess - 1, 16), MOST) if excess > 0 else 0.0

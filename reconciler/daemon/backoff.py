"""How soon to touch again what failed or came undone: at once at first, then ever later,
up to half a minute."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Growth(NamedTuple):
    """Seconds: the first delay, the longest, and how long without another failure until all is forgotten."""

    first: float = 1.0
    most: float = 30.0
    calm: float = 60.0


USUAL = Growth()


class Streak(NamedTuple):
    failures: int
    last: float


class Backoff(Generic[Key]):
    """Counts the failures of each key; the first `free` of them cost nothing, each further
    one doubles the delay."""

    def __init__(self, free: int = 0, clock: Callable[[], float] = time.monotonic, growth: Growth = USUAL):
        self._free, self._clock, self._growth = free, clock, growth
        self._streaks: dict[Key, Streak] = {}

    def increase(self, key: Key) -> float:
        """Count one more; returns how many seconds `key` is now to be left alone."""
        now = self._clock()
        before = self._streaks.get(key, Streak(0, now))
        failures = before.failures + 1 if now - before.last <= self._growth.calm else 1
        self._streaks[key] = Streak(failures, now)
        return self._delay(failures)

    def forget(self, key: Key) -> None:
        self._streaks.pop(key, None)

    def reset(self) -> None:
        self._streaks.clear()

    def repeated(self) -> dict[Key, int]:
        """The keys that are past what is free, with their failures."""
        now = self._clock()
        self._streaks = {key: s for key, s in self._streaks.items() if now - s.last <= self._growth.calm}
        return {key: s.failures for key, s in self._streaks.items() if s.failures > self._free}

    def delays(self) -> dict[Key, float]:
        """The keys to be left alone now, with the seconds that are left."""
        left = {key: self.delay(key) for key in self._streaks}
        return {key: seconds for key, seconds in left.items() if seconds > 0}

    def delay(self, key: Key) -> float:
        """Seconds for which it is still to be left alone."""
        if not (streak := self._streaks.get(key)):
            return 0.0
        return max(streak.last + self._delay(streak.failures) - self._clock(), 0.0)

    def _delay(self, failures: int) -> float:
        excess = failures - self._free
        first, most, _ = self._growth
        return min(first * 2 ** min(excess - 1, 16), most) if excess > 0 else 0.0

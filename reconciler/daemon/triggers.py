"""Triggers ring, the loop listens: whatever came until all is quiet is answered at once."""

import time
from collections.abc import Callable
from threading import Condition
from typing import NamedTuple

MOST = 2.0  # seconds that ringing without a pause can put an answer off
KEPT = 10_000  # rings; beyond them only that somebody rang is remembered, so a storm costs no memory
QUIET = {
    "file": 0.15,
    "kernel": 0.02,
}  # seconds without another ring; an editor saves in several system calls
STOP = "stop"


class Ring(NamedTuple):
    """Why somebody rang: its kind (`file`, `kernel`, `sweep` ...), where, and in words."""

    kind: str
    place: str | None = None  # the sandbox to look at ("" is the host); None is everything
    words: str = ""


class Bell:
    """Any thread rings, signal handlers too; one thread listens."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._rung = Condition()  # reentrant: a signal handler may ring while this very thread listens
        self._rings: dict[Ring, None] = {}
        self._first = self._quiet = self._rest = 0.0

    def ring(self, kind: str, place: str | None = None, words: str = "") -> None:
        ring = Ring(kind, place, words) if len(self._rings) < KEPT else Ring(kind)
        with self._rung:
            now = self._clock()
            if not self._rings:
                self._first = self._quiet = now
            self._rings[ring] = None
            self._quiet = max(self._quiet, now + QUIET.get(kind, 0.0))
            self._rung.notify()

    def rest(self, seconds: float) -> None:
        """Answer nothing for a while: whoever churns the network gets half of our time at most."""
        self._rest = self._clock() + min(seconds, MOST)

    def listen(self, timeout: float) -> tuple[Ring, ...]:
        """The rings since the last time, when they have paused; none after `timeout` seconds."""
        with self._rung:
            end = self._clock() + timeout
            while (left := self._due(end) - self._clock()) > 0:
                self._rung.wait(left)
            rings, self._rings = tuple(self._rings), {}
            return rings

    def _due(self, end: float) -> float:
        if not self._rings:
            return end
        if any(ring.kind == STOP for ring in self._rings):
            return 0.0
        return max(self._rest, min(self._quiet, self._first + MOST))

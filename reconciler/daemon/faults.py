"""Revisions that end in an exception that nobody foresaw: nothing was touched, and each is tried again ever
later."""

import time
from collections.abc import Callable

from ..errors import ReconcileError, foreseen
from .backoff import Backoff


class Faults:
    """By the digest of the revision."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.backoff: Backoff[str] = Backoff(clock=clock)
        self.known: dict[str, ReconcileError] = {}

    def delays(self) -> dict[str, float]:
        return self.backoff.delays()

    def left_alone(self, digest: str) -> ReconcileError | None:
        """Why it is, for now; None where it is not."""
        return self.known[digest] if digest in self.delays() else None

    def remember(self, digest: str, fault: Exception) -> ReconcileError:
        self.backoff.increase(digest)
        kept = self.known.keys() & self.delays().keys()
        self.known = {**{key: self.known[key] for key in kept}, digest: foreseen(fault)}
        return self.known[digest]

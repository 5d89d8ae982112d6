"""What has failed, with why, and is tried again ever later: revisions that end in an exception that nobody
foresaw, and sandboxes that refuse."""

import time
from collections.abc import Callable

from ..errors import ReconcileError, foreseen
from .backoff import Backoff


class Faults:
    """By the digest of a revision, or the name of a sandbox."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.backoff: Backoff[str] = Backoff(clock=clock)
        self.known: dict[str, ReconcileError] = {}

    def delays(self) -> dict[str, float]:
        return self.backoff.delays()

    def why(self) -> dict[str, ReconcileError]:
        """Of each that is left alone for now."""
        self.known = {key: self.known[key] for key in self.delays()}
        return self.known

    def remember(self, key: str, fault: Exception) -> ReconcileError:
        self.backoff.increase(key)
        self.known[key] = error = foreseen(fault)
        return error

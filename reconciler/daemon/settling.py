"""Files that nobody says are whole: of a checkout, or of a copy, half may be still to come."""

from collections.abc import Callable

from ..change import Change
from ..core.resource import Key

TAKEN = ("namespace", "link")
SETTLING = 3.0  # seconds that new files must say the same before any of these goes


class Unsettled(Exception):
    """What is to be done waits until the files have been left alone for a while."""


class Settling:
    """How long the newest revision has said the same."""

    def __init__(self, clock: Callable[[], float]):
        self.clock, self.until = clock, 0.0
        self.waits = False  # something does, for that

    def begin(self) -> None:
        self.until = self.clock() + SETTLING

    def check(self, change: Change) -> None:
        """Raise Unsettled where new files would take something away: what is to come still is not removed."""
        self.waits = self.clock() < self.until and bool(taken(change))
        if self.waits:
            raise Unsettled

    def losers(self, change: Change) -> frozenset[str]:
        """Where what is new waits, the projects of which an older revision would take away what is there."""
        return frozenset(map(change.owner, taken(change))) if self.waits else frozenset()

    def delays(self) -> list[float]:
        """The seconds for which something still waits."""
        return [max(self.until - self.clock(), 0.0)] if self.waits else []


def taken(change: Change) -> list[Key]:
    """The sandboxes and links that go."""
    gone = (step.resource for step in change.todo if step.op == "-")
    return [r.key for r in gone if r.noun in TAKEN and not r.leftover]

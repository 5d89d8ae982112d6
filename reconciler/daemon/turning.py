"""Hours that begin and end: what is wanted then is otherwise, though nothing has moved."""

import time
from math import inf

from ..change import Change


class Turning:
    """By the clock on the wall, which people may set."""

    def __init__(self) -> None:
        self.at = inf  # the second, since 1970

    def seen(self, change: Change) -> Change:
        """What was just decided, or has been until now."""
        self.at = change.topology.turns
        return change

    @property
    def overdue(self) -> bool:
        return self.rest == 0.0

    @property
    def rest(self) -> float:
        """Seconds until then."""
        return max(self.at - time.time(), 0.0)

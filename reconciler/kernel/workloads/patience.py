"""Until the test of a container's health passes, for whoever waits for that."""

import time
from collections.abc import Callable

from .notes import JOB

PACE = 0.2  # seconds between two tests, at first


def until_passed(test: Callable[[], str], interval: float, spare: float) -> str:
    """Why the last of them failed, or "" as soon as one does not.

    They may fail for `spare` seconds, in which what they take themselves does not count: so many tests an
    interval apart would have failed as well.
    """
    began, taken, pace = time.monotonic(), 0.0, PACE
    while True:
        asked = time.monotonic()
        why = test()
        now = time.monotonic()
        taken += now - asked
        if not why or now - began - taken >= spare or now - began >= JOB:
            return why
        time.sleep(pace)
        pace = min(pace * 1.5, max(interval, PACE))

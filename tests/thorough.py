"""How many cases are tried: all in .ci/run, and one in a few where somebody waits (see unit/conftest.py)."""

import os
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE", "default") != "default"


def some(cases: Iterable[T], every: int = 5) -> list[T]:
    """One in so many; all where there is time."""
    return list(islice(cases, 0, None, 1 if THOROUGH else every))

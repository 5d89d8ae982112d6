"""Whether what a reader has seen still stands, asked again."""

import time
from collections.abc import Callable
from typing import TypeVar

from reconciler.kernel.linux import Linux

T = TypeVar("T")
UNCHANGED: frozenset[str] = frozenset()
CALM = 0.05  # seconds


def moved(linux: Linux) -> frozenset[str] | None:
    return linux.moved(linux.places_read())


def settled(look: Callable[[Linux], T], calm: float = CALM) -> tuple[Linux, T]:
    """Who has looked, and what he saw, `calm` seconds before nothing had moved."""
    deadline = time.monotonic() + 15
    while True:
        linux = Linux()
        found = look(linux)
        time.sleep(calm)
        if moved(linux) == UNCHANGED:
            return linux, found
        assert time.monotonic() < deadline, moved(linux)

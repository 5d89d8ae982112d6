"""A person at a terminal is told that work goes on, when it takes longer than one waits unasked."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

UNASKED = 1.0  # seconds before anything is said
OFTEN = 0.2  # seconds between two words
CLEAR = "\r\033[K"


class WaitingLine:
    """Called with each piece of work: one line, written over itself, and wiped at the end."""

    def __init__(self, words: str, stream: TextIO, clock: Callable[[], float] = time.monotonic):
        self.words, self.stream, self.clock = words, stream, clock
        self.began = self.told = clock()

    def __call__(self) -> None:
        now = self.clock()
        if now - self.began >= UNASKED and now - self.told >= OFTEN:
            self.write(f"{CLEAR}{self.words} {now - self.began:.0f} s")
            self.told = now

    def wipe(self) -> None:
        if self.told > self.began:
            self.write(CLEAR)

    def write(self, text: str) -> None:
        with suppress(OSError):
            self.stream.write(text)
            self.stream.flush()


@contextmanager
def line_of(words: str, *, quiet: bool) -> Iterator[Callable[[], None] | None]:
    """What to call with each piece of work; None where nobody looks on."""
    line = None if quiet or not sys.stderr.isatty() else WaitingLine(words, sys.stderr)
    try:
        yield line
    finally:
        if line:
            line.wipe()

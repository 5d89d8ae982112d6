"""Standard input, output and error, whatever the process was given for them: nothing, a full disk,
a reader who leaves."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from ..errors import Unwritten

COPIES: list[list[tuple[bool, str]]] = []


def stand() -> None:
    """All three are open: what was closed is /dev/null, else the next file that is opened
    would take its place.

    A file's name need not be in the encoding of the terminal.
    """
    while (lowest := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(lowest, True)
    os.close(lowest)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout, sys.stderr = sys.stdout or open(1, "w"), sys.stderr or open(2, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def copied() -> Iterator[list[tuple[bool, str]]]:
    """Yields what is written meanwhile: whether on standard error, and what."""
    COPIES.append(copy := list[tuple[bool, str]]())
    try:
        yield copy
    finally:
        COPIES.remove(copy)


def say_again(said: Sequence[tuple[bool, str]]) -> int:
    """What was copied; returns the exit code."""
    try:
        for on_error, text in said:
            complain(text) if on_error else tell(text, end="")
    except Unwritten as error:
        complain(f"error: {error}")
        return error.exit_code
    return 0


def tell(text: str, end: str = "\n") -> None:
    tell_all((text, end))


def tell_all(parts: Iterable[str], hint: str = "") -> None:
    """Write what was asked for; raises Unwritten with `hint`."""
    remaining = recorded(parts)
    try:
        for part in remaining:
            sys.stdout.write(part)
        sys.stdout.flush()
    except OSError as error:
        lost(error, hint)
        for _ in remaining if COPIES else ():  # a copy is whole, whoever has left
            pass


def recorded(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        for copy in COPIES:
            copy.append((False, part))
        yield part


def lost(error: OSError, hint: str) -> None:
    """What is left goes nowhere, or Python would try it again at its end.

    Whoever has closed the other end has read enough.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        raise Unwritten(f"standard output cannot be written: {error.strerror}", hint) from None


def complain(text: str) -> None:
    """On standard error, where that can be written: a log that is lost stops nothing."""
    for copy in COPIES:
        copy.append((True, text))
    with suppress(OSError):
        print(text, file=sys.stderr)

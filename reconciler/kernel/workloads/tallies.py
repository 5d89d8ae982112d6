"""The health of containers whose engine does not count: how often their test has failed, each in a file."""

import errno
import json
import os
import time
from collections.abc import Mapping, Sequence

from ... import disk
from ..netns import folder
from .commands import RUN, remove, said_by

FAILURES = f"{RUN}/failures"
PACE = 0.2  # seconds between two tests of one that others wait for, at first


def words_of(notes: Mapping[str, str]) -> list[str]:
    """Of its test; none where it has none."""
    return [*map(str, json.loads(notes.get("health", "[]")))]


def interval(notes: Mapping[str, str]) -> float:
    return float(notes.get("interval", "0")) if words_of(notes) else 0.0


def passes(name: str, command: Sequence[str]) -> bool:
    """Runs the test, and counts."""
    try:
        said_by(command, apart=True)
    except OSError:
        write(name, failures(name) + 1)
        return False
    write(name, 0)
    return True


def health(name: str, notes: Mapping[str, str]) -> str:
    """It is as healthy as it was until its test has failed too often."""
    if not words_of(notes):
        return ""
    if (count := failures(name)) < 0:
        return "starting"
    return "unhealthy" if count >= int(notes.get("retries", "3")) else "healthy"


def failures(name: str) -> int:
    """In a row; below 0 before the first test."""
    try:
        return int(disk.read(f"{FAILURES}/{name}"))
    except (OSError, ValueError):
        return -1


def write(name: str, count: int) -> None:
    for path in (os.path.dirname(FAILURES), FAILURES):
        folder(path)
    disk.write(f"{FAILURES}/{name}", b"%d" % max(count, 0))


def forget(name: str) -> None:
    remove(f"{FAILURES}/{name}")


def until_healthy(name: str, notes: Mapping[str, str], command: Sequence[str]) -> None:
    """Raises OSError where the test fails as often as it may, each time an interval later."""
    if not words_of(notes):
        raise OSError(errno.EIO, f"{name} has no healthcheck")
    ends, pace = time.monotonic() + int(notes.get("retries", "3")) * interval(notes), PACE
    while not passes(name, command):
        if time.monotonic() > ends:
            raise OSError(errno.EIO, f"{name} is not healthy")
        time.sleep(pace)
        pace = min(pace * 1.5, max(interval(notes), PACE))

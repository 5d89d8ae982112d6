"""The health of containers whose engine does not count: how often their test has failed, each in a file."""

import errno
import json
import os
from collections.abc import Mapping, Sequence

from ... import disk
from ...kinds.workload import RUN, Workload
from ..netns import folder
from .commands import remove, said_by
from .patience import until_passed

FAILURES = f"{RUN}/failures"


def words_of(notes: Mapping[str, str]) -> list[str]:
    """Of its test; none where it has none."""
    return [*map(str, json.loads(notes.get("health", "[]")))]


def passes(one: Workload, command: Sequence[str]) -> bool:
    """Runs the test, and counts, unless another process has come meanwhile, of which nothing is known.
    Who is root in there may let it run for ever."""
    before = failures(one.name)
    try:
        said_by(command, apart=True, patience=one.timeout)
        count = 0
    except OSError:
        count = max(before, 0) + 1
    if before < 0 or failures(one.name) >= 0:
        write(one.name, count)
    return not count


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
    disk.write(f"{FAILURES}/{name}", b"%d" % count)


def forget(name: str) -> None:
    remove(f"{FAILURES}/{name}")


def until_healthy(one: Workload, notes: Mapping[str, str], command: Sequence[str]) -> None:
    """Raises OSError where the test fails as often as it may, each time an interval later."""
    if not words_of(notes):
        raise OSError(errno.EIO, f"{one.name} has no healthcheck")
    retries, start = int(notes.get("retries", "3")), float(notes.get("start", "0"))

    def failure() -> str:
        return "" if passes(one, command) else f"{one.name} is not healthy"

    if why := until_passed(failure, one.interval, start + retries * one.interval):
        raise OSError(errno.EIO, why)

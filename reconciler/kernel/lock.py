"""One apply at a time on a host: an flock that dies with its holder, so there is no lease to outlive."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import Locked, NotPermitted, ReconcileError

RUN = "/run/reconciler"
LOCK = f"{RUN}/lock"
# Read-only, since that is enough for flock(2), on a file system that was made so too; a pipe does not block.
FLAGS = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
UNTOLD = -1  # no time that a file has


@contextmanager
def lock(
    wait: float = 0.0, run: str = RUN, parting: Callable[[int], object] = lambda _: None
) -> Iterator[int]:
    """Hold the host's lock; raise Locked when another has it for longer than `wait` seconds.

    Yields what `latest` returned until now: it changes when a holder comes, and when it goes; `parting` is
    given what it returns from then on.
    """
    deadline = time.monotonic() + wait
    while (fd := attempt(run)) is None:
        if time.monotonic() >= deadline:
            raise Locked("another apply is running on this host", "wait for it with --wait SECONDS")
        time.sleep(0.05)
    try:
        yield taken(fd)
    finally:
        known = taken(fd) != UNTOLD
        parting(os.fstat(fd).st_mtime_ns if known else UNTOLD)
        os.close(fd)


def taken(fd: int) -> int:
    """Tell everybody, by a time that nobody has told before: Linux' own stands still for 4 ms, in which
    others may come and go.  Where it cannot be told, nobody can know whether we were the last either."""
    before = os.fstat(fd).st_mtime_ns
    now = max(time.time_ns(), before + 1)
    try:
        os.utime(fd, ns=(now, now))
    except OSError:  # a read-only file system
        return UNTOLD
    return before if os.fstat(fd).st_mtime_ns > before else UNTOLD


def attempt(run: str) -> int | None:
    """The locked descriptor, or None; the file may have been replaced between opening and locking it."""
    path = f"{run}/lock"
    try:
        os.makedirs(run, mode=0o700, exist_ok=True)
        fd = os.open(path, FLAGS, 0o600)
    except PermissionError as error:
        raise NotPermitted(f"cannot take the lock {path}: {error.strerror}", "run as root") from None
    except OSError as error:
        hint = "see what stands there"
        raise ReconcileError(f"cannot take the lock {path}: {error.strerror}", hint) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(fd).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def is_held(run: str) -> bool:
    """Whether somebody has this lock now."""
    if (fd := attempt(run)) is not None:
        os.close(fd)
    return fd is None


def latest(run: str = RUN) -> int:
    """When somebody last took or left the lock, in a clock of its own; 0 for never."""
    try:
        return os.stat(f"{run}/lock").st_mtime_ns
    except OSError:
        return 0

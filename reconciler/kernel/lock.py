"""One apply at a time on a host: an flock that dies with its holder, so there is no lease to outlive.

Whoever removes its file takes the lock from nobody: a byte is locked as well of what cannot be removed.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from zlib import crc32

from ..errors import Locked, NotPermitted, ReconcileError

RUN = "/run/reconciler"
LOCK = f"{RUN}/lock"
# Read-only, since that is enough for flock(2), on a file system that was made so too; a pipe does not block.
FLAGS = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
UNTOLD = -1  # no time that a file has
# Each network namespace has its own, and root alone may open it: nobody else can lock it either.
ANCHOR = "/proc/sys/net/ipv4/route/flush"
FLOCK = "hhqqi0q"  # struct flock; its owner is the open file, as of an flock, and not the process


class HeldLock(NamedTuple):
    """Descriptors of a lock."""

    file: int
    anchor: int

    def close(self) -> None:
        for fd in self:
            if fd >= 0:
                os.close(fd)


@contextmanager
def lock(
    wait: float = 0.0, run: str = RUN, parting: Callable[[int], object] = lambda _: None
) -> Iterator[int]:
    """Hold the host's lock; raise Locked when another has it for longer than `wait` seconds.

    Yields what `latest` returned until now: it changes when a holder comes, and when it goes; `parting` is
    given what it returns from then on.
    """
    deadline = time.monotonic() + wait
    while (held := attempt(run)) is None:
        if time.monotonic() >= deadline:
            raise Locked("another apply is running on this host", "wait for it with --wait SECONDS")
        time.sleep(0.05)
    try:
        yield taken(held.file)
    finally:
        known = taken(held.file) != UNTOLD
        parting(os.fstat(held.file).st_mtime_ns if known else UNTOLD)
        held.close()


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


def attempt(run: str) -> HeldLock | None:
    """The lock, or None; the file may have been replaced between opening and locking it."""
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
        if os.stat(path).st_ino == os.fstat(fd).st_ino and (fd_of_anchor := anchored(run)) is not None:
            return HeldLock(fd, fd_of_anchor)
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def anchored(run: str) -> int | None:
    """The descriptor of the anchor, with the byte locked that is of this lock; None where another has it, -1
    where there is none to be had."""
    try:
        fd = os.open(ANCHOR, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        byte = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, crc32(run.encode()), 1, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, byte)
    except OSError as error:
        os.close(fd)
        return None if isinstance(error, BlockingIOError) else -1
    return fd


def is_held(run: str) -> bool:
    """Whether somebody has this lock now."""
    if (held := attempt(run)) is not None:
        held.close()
    return held is None


def folder_mode(run: str = RUN) -> int:
    """With which it stands; root alone sees what is in one that is yet to be made."""
    try:
        return os.stat(run).st_mode & 0o7777
    except OSError:
        return 0o700


def keep_folder(mode: int, run: str = RUN) -> None:
    """Make it anew where somebody has removed it: files are written there."""
    if not os.path.isdir(run):
        os.makedirs(run, mode=0o700, exist_ok=True)
        os.chmod(run, mode)


def latest(run: str = RUN) -> int:
    """When somebody last took or left the lock, in a clock of its own; 0 for never."""
    try:
        return os.stat(f"{run}/lock").st_mtime_ns
    except OSError:
        return 0

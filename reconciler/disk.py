"""Small files, read and written whole: never more of one than it may hold, never through what is no file.

Whoever may write where we read could leave a pipe there, which blocks, a device, which never ends, or more
than fits into memory; whoever may write where we write, a link to somewhere else.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SMALL = 1 << 20  # bytes: what tells of something
LARGE = 256 << 20  # a manifest or a host as JSON; 1000 containers take 5 MiB


@contextmanager
def opened(
    path: str | os.PathLike[str], flags: int, mode: int = 0o666
) -> Iterator[tuple[int, os.stat_result]]:
    """A descriptor, and what it is of; opening waits for nobody."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    try:
        yield fd, os.fstat(fd)
    finally:
        os.close(fd)


def read(path: str | os.PathLike[str], most: int = SMALL) -> bytes:
    """What a regular file holds; raises OSError, for one that is larger too."""
    with opened(path, os.O_RDONLY) as (fd, found):
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "no regular file", os.fspath(path))
        return bounded(fd, most, found.st_size)


def given(path: str, most: int = LARGE) -> bytes:
    """What a file holds that a person names: a pipe that somebody writes to is one too."""
    with opened(path, os.O_RDONLY) as (fd, found):
        os.set_blocking(fd, True)
        return bounded(fd, most, found.st_size)


def give(path: str, parts: Iterable[bytes], mode: int = 0o666) -> None:
    """Into a file that a person names, of this mode where it is new: a device or a pipe that somebody reads
    is one too."""
    with opened(path, os.O_WRONLY | os.O_CREAT, mode) as (fd, found):
        os.set_blocking(fd, True)
        if stat.S_ISREG(found.st_mode):
            os.ftruncate(fd, 0)
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.writelines(parts)


def bounded(fd: int, most: int, size: int) -> bytes:
    """Files of /proc and devices tell no size."""
    if size <= most:
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(most + 1)
        if len(data) <= most:
            return data
    raise OSError(errno.EFBIG, f"larger than {most >> 10} KiB")


def parsed(data: bytes | str) -> Any:
    """JSON; raises ValueError for what is none, or nested too deep to be of ours."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None


def begun(entry: str) -> str:
    """The name of the file that this one is to be, whose writer was killed; "" of all others."""
    name, _, pid = entry.rpartition(".")
    return name[1:] if name.startswith(".") and pid.isdecimal() else ""


def write(path: str | os.PathLike[str], data: bytes, mode: int = 0o600, *, durable: bool = False) -> None:
    """Whole or not at all, over whatever file, link or pipe stands there; `durable` outlives a power cut."""
    folder, name = os.path.split(os.fspath(path))
    fresh = os.path.join(folder, f".{name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        os.unlink(fresh)  # of a process that died
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)  # whatever the umask that a service runs with
            file.write(data)
            file.flush()
            if durable:
                os.fsync(fd)
        os.rename(fresh, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(fresh)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None

"""Files and folders as a plan reads them, each answer noted."""

import errno
import os
import stat
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from typing import NamedTuple

from .transcript import EVERYWHERE, note

MOST = 64 << 20  # bytes: nothing of ours is as large, so what is was not written by us
BELOW_PROC = 4096  # bytes of a file that tells no size
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def content(path: str, place: str | None = None, *, follow: bool = True) -> bytes:
    """What a regular file holds; raises OSError, with EINVAL for what is none.  A pipe keeps nobody waiting.

    os.open, since open() costs ten times as much and there are two files a sandbox.
    """
    how = "content" if follow else "content_itself"
    try:
        found = whole(path, FLAGS if follow else FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        note(how, (path,), error.errno or errno.EIO, place)
        raise
    note(how, (path,), [found], place)
    return found


def whole(path: str, flags: int) -> bytes:
    fd = os.open(path, flags)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "no regular file", path)
        size = min(found.st_size, MOST)
        said = os.read(fd, size + BELOW_PROC)
        while len(said) < size and (more := os.read(fd, size - len(said))):  # a file of another machine's
            said += more
        return said
    finally:
        os.close(fd)


def listing(folder: str, place: str) -> list[str]:
    """What is in a folder, in order; nothing where there is none."""
    found = entries(folder)
    note("listing", (folder,), [os.fsencode("/".join(found))], place)
    return found


def entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def nobodys(folder: str, names: Iterable[str]) -> list[str]:
    """What in it is called as no namespace is: whoever comes and goes with his own changes nothing here."""
    found = sorted({*entries(folder)}.difference(names))
    note("nobodys", (folder,), [os.fsencode("/".join(found))], EVERYWHERE)
    return found


def beneath(folder: str, place: str, but: Set[str] = frozenset()) -> dict[str, bytes]:
    """What the files in the folders of a folder hold, by their paths in it, but for files of these names.
    One answer tells of all, so that of a file that has gone none is kept; of some nothing is noted, and who
    reads these asks nobody later what has moved."""
    found: dict[str, bytes] = {}
    for path in (f"{one}/{name}" for one in entries(folder) for name in entries(f"{folder}/{one}")):
        with suppress(OSError):
            if path.partition("/")[2] not in but:
                found[path] = whole(f"{folder}/{path}", FLAGS | os.O_NOFOLLOW)
    if not but:
        note("beneath", (folder,), answer(found), place)
    return found


def answer(found: Mapping[str, bytes]) -> list[bytes]:
    """As it is noted: each path, and what its file holds."""
    return [part for path, text in found.items() for part in (os.fsencode(path), text)]


def listing_within(folder: str, name: str, place: str) -> list[str]:
    """Of a folder in one that few hosts have: where there is none, that need not be asked of each place."""
    return listing(f"{folder}/{name}", place) if exists(folder) else []


def exists(path: str) -> bool:
    found = os.path.exists(path)
    note("exists", (path,), [b"%d" % found], EVERYWHERE)
    return found


def stamp(path: str) -> bytes:
    """What changes whenever a file does; raises OSError where there is none."""
    try:
        s = os.stat(path)
    except OSError as error:
        note("stamp", (path,), error.errno or errno.EIO, EVERYWHERE)
        raise
    found = repr((s.st_mode, s.st_uid, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)).encode()
    note("stamp", (path,), [found], EVERYWHERE)
    return found


class ProcessState(NamedTuple):
    """What /proc tells of one."""

    stopped: bool
    namespace: int  # the inode of its network namespace
    command: bytes  # its words, each with a zero behind it

    @property
    def words(self) -> list[str]:
        return os.fsdecode(self.command).split("\0")[:-1]

    @property
    def answer(self) -> bytes:
        return b"%d %d " % (self.stopped, self.namespace) + self.command


def workload(place: str, found: object) -> None:
    """What an engine has at this place: all that it says of one, or None."""
    note("workload", (place,), [repr(found).encode()], place)


def process(pid: int, place: str) -> ProcessState:
    """Raises OSError where it has ended."""
    try:
        state = whole(f"/proc/{pid}/stat", FLAGS).rpartition(b")")[2].split()[0]
        namespace = os.stat(f"/proc/{pid}/ns/net").st_ino
        words = whole(f"/proc/{pid}/cmdline", FLAGS)
    except OSError as error:
        note("process", (pid,), error.errno or errno.EIO, place)
        raise
    found = ProcessState(state in (b"T", b"t"), namespace, words)
    note("process", (pid,), [found.answer], place)
    return found

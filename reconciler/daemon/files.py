"""Files fire through watchdog; what it is blind to is why every directory on the way is
watched, and by inode.

A watch follows the inode, not the name: a directory that was renamed away, deleted and made anew, or
reached through a symlink that now leads elsewhere goes on being watched where nobody looks.  So the whole
chain of directories that leads to a PATH is watched too, and all of it is armed again when any (device,
inode) in it has changed."""

import logging
import os
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from ..safety.git import writing
from .triggers import NAMES, Triggers

CHANGES = {"created", "modified", "deleted", "moved", "closed"}  # our own reading fires nothing
MOVES = {"created", "deleted", "moved"}
IGNORED = ".git"  # where `git status` writes; what it means for the work tree fires there
LINKS = 40  # MAXSYMLINKS of Linux
RETRY = 60.0  # seconds until what could not be watched is tried again
PATIENCE = 10.0  # seconds: who writes on and on must not stop everything

T = TypeVar("T")


class Waypoint(NamedTuple):
    """A directory on the way and the entry of it that leads on; "" is everything in it and below."""

    directory: str
    entry: str


def way(path: str) -> Iterator[Waypoint]:
    """Every step from the root to `path`, through its symlinks; it ends where something is missing."""
    todo, here, links = [part for part in os.path.abspath(path).split("/") if part], "/", 0
    while todo:
        name, todo = todo[0], todo[1:]
        if name == "..":
            here = os.path.dirname(here)
            continue
        yield Waypoint(here, name)
        ahead = os.path.join(here, name)
        try:
            target = os.readlink(ahead)
        except OSError:
            here = ahead
            continue
        if (links := links + 1) > LINKS:
            return
        here = "/" if target.startswith("/") else here
        todo = [part for part in target.split("/") if part not in ("", ".")] + todo
    if os.path.isdir(here):
        yield Waypoint(here, "")


def ways(paths: Iterable[str]) -> dict[str, set[str]]:
    """The directories to watch, with the entries that matter; links that stand in a tree
    have ways of their own."""
    found: dict[str, set[str]] = {}
    todo, seen = list(map(os.path.abspath, paths)), set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for step in way(path):
            if os.path.isdir(step.directory):
                found.setdefault(step.directory, set()).add(step.entry)
            if not step.entry:
                links = (item.path for item in entries(step.directory) if item.is_symlink())
                todo += (link for link in links if not os.path.isdir(link))  # nor does anybody read in there
    return found


def entries(tree: str) -> Iterator[os.DirEntry[str]]:
    """Everything below a directory, without what is git's; paths end at PATH_MAX, and calls sooner."""
    todo = [tree]
    while todo:
        try:
            with os.scandir(todo.pop()) as found:
                items = [item for item in found if item.name != IGNORED]
        except OSError:
            continue
        yield from items
        todo += (item.path for item in items if item.is_dir(follow_symlinks=False))


def signature(paths: Iterable[str]) -> tuple[object, ...]:
    """What changes whenever a file below `paths` does: equal before and after reading, and
    the reading was whole."""
    return tuple(
        stamp(file) for path in paths for file in sorted({path, *(item.path for item in entries(path))})
    )


def stamp(file: str) -> tuple[object, ...]:
    try:
        s = os.stat(file)
    except OSError as error:
        return file, error.errno
    if stat.S_ISDIR(s.st_mode):
        return file, s.st_dev, s.st_ino
    return file, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


class Entries(FileSystemEventHandler):
    """Fires for some entries of one directory; for "" of it, for everything below."""

    def __init__(self, fire: Callable[[str, object], None], directory: str, names: set[str]):
        self.fire, self.directory, self.names = fire, directory, names

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in CHANGES:
            return
        for path in filter(None, (event.src_path, getattr(event, "dest_path", ""))):
            first, *rest = os.path.relpath(os.fsdecode(path), self.directory).split("/")
            below = "" in self.names and IGNORED not in (first, *rest)
            # A folder of git's alone may be on the way to where it logs what it checks out.
            itself = first != IGNORED or (not rest and event.event_type in MOVES)
            if below or (first in self.names and itself):
                self.fire(os.fsdecode(path), event.is_directory and event.event_type in MOVES)
                return


class Files:
    """Watches `paths`, and `names`, which names follow from; `polling` says why events cannot be relied on,
    and then somebody has to look now and then."""

    def __init__(self, triggers: Triggers, paths: Sequence[str], names: Sequence[str] = ()):
        self.triggers, self.paths, self.names, self.polling = triggers, list(paths), names, ""
        self._lock, self._again = Lock(), 0.0
        self._armed: tuple[tuple[str, int, int], ...] = ()
        self._observer: BaseObserver | None = None
        # An overflow is no news: those it lost came in a crowd; nor is what comes while a watch is set anew.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module="watchdog")  # nor is a directory that it found twice

    def arm(self) -> bool:
        """Watch what the paths lead to now; true where that differs from what was watched."""
        with self._lock:
            wanted = {"file": ways(self.paths), NAMES: ways(self.names)}
            looked_at = {t for found in wanted.values() for d in found for t in watched_with(d, found[d])}
            identity = tuple(sorted((directory, *inode(directory)) for directory in looked_at))
            again = bool(self.polling) and time.monotonic() > self._again
            if identity == self._armed and not again:
                return False
            self._armed = identity
            self._disarm()
            self._watch(wanted, len({row[1:] for row in identity}))
            return True

    def forget(self) -> None:
        """Watch all anew with the next `arm`."""
        self._armed = ()

    def _fire(self, kind: str, path: str, stale: object) -> None:
        if stale:
            self._armed = ()  # a directory that was made anew may well have the inode of the one before
        self.triggers.fire(kind, words=path)

    def _watch(self, wanted: dict[str, dict[str, set[str]]], inodes: int) -> None:
        self.polling, self._again = "", time.monotonic() + RETRY
        try:
            self._observer = observer = Observer()
            observer.start()
            for kind, directories in wanted.items():
                for directory, names in directories.items():
                    entries = Entries(partial(self._fire, kind), directory, names)
                    observer.schedule(entries, directory, recursive="" in names)
        except FileNotFoundError:
            self._armed = ()  # it went meanwhile: its parent fires, or the next look finds the change
        except (OSError, RuntimeError) as error:  # no instance, descriptor, watch or thread is left
            self.polling = f"inotify: {getattr(error, 'strerror', None) or error}"
        else:
            # Watchdog is silent about directories below that it could not watch.
            if watched_inodes() < inodes:
                self.polling = "inotify: fs.inotify.max_user_watches is reached"

    def _disarm(self) -> None:
        if self._observer and self._observer.is_alive():
            self._observer.stop()
            self._observer.join()
        self._observer = None

    def close(self) -> None:
        with self._lock:
            self._disarm()


def watched_with(directory: str, names: set[str]) -> list[str]:
    return trees(directory) if "" in names else [directory]


def trees(directory: str) -> list[str]:
    return [directory, *(item.path for item in entries(directory) if item.is_dir(follow_symlinks=False))]


def inode(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def watched_inodes() -> int:
    """How many inodes this process watches, as the kernel tells."""
    count = 0
    for fd in os.listdir("/proc/self/fdinfo"):
        try:
            count += Path(f"/proc/self/fdinfo/{fd}").read_text().count("inotify wd:")
        except OSError:
            continue
    return count


def read_steadily(paths: Callable[[], Iterable[str]], read: Callable[[], T]) -> tuple[object, T] | None:
    """What `read` returns of files that did not move meanwhile, with their signature; after
    ten seconds, anyhow.  None while git is writing them."""
    deadline = time.monotonic() + PATIENCE
    while not writing(paths()):
        before = signature(paths())
        result = read()
        steady = signature(paths()) == before and not writing(paths())
        if steady or time.monotonic() > deadline:
            return before, result
        time.sleep(0.05)
    return None

"""Whose sandbox a name in /run/netns is: written in the file that the namespace is mounted over.

Nobody sees that file while the mount stands, least of all who is root in the sandbox; it goes with the name,
and no name can be without it.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..kinds.ownership import alias, owner
from . import netns

AT_FDCWD, CLONE = -100, 1  # linux/fcntl.h, OPEN_TREE_CLONE
READ, WRITE = os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_TRUNC
MOST = 512  # bytes; a record is a line


def record(name: str, project: str, namespace: str) -> str:
    """Names the namespace as well, by the path that leads to it: another may come to be mounted there."""
    return f"{alias(project, name)} {os.stat(namespace).st_ino}\n"


def publish(name: str, project: str) -> None:
    """Give the thread's new namespace its name, which is ours from the start."""
    netns.publish(name, record(name, project, netns.OWN))


def write(name: str, project: str) -> None:
    """A name that stands already is ours, and of this project, from here on."""
    with covered() as beneath, opened(name, WRITE, beneath) as fd:
        os.write(fd, record(name, project, netns.path(name)).encode())


def read(names: Iterable[str]) -> dict[str, str]:
    """The project of each of these names that bears a record of the namespace it leads to, "" of others."""
    with covered() as beneath:
        return {name: project(name, beneath) for name in names}


def project(name: str, beneath: int) -> str:
    with suppress(OSError):  # gone since it was listed, or no file at all
        with opened(name, READ, beneath) as fd:
            text = os.read(fd, MOST).decode(errors="replace")
        found = owner(text)
        return found if found and text == record(name, found, netns.path(name)) else ""
    return ""


@contextmanager
def opened(name: str, flags: int, beneath: int) -> Iterator[int]:
    fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=beneath)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def covered() -> Iterator[int]:
    """A descriptor of /run/netns without what is mounted in it."""
    fd: int = netns.libc.open_tree(AT_FDCWD, netns.RUN.encode(), CLONE | os.O_CLOEXEC)
    netns.checked(fd)
    try:
        yield fd
    finally:
        os.close(fd)

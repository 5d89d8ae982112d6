"""/run/netns without what is mounted in it: files that nobody sees while the mounts stand."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import netns

AT_FDCWD, CLONE = -100, 1  # linux/fcntl.h, OPEN_TREE_CLONE
READ, WRITE = os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_TRUNC
MOST = 512  # bytes; a record is a line


def answer(name: str, beneath: int) -> list[bytes]:
    """The record of a name, and the number of the namespace that it leads to."""
    with opened(name, READ, beneath) as fd:
        return [os.read(fd, MOST), b"%d" % os.stat(netns.path(name)).st_ino]


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

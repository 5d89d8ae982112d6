"""Namespaces that no name leads to, by a process that lives there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from . import netns, resolvers
from .processes import command_of, folders, name_of


class Process(NamedTuple):
    """One that lives in a namespace."""

    pid: int
    name: str


def processes(names: list[str]) -> Iterator[Process]:
    """The first of each namespace that none of these names leads to, nor is the thread's own."""
    known = {os.stat(netns.OWN).st_ino}
    for name in names:
        with suppress(OSError):
            known.add(os.stat(netns.path(name)).st_ino)
    for folder in folders():
        with suppress(OSError):  # it has ended, or is a thread of the kernel
            number = os.stat(folder / "ns/net").st_ino
            if number not in known and not is_ours(int(folder.name)):
                known.add(number)
                yield Process(int(folder.name), name_of(folder))


def is_ours(pid: int) -> bool:
    """Whether it answers for names in a sandbox, and ends with that."""
    return bool(resolvers.file_of(command_of(pid)))


@contextmanager
def entered(pid: int) -> Iterator[int]:
    """In the namespace of a process; yields a descriptor of the one that the thread comes from."""
    with netns.kept() as home:
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            netns.checked(netns.libc.setns(fd, netns.NEWNET))
        finally:
            os.close(fd)
        yield home

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
    """The first of each namespace that none of these names leads to, nor is the thread's own; one of ours,
    that answers for names there, only where nobody else lives."""
    known = {os.stat(netns.OWN).st_ino}
    for name in names:
        with suppress(OSError):
            known.add(os.stat(netns.path(name)).st_ino)
    found: dict[int, Process] = {}
    for folder in folders():
        with suppress(OSError):  # it has ended, or is a thread of the kernel
            number = os.stat(folder / "ns/net").st_ino
            if number not in known and (number not in found or is_ours(found[number].pid)):
                found[number] = Process(int(folder.name), name_of(folder))
    yield from found.values()


def is_ours(pid: int) -> bool:
    with suppress(OSError):
        return bool(resolvers.file_of(command_of(pid)))
    return False


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

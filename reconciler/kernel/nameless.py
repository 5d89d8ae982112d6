"""Namespaces that no name leads to, by a process that lives there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from . import netns


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
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # it has ended, or is a thread of the kernel
            number = os.stat(folder / "ns/net").st_ino
            if number not in known:
                known.add(number)
                said = (folder / "comm").read_text(errors="replace")
                yield Process(int(folder.name), "".join(filter(str.isprintable, said)))


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

"""Whose sandbox a name in /run/netns is: written in the file that the namespace is mounted over.

Nobody sees that file while the mount stands, least of all who is root in the sandbox; it goes with the name,
and no name can be without it.
"""

import errno
import os
from collections.abc import Iterable
from typing import NamedTuple

from ..kinds.ownership import alias, owner
from . import netns
from .covered import WRITE, answer, covered, opened
from .transcript import note


class NameRecord(NamedTuple):
    """Of no project where the name bears none of the namespace it leads to."""

    project: str = ""
    attached: str = ""  # to whose namespace, where it is not ours


def record(name: str, told: NameRecord, namespace: str) -> str:
    """Names the namespace as well, by the path that leads to it: another may come to be mounted there."""
    return line(name, told, os.stat(namespace).st_ino)


def line(name: str, told: NameRecord, inode: int) -> str:
    return " ".join(filter(None, (alias(told.project, name), str(inode), told.attached))) + "\n"


def publish(name: str, told: NameRecord) -> None:
    """Give the thread's namespace its name, which is ours from the start."""
    netns.publish(name, record(name, told, netns.OWN))


def write(name: str, told: NameRecord) -> None:
    """A name that stands already is ours, and of this project, from here on."""
    with covered() as beneath, opened(name, WRITE, beneath) as fd:
        os.write(fd, record(name, told, netns.path(name)).encode())


def read(names: Iterable[str]) -> dict[str, NameRecord]:
    with covered() as beneath:
        return {name: read_one(name, beneath) for name in names}


def read_one(name: str, beneath: int) -> NameRecord:
    try:
        text, inode = found = answer(name, beneath)
    except OSError as error:  # gone since it was listed, or no file at all
        note("record", (name,), error.errno or errno.EIO, name)
        return NameRecord()
    note("record", (name,), found, name)
    said = text.decode(errors="replace")
    told = NameRecord(owner(said), " ".join(said.split()[2:]))
    return told if told.project and said == line(name, told, int(inode)) else NameRecord()

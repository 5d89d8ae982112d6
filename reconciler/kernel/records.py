"""Whose sandbox a name in /run/netns is: written in the file that the namespace is mounted over.

Nobody sees that file while the mount stands, least of all who is root in the sandbox; it goes with the name,
and no name can be without it.
"""

import errno
import os
from collections.abc import Iterable

from ..kinds.ownership import alias, owner
from . import netns
from .covered import WRITE, answer, covered, opened
from .transcript import note


def record(name: str, project: str, namespace: str) -> str:
    """Names the namespace as well, by the path that leads to it: another may come to be mounted there."""
    return line(name, project, os.stat(namespace).st_ino)


def line(name: str, project: str, inode: int) -> str:
    return f"{alias(project, name)} {inode}\n"


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
    try:
        text, inode = found = answer(name, beneath)
    except OSError as error:  # gone since it was listed, or no file at all
        note("record", (name,), error.errno or errno.EIO, name)
        return ""
    note("record", (name,), found, name)
    said = text.decode(errors="replace")
    return of if (of := owner(said)) and said == line(name, of, int(inode)) else ""

"""The small files of a sandbox: written by rename, ours by their first line."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from pathlib import Path

from .. import disk
from ..errors import Foreign
from ..kinds.file import NAMES, File, Orphan
from ..kinds.ownership import FILE_MARK
from . import looking, netns
from .transcript import HOST_PLACE

FOLDER = "/etc/netns"


def of(ns: str) -> Iterator[File]:
    """Those of ours in the sandbox's folder."""
    for entry in looking.listing(f"{FOLDER}/{ns}", ns):
        path = f"{FOLDER}/{ns}/{entry}"
        content = read(path, ns)
        if content is not None and (content.startswith(FILE_MARK) or is_begun(path, content)):
            yield File(ns=ns, path=path, content=content)


def is_begun(path: str, content: str) -> bool:
    """Whether somebody was killed who was about to write one of ours."""
    ours = disk.begun(os.path.basename(path)) in NAMES and not content
    return ours and stat.S_ISREG(os.lstat(path).st_mode)


def orphans(names: Sequence[str], places: Set[str] | None) -> Iterator[Orphan]:
    """Those of ours in the folders of no namespace, as these names tell: of all such, or of places."""
    strange = set(places or ()).difference((HOST_PLACE, *names))
    for ns in looking.nobodys(FOLDER, names) if places is None else sorted(strange):
        with suppress(PermissionError):  # other people's
            yield from (Orphan(ns=ns, path=file.path, content=file.content) for file in of(ns))


def read(path: str, place: str = "") -> str | None:
    """None where nothing stands, "" for what is no file: a link, a directory, a pipe."""
    try:
        return looking.content(path, place, follow=False).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EINVAL):  # a link, a socket, a directory or a pipe
            return ""
        raise


def write(file: File) -> None:
    home = os.path.dirname(file.path)
    if not os.path.isdir(home):
        netns.folder(FOLDER)
        netns.folder(home)
    replaced(file.path, file.content)


def replaced(name: str, content: str, mode: int = 0o644) -> None:
    disk.write(name, content.encode(), mode)  # as a rule, who is not root must resolve names too


def refuse_foreign(file: File) -> None:
    content = read(file.path, file.ns)
    if content is not None and not content.startswith(FILE_MARK):
        raise Foreign(f"{file.path} exists and is not ours", "move it away", file.where)


def remove(file: File) -> None:
    path = Path(file.path)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody keeps files of their own beside ours
        path.parent.rmdir()

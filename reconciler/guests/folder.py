"""Where guests stand until the next boot, as their namespaces do: a file each, root's alone."""

import os
from collections.abc import Iterator
from contextlib import suppress

from .. import disk
from ..errors import ReconcileError
from ..kernel.lock import RUN
from .guest import Guest, guest, manifest

FOLDER = f"{RUN}/guests"


def path(one: Guest) -> str:
    return f"{FOLDER}/{one.sandbox}.yaml"


def put(one: Guest) -> None:
    """Who is on no network any more has gone.  Raises where another one has its name."""
    if (other := read(path(one))) and other.id != one.id:
        raise ReconcileError(f"{one.sandbox} is another container, {other.id}", "give it another id")
    if one.ends:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        disk.write(path(one), manifest(one).encode())
    else:
        with suppress(FileNotFoundError):
            os.unlink(path(one))


def known(one: Guest) -> Guest | None:
    """As it stands, whatever has been told of it now."""
    found = read(path(one))
    return found if found and found.id == one.id else None


def named(sandbox: str) -> Guest | None:
    return read(f"{FOLDER}/{sandbox}.yaml")


def read(file: str) -> Guest | None:
    """None where there is none, or what is none of ours."""
    try:
        return guest(disk.read(file).decode())
    except (OSError, ValueError):
        return None


def guests(runtime: str = "") -> Iterator[Guest]:
    """Of this runtime, or of all."""
    names = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
    prefix = f"{runtime}-" if runtime else ""
    return filter(None, (read(f"{FOLDER}/{name}") for name in names if name.startswith(prefix)))


def has_gone(one: Guest) -> bool:
    """Whether its namespace is no more, or is another by now; of a link its runtime alone knows."""
    if one.link:
        return False
    try:
        return os.stat(one.netns).st_ino != one.inode
    except OSError:
        return True


def collect() -> list[Guest]:
    """Forget those that have gone; returns them."""
    gone = [one for one in guests() if has_gone(one)]
    for one in gone:
        with suppress(FileNotFoundError):
            os.unlink(path(one))
    return gone

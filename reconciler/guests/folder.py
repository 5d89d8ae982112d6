"""Where guests stand until the next boot, as their namespaces do: a file each, root's alone."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from .. import disk
from ..errors import ReconcileError
from ..kernel.lock import RUN
from ..manifest.sources import Source
from ..manifest.spec import Manifest
from ..pipeline import load
from ..truth import empty
from .guest import Guest, guest, manifest

FOLDER, SUFFIX = f"{RUN}/guests", ".yaml"
HOME = (Source(path=FOLDER, names=(FOLDER,), whole=True),)


def path(one: Guest) -> str:
    return f"{FOLDER}/{one.sandbox}{SUFFIX}"


def sandbox_of(file: str) -> str:
    return os.path.basename(file).removesuffix(SUFFIX)


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


def wish(one: Guest) -> Manifest:
    """What is to stand of it, from a file that is nobody's yet.  Raises where that is no manifest."""
    if not one.ends:
        return without([one.sandbox])
    file = f"{FOLDER}/.{one.sandbox}"  # which no look at the folder finds
    if len(text := manifest(one).encode()) > disk.SMALL:
        raise ReconcileError(f"what is asked for {one.sandbox} is larger than anybody reads")
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    disk.write(file, text)
    try:
        return replace(load([file]), sources=HOME, partial=True)
    finally:
        os.unlink(file)


def without(sandboxes: Iterable[str]) -> Manifest:
    gone = tuple(empty(name, FOLDER) for name in sandboxes)
    return Manifest(projects=gone, sources=HOME, partial=True)


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
    prefix = f"{runtime}-" if runtime else ""
    return filter(None, (read(file) for file in files() if os.path.basename(file).startswith(prefix)))


def is_there() -> bool:
    """Whether a guest has ever been here."""
    return os.path.isdir(FOLDER)


def files() -> list[str]:
    names = sorted(os.listdir(FOLDER)) if is_there() else []
    return [f"{FOLDER}/{name}" for name in names if name.endswith(SUFFIX) and not name.startswith(".")]


def sandboxes() -> frozenset[str]:
    """Of all guests; each is a project of its own."""
    return frozenset(name.removesuffix(SUFFIX) for name in os.listdir(FOLDER)) if is_there() else frozenset()


def has_gone(one: Guest) -> bool:
    """Whether its namespace is no more, or is another by now; of a link its runtime alone knows."""
    if one.link:
        return False
    try:
        return os.stat(one.netns).st_ino != one.inode
    except OSError:
        return True


def collect() -> list[Guest]:
    """Forget those that have gone; returns them.  What nobody finds is of who died while he wrote."""
    for name in os.listdir(FOLDER) if is_there() else ():
        if name.startswith("."):
            os.unlink(f"{FOLDER}/{name}")
    gone = [one for one in guests() if has_gone(one)]
    for one in gone:
        with suppress(FileNotFoundError):
            os.unlink(path(one))
    return gone

"""Which network of ours each of Docker's is: kept as long as Docker keeps it, which is beyond a reboot."""

import os
import re
from contextlib import suppress

from .. import disk
from ..paths import STATE
from .request import Malformed

FOLDER = f"{STATE}/docker"
ID = re.compile(r"[0-9a-f]{64}")


def checked(ident: str) -> str:
    """It becomes the name of a file."""
    if not ID.fullmatch(ident):
        raise Malformed(f"{ident[:80]!r} is no id of Docker's")
    return ident


def path(ident: str) -> str:
    return f"{FOLDER}/{checked(ident)}"


def put(ident: str, name: str) -> None:
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    disk.write(path(ident), f"{name}\n".encode())


def known(ident: str) -> str:
    """ "" where nothing is known of it."""
    try:
        return disk.read(path(ident)).decode().strip()
    except (OSError, ValueError):
        checked(ident)
        return ""


def forget(ident: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path(ident))


def all_of_them() -> list[str]:
    try:
        return [name for name in os.listdir(FOLDER) if ID.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []

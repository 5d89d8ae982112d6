"""What a manifest was made from, besides the texts of its files: told without reading what is in them."""

import json
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import Any

from ... import disk

# Variables that differ from shell to shell and from run to run of a service, and that no manifest names.
NOISE = {
    "_",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "COLUMNS",
    "LINES",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
}

Names = dict[str, list[str]]
PROGRAM = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def digest(file: str) -> str:
    """Of the text of a file; raises OSError where there is none."""
    return sha256(disk.read(file, disk.LARGE).removeprefix(BOM_UTF8)).hexdigest()


def stands(origin: Mapping[str, Any], paths: Iterable[str]) -> bool:
    """Whether these texts and names are what they were."""
    texts, absent = origin["texts"], origin["absent"]
    if any(digest(file) != known for file, known in texts.items()) or still_absent(absent) != absent:
        return False
    return bool(origin["names"] == folders(texts) | names(paths))


def still_absent(files: Iterable[str]) -> list[str]:
    """Those of these files that are not there: their folders may be none whose names count, and a link that
    led nowhere may lead to one."""
    return [file for file in files if not os.path.isfile(file)]


def environment(environ: Mapping[str, str]) -> str:
    variables = sorted(item for item in environ.items() if item[0] not in NOISE)
    return sha256(json.dumps(variables).encode()).hexdigest()


def folders(files: Iterable[str]) -> Names:
    """What is beside these files: a new `.env` or override counts too."""
    found = {os.path.dirname(os.path.abspath(file)) for file in files}
    return {folder: listed(folder) for folder in sorted(found)}


def listed(folder: str) -> list[str]:
    """What is in it; nothing where it is gone or shut: who reads a file of it says so."""
    with suppress(OSError):
        return sorted(os.listdir(folder))
    return []


def names(paths: Iterable[str]) -> Names:
    """What is now below the PATHs that are folders, and beside those that are files."""
    below = {path: names_below(path) for path in paths if os.path.isdir(path)}
    return below | folders(path for path in paths if path not in below)


def names_below(folder: str) -> list[str]:
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)


@cache
def program() -> tuple[str, ...]:
    """What tells this program from any other: the interpreter, and every file of ours."""
    return sys.version, sha256(repr(sorted(stamps(PROGRAM))).encode()).hexdigest()


def stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                found = entry.stat()
                yield entry.path, found.st_size, found.st_mtime_ns
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from stamps(entry.path)

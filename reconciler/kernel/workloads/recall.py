"""How containers were run, for the way back: of each what it is told now, and what it was told before.

In files of root alone that go with the container or the boot, since variables are among that.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from ... import disk
from ...kinds.workload import RUN, How, Workload
from ..netns import folder
from .commands import remove

FOLDER = f"{RUN}/how"


def completed(wanted: Workload) -> Workload:
    """With what it was told when it was run, where only its digest is known."""
    if wanted.how:
        return wanted
    with suppress(OSError, ValueError, TypeError):
        return replace(wanted, how=how_of(json.loads(disk.read(file(wanted), disk.LARGE))))
    return wanted


def how_of(said: Mapping[str, Any]) -> How:
    pairs = {"files": tuple((name, text) for name, text in said["files"])}
    lists = {name: tuple(said[name]) for name in ("words", "build", "folders")}
    return How(**{**said, **lists, **pairs})


def file(workload: Workload) -> str:
    return f"{FOLDER}/{workload.name}/{workload.digest}"


def remember(new: Workload, old: Workload | None) -> None:
    """What is neither is forgotten."""
    if new.how:
        for path in (RUN, FOLDER, os.path.dirname(file(new))):
            folder(path)
        disk.write(file(new), json.dumps(asdict(new.how)).encode(), 0o600)
    kept = {file(one) for one in (new, old) if one}
    remove(*(path for path in files(new) if path not in kept))


def forget(old: Workload) -> None:
    remove(*files(old))


def files(workload: Workload) -> Iterator[str]:
    with suppress(OSError):
        yield from [entry.path for entry in os.scandir(os.path.dirname(file(workload)))]

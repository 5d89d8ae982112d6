"""What was loaded before, if nothing that it came from has changed: texts, environment, and the folders'
lists of names.  Where some texts have, what did not come from them is known all the same.

A cache alone: it may be deleted at any time, and stands where only root writes.
"""

import json
import os
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ... import disk
from ...errors import ManifestError
from ...version import __version__
from ..compose.files import read_regular
from ..options import Drivers, described
from ..parts import driver_names
from ..sources import sources
from ..spec import Manifest
from . import sealed
from .codec import decode, encode, shape
from .known import NOTHING, Loaded, digest
from .stamp import Names, environment, folders, names, still_absent

KEPT = 32  # entries: one for each set of PATHs that somebody names
OLDEST = 7 * 24 * 3600.0  # seconds


class Read(NamedTuple):
    """What a manifest comes from: names as they were before it was read, each text as it was, and files that
    would have been read, wherever they are."""

    names: Names
    texts: Mapping[str, str]
    absent: Collection[str]


class Asked(NamedTuple):
    """What a run wants loaded, and the environment it runs in."""

    paths: tuple[str, ...]
    projects: frozenset[str] | None
    environ: Mapping[str, str]
    drivers: Drivers

    def entry(self, folder: str) -> Path:
        words = json.dumps([os.getcwd(), self.paths, sorted(self.projects or ())])
        return Path(folder, sha256(words.encode()).hexdigest()[:32])


def remembered(folder: str, asked: Asked) -> Manifest | None:
    """The manifest as it was loaded last time; None where anything differs or nothing is known."""
    with suppress(*sealed.UNUSABLE):
        known, body = sealed.read(asked.entry(folder))
        texts = {file: read_regular(file) for file in known["texts"]}
        read = Read(names(asked.paths), texts, still_absent(known["absent"]))
        if known == stamp(asked, read, known["drivers"]):
            return replace(decoded(body).manifest, sources=tuple(sources(asked.paths)))
    return None


def recalled(folder: str, asked: Asked) -> Loaded:
    """What was loaded last time, of texts that may have changed since; nothing where all have."""
    with suppress(*sealed.UNUSABLE):
        known, body = sealed.read(asked.entry(folder))
        some = any(is_as_it_was(file, was) for file, was in known["texts"].items())
        if some and terms(asked, known["drivers"]).items() <= known.items():
            return decoded(body)
    return NOTHING


def is_as_it_was(file: str, was: str) -> bool:
    with suppress(ManifestError):  # it may be gone
        return digest(read_regular(file)) == was
    return False


def origin(folder: str, asked: Asked) -> dict[str, Any]:
    """What the entry says of where its manifest came from; nothing where there is none."""
    with suppress(*sealed.UNUSABLE):
        return sealed.read(asked.entry(folder))[0]
    return {}


def decoded(body: bytes) -> Loaded:
    found = decode(Loaded, disk.parsed(body))
    projects = tuple(one.spec for one in found.projects)
    return found._replace(manifest=replace(found.manifest, projects=projects))


def remember(folder: str, asked: Asked, read: Read, loaded: Loaded) -> None:
    """Keep it for next time, where that is possible: what is saved meanwhile is not what it came from."""
    with suppress(OSError, ManifestError):
        body = encode(loaded._replace(manifest=replace(loaded.manifest, projects=())))
        drivers = driver_names(one.spec for one in loaded.projects)
        known = stamp(asked, read, drivers)
        sealed.write(asked.entry(folder), known, body)
        prune(folder)


def prune(folder: str) -> None:
    """Forget what has not been written for long, and all but the newest.  Who reads an entry has it whole."""
    written = {entry.path: entry.stat(follow_symlinks=False).st_mtime for entry in os.scandir(folder)}
    newest = sorted(written, key=lambda path: written[path], reverse=True)
    old = [path for path in newest if written[path] < time.time() - OLDEST]
    for path in {*newest[KEPT:], *old}:
        with suppress(OSError):
            os.unlink(path)


def stamp(asked: Asked, read: Read, drivers: Iterable[str]) -> dict[str, object]:
    """Equal stamps, equal manifests.  Names in the folders count too: a new `.env` or override changes the
    result.  So may another version of a driver that somebody installed."""
    return terms(asked, drivers) | {
        "texts": {file: digest(text) for file, text in read.texts.items()},
        "names": folders(read.texts) | read.names,
        "absent": sorted(read.absent),
    }


def terms(asked: Asked, drivers: Iterable[str]) -> dict[str, object]:
    """What counts for every text."""
    return {
        "version": __version__,
        "shape": shape(Loaded),
        "drivers": {name: taken_from(asked.drivers, name) for name in sorted(drivers)},
        "environment": environment(asked.environ),
    }


def taken_from(drivers: Drivers, name: str) -> str:
    """All that a manifest takes from a driver; nothing of one that is not here."""
    driver = described(drivers, name)
    return repr((driver.scope, driver.options)) if driver else ""

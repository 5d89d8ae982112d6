"""Past revisions, files under the state directory: for people who want one back, and watchers that start.

They are a convenience: losing them, or a disk that takes none, breaks no host.  What is told of a revision
keeps its keys from version to version; its manifest names its own fields, and is read where all are known.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

from .. import disk
from ..errors import ReconcileError, UsageError
from ..manifest.sources import again
from ..manifest.spec import Manifest
from ..manifest.store.codec import Unknown, decode, encode, shape
from ..paths import STATE
from ..truth import sources

FORMAT = 1  # of a manifest's file; version 0.1.0 numbered none
KEPT = 100  # revisions
LOOKED_AT = 2 * KEPT  # files, if somebody has put more there
NUMBER = re.compile("[0-9]{1,9}")
LATEST = 1 << 36  # seconds: there the year has four digits still


@dataclass(frozen=True)
class Revision:
    """One apply that went through: `number` counts up, `commit` is git's where the manifests are in git."""

    number: int
    digest: str
    at: float
    commit: str
    paths: tuple[str, ...]
    summary: str
    format: int
    seal: str  # the digest of its file
    file: Path

    @property
    def manifest(self) -> Manifest:
        """Raises ReconcileError where the file is not as it was written, or another version's."""
        if self.format != FORMAT:
            who = "a later" if self.format > FORMAT else "an earlier"
            raise self.unreadable(f"{who} version of reconcile wrote it")
        try:
            data = disk.read(self.file, disk.LARGE)
            if sealed(data) == self.seal:
                found = disk.parsed(data)
                manifest = decode(Manifest, found["manifest"], found["shape"])
                return replace(manifest, sources=tuple(map(again, sources(manifest))))
        except Unknown as name:
            raise self.unreadable(f"a later version of reconcile wrote it, which knows `{name}`") from None
        except (OSError, ValueError, TypeError, LookupError):
            pass
        raise self.unreadable(f"{self.file} is not as it was written")

    def unreadable(self, why: str) -> ReconcileError:
        hint = f"apply the manifests of commit {self.commit}" if self.commit else "apply its manifests"
        return ReconcileError(f"revision {self.number} cannot be read: {why}", hint)


def sealed(data: bytes) -> str:
    return sha256(data).hexdigest()


def revision(number: int, file: Path) -> Revision:
    """What is told of a revision; raises ValueError where that is of another shape."""
    match disk.parsed(disk.read(file.with_suffix(".meta"))):
        case {
            "digest": str(digest),
            "at": int() | float() as at,
            "commit": str(commit),
            "paths": [*paths],
            "summary": str(summary),
            **more,
        } if all(isinstance(path, str) for path in paths) and 0 <= at < LATEST:
            match more.get("format", 0), more.get("seal", ""):
                case int(format_), str(seal):
                    return Revision(number, digest, at, commit, tuple(paths), summary, format_, seal, file)
    raise ValueError("no revision")


class Revisions:
    """`DIR/revisions/NUMBER.json` is a manifest, `NUMBER.meta` what is told of it."""

    def __init__(self, state: str = STATE):
        self.folder = Path(state) / "revisions"

    def __iter__(self) -> Iterator[Revision]:
        """The newest first; of what nothing can be told is left out."""
        for number in islice(self.numbers(), LOOKED_AT):
            with suppress(OSError, ValueError):
                yield revision(number, self.folder / f"{number}.json")

    def numbers(self) -> list[int]:
        with suppress(OSError):
            stems = (name.removesuffix(".meta") for name in os.listdir(self.folder) if name.endswith(".meta"))
            return sorted((int(stem) for stem in stems if NUMBER.fullmatch(stem)), reverse=True)
        return []

    def last(self, paths: tuple[str, ...]) -> Manifest | None:
        """The newest manifest that was applied from these paths, and that nobody went back behind.  Raises
        ReconcileError where there are some, and none can be read."""
        rejected, why = self.rejections, None
        for one in self:
            if one.paths == paths and one.digest not in rejected:
                try:
                    return one.manifest
                except ReconcileError as error:
                    why = why or error
        if why:
            raise why
        return None

    def find(self, number: int) -> Revision:
        """By its number; 0 and below count back from the newest."""
        for place, one in enumerate(self):
            if number in (one.number, -place):
                return one
        words = f"there is no revision {number}" if number > 0 else "there is no revision before"
        raise UsageError(words, "see --history")

    def record(self, manifest: Manifest, paths: tuple[str, ...], commit: str, summary: str) -> None:
        """Remember what was applied, unless the newest of these paths is the same."""
        known = list(self)
        same = next((one for one in known if one.paths == paths), None)
        if same and (same.digest, same.commit, same.format) == (manifest.digest, commit, FORMAT):
            return
        about = {
            "digest": manifest.digest,
            "at": time.time(),
            "commit": commit,
            "paths": paths,
            "summary": summary,
        }
        self.keep(max(self.numbers(), default=0) + 1, manifest, about)
        for old in known[KEPT - 1 :]:
            with suppress(OSError):
                old.file.unlink(missing_ok=True)
                old.file.with_suffix(".meta").unlink(missing_ok=True)

    def keep(self, number: int, manifest: Manifest, about: dict[str, object]) -> None:
        data = encode({"shape": shape(Manifest), "manifest": manifest})
        self.write(f"{number}.json", data)
        self.write(f"{number}.meta", json.dumps({**about, "format": FORMAT, "seal": sealed(data)}).encode())

    @property
    def rejections(self) -> dict[str, str]:
        """Why revisions must not be applied by a watcher, by digest."""
        with suppress(OSError, ValueError):
            found = disk.parsed(disk.read(self.folder / "rejected", disk.LARGE))
            if isinstance(found, dict):
                return {digest: why for digest, why in found.items() if isinstance(why, str)}
        return {}

    def reject(self, digest: str, why: str) -> None:
        """No watcher applies this revision until a person does."""
        self.write("rejected", json.dumps({**self.rejections, digest: why}).encode())

    def pardon(self, digest: str) -> None:
        if digest in (left := self.rejections):
            del left[digest]
            self.write("rejected", json.dumps(left).encode())

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk.write(path, data, durable=True)
        except OSError as error:
            raise ReconcileError(f"{path} cannot be written: {error.strerror}", "see --state-dir") from None

"""Past revisions, as files under the state directory: for people who want one back, and for a watcher that
starts.

They are a convenience: losing them, or a disk that takes none, breaks no host.  What cannot be read, or is
not as it was written, is no revision.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from .. import disk
from ..errors import ReconcileError, UsageError
from ..manifest.spec import Manifest
from ..paths import STATE

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
    seal: str  # the digest of its file
    file: Path

    @property
    def manifest(self) -> Manifest:
        """Raises ReconcileError where the file is not as it was written."""
        from ..manifest.store.codec import thaw

        try:
            data = disk.read(self.file, disk.LARGE)
            if sealed(data) == self.seal:
                return thaw(data)
        except (OSError, ValueError):
            pass
        hint = f"{self.file} is not as it was written"
        raise ReconcileError(f"revision {self.number} cannot be read", hint)


def sealed(data: bytes) -> str:
    return sha256(data).hexdigest()


def told(number: int, file: Path) -> Revision:
    """What is told of a revision; raises ValueError where that is of another shape."""
    match disk.parsed(disk.read(file.with_suffix(".meta"))):
        case {
            "digest": str(digest),
            "at": int() | float() as at,
            "commit": str(commit),
            "paths": [*paths],
            "summary": str(summary),
            "seal": str(seal),
        } if all(isinstance(path, str) for path in paths) and 0 <= at < LATEST:
            return Revision(number, digest, at, commit, tuple(paths), summary, seal, file)
    raise ValueError("no revision")


class History:
    """`DIR/revisions/NUMBER.json` is a manifest, `NUMBER.meta` what is told of it."""

    def __init__(self, state: str = STATE):
        self.folder = Path(state) / "revisions"

    def revisions(self) -> Iterator[Revision]:
        """The newest first; what cannot be read is left out."""
        for number in islice(self.numbers(), LOOKED_AT):
            with suppress(OSError, ValueError):
                yield told(number, self.folder / f"{number}.json")

    def numbers(self) -> list[int]:
        with suppress(OSError):
            stems = (name.removesuffix(".meta") for name in os.listdir(self.folder) if name.endswith(".meta"))
            return sorted((int(stem) for stem in stems if NUMBER.fullmatch(stem)), reverse=True)
        return []

    def last(self, paths: tuple[str, ...]) -> Manifest | None:
        """The newest revision that was applied from these paths, and that nobody went back behind."""
        rejected = self.rejections
        for revision in self.revisions():
            if revision.paths == paths and revision.digest not in rejected:
                with suppress(ReconcileError):
                    return revision.manifest
        return None

    def find(self, number: int) -> Revision:
        """By its number; 0 and below count back from the newest."""
        known = list(self.revisions())
        for place, revision in enumerate(known):
            if number in (revision.number, -place):
                return revision
        words = f"there is no revision {number}" if number > 0 else "there is no revision before"
        raise UsageError(words, "see --history")

    def record(self, manifest: Manifest, paths: tuple[str, ...], commit: str, summary: str) -> None:
        """Remember what was applied, unless the newest of these paths is the same."""
        known = list(self.revisions())
        same = next((revision for revision in known if revision.paths == paths), None)
        if same and (same.digest, same.commit) == (manifest.digest, commit):
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
        from ..manifest.store.codec import freeze

        data = freeze(manifest)
        self.write(f"{number}.json", data)
        self.write(f"{number}.meta", json.dumps({**about, "seal": sealed(data)}).encode())

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

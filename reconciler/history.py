"""Past revisions, as files under the state directory: for people who want one back, and for a watcher that
starts.

They are a convenience: losing them, or a disk that takes none, breaks no host.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError
from .manifest.spec import Manifest

STATE = "/var/lib/reconciler"
KEPT = 100  # revisions


@dataclass(frozen=True)
class Revision:
    """One apply that went through: `number` counts up, `commit` is git's where the manifests are in git."""

    number: int
    digest: str
    at: float
    commit: str
    paths: tuple[str, ...]
    summary: str
    file: Path

    @property
    def manifest(self) -> Manifest:
        from .manifest.frozen import thaw

        return thaw(self.file.read_bytes())


class History:
    """`DIR/revisions/NUMBER.json` is a manifest, `NUMBER.meta` what is told of it."""

    def __init__(self, state: str = STATE):
        self.folder = Path(state) / "revisions"

    def revisions(self) -> Iterator[Revision]:
        """The newest first; what cannot be read is left out."""
        numbers = sorted((int(f.stem) for f in self.folder.glob("*.meta") if f.stem.isdigit()), reverse=True)
        for number in numbers:
            with suppress(OSError, ValueError, TypeError, KeyError):
                told = json.loads((self.folder / f"{number}.meta").read_text())
                file = self.folder / f"{number}.json"
                yield Revision(number=number, file=file, **{**told, "paths": tuple(told["paths"])})

    def last(self, paths: tuple[str, ...]) -> Manifest | None:
        """The newest revision that was applied from these paths, and that nobody went back behind."""
        rejected = self.rejections
        for revision in self.revisions():
            if revision.paths == paths and revision.digest not in rejected:
                with suppress(OSError, ValueError):
                    return revision.manifest
        return None

    def find(self, number: int) -> Revision:
        """By its number; 0 and below count back from the newest."""
        known = list(self.revisions())
        for place, revision in enumerate(known):
            if number in (revision.number, -place):
                return revision
        raise UsageError(f"there is no revision {number}", "see --history")

    def record(self, manifest: Manifest, paths: tuple[str, ...], commit: str, summary: str) -> None:
        """Remember what was applied, unless the newest of these paths is the same."""
        known = list(self.revisions())
        same = next((revision for revision in known if revision.paths == paths), None)
        if same and (same.digest, same.commit) == (manifest.digest, commit):
            return
        number = known[0].number + 1 if known else 1
        told = {
            "digest": manifest.digest,
            "at": time.time(),
            "commit": commit,
            "paths": paths,
            "summary": summary,
        }
        with suppress(OSError):
            self.keep(number, manifest, json.dumps(told))
            for old in known[KEPT - 1 :]:
                old.file.unlink(missing_ok=True)
                old.file.with_suffix(".meta").unlink(missing_ok=True)

    @property
    def rejections(self) -> dict[str, str]:
        """Why revisions must not be applied by a watcher, by digest."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.folder / "rejected").read_text()))
        return {}

    def reject(self, digest: str, why: str) -> None:
        """No watcher applies this revision until a person does."""
        self._rejected({**self.rejections, digest: why})

    def pardon(self, digest: str) -> None:
        if digest in (left := self.rejections):
            del left[digest]
            self._rejected(left)

    def _rejected(self, rejections: dict[str, str]) -> None:
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self.folder / "rejected", json.dumps(rejections).encode())

    def keep(self, number: int, manifest: Manifest, told: str) -> None:
        from .manifest.frozen import freeze

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self.folder / f"{number}.json", freeze(manifest))
        write(self.folder / f"{number}.meta", told.encode())


def write(path: Path, data: bytes) -> None:
    """Whole or not at all, and there after a power cut."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(fresh, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise

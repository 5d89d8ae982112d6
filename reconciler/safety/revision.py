"""One past revision: what is told of it, and its manifest."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from .. import disk
from ..errors import ReconcileError
from ..manifest.parts import sayings
from ..manifest.sources import again
from ..manifest.spec import Manifest
from ..manifest.store.codec import Unknown, decode
from ..truth import sources_of

FORMAT = 1  # of a manifest's file; version 0.1.0 numbered none
LATEST = 1 << 36  # seconds: there the year has four digits still


@dataclass(frozen=True, eq=False)
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
    partial: bool = False  # only some of the projects there were asked for
    scaled: Mapping[str, int] = field(default_factory=dict)  # PROJECT/SERVICE, otherwise than its files say
    told: Mapping[str, str] | None = None  # what each project says; those of before 0.3 are to be read for it

    @cached_property
    def said(self) -> Mapping[str, str]:
        """What each of its projects says; nothing where that cannot be read."""
        if self.told is not None:
            return self.told
        with suppress(ReconcileError):
            return sayings(self.manifest)
        return {}

    @property
    def is_readable(self) -> bool:
        with suppress(ReconcileError):
            return bool(self.manifest)
        return False

    def is_of(self, paths: tuple[str, ...]) -> bool:
        """However they were spelt."""
        return self.paths == paths or real(self.paths) == real(paths)

    @cached_property
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
                return replace(manifest, sources=tuple(map(again, sources_of(manifest))))
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


def real(paths: tuple[str, ...]) -> list[str]:
    return sorted(map(os.path.realpath, paths))


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
                    one = Revision(number, digest, at, commit, tuple(paths), summary, format_, seal, file)
                    told, scaled = texts(more.get("projects")), numbers(more.get("scaled"))
                    return replace(one, partial=more.get("partial") is True, told=told, scaled=scaled)
    raise ValueError("no revision")


def texts(found: object) -> Mapping[str, str] | None:
    """By its name, what each project says; None where nothing tells."""
    if isinstance(found, dict) and all(isinstance(said, str) for said in found.values()):
        return found
    return None


def numbers(found: object) -> Mapping[str, int]:
    """By PROJECT/SERVICE, how many replicas; nothing where nothing tells."""
    if isinstance(found, dict) and all(isinstance(number, int) for number in found.values()):
        return found
    return {}

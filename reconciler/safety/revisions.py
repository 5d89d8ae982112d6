"""Past revisions, files under the state directory: for people who want one back, and watchers that start.

They are a convenience: losing them, or a disk that takes none, breaks no host.  What is told of a revision
keeps its keys from version to version; its manifest names its own fields, and is read where all are known.
"""

import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import ReconcileError, UsageError
from ..manifest.parts import sayings, with_older
from ..manifest.scale import scaled
from ..manifest.spec import Manifest
from ..manifest.store.codec import encode, shape
from ..paths import STATE
from .revision import FORMAT, Revision, revision, sealed

KEPT = 100  # revisions
LOOKED_AT = 2 * KEPT  # files, if somebody has put more there
UNKEPT = (
    "what is applied now can neither be gone back to, nor held where manifests are broken after a restart"
)
NUMBER = re.compile("[0-9]{1,9}")


def rejection(name: str, said: str) -> str:
    """What a project says, as it is rejected."""
    return f"{name} as {said}"


def newest(
    names: Collection[str], known: Iterable[Revision], rejected: Collection[str]
) -> dict[str, Revision]:
    """Where each of these projects stands as it was applied last, and may be again."""
    found: dict[str, Revision] = {}
    for one in known:
        free = (name for name, said in one.said.items() if rejection(name, said) not in rejected)
        wanted = [name for name in free if name in names and name not in found]
        found |= dict.fromkeys(wanted if wanted and one.is_readable else (), one)
    return found


def same_as_last(about: Mapping[str, Any], known: Sequence[Revision]) -> Revision | None:
    """The newest revision of these paths, if it says the same and none has told of its projects since."""
    for place, one in enumerate(known):
        if one.is_of(about["paths"]):
            facts = (about["digest"], about["projects"], about["partial"], FORMAT)
            same = (one.digest, one.said, one.partial, one.format) == facts
            since = set().union(*(later.said for later in known[:place]))
            return one if same and since.isdisjoint(about["projects"]) else None
    return None


class Revisions:
    """`DIR/revisions/NUMBER.json` is a manifest, `NUMBER.meta` what is told of it."""

    def __init__(self, state: str = STATE):
        self.folder = Path(state) / "revisions"
        self.known: dict[str, str] = {}  # what was rejected when that was read last
        self.most = 0  # the highest number there was

    @property
    def is_lost(self) -> bool:
        """Whether somebody has removed what there was when we looked before."""
        number = self.stamp[0]
        self.most = max(self.most, number)
        return number < self.most or (bool(self.known) and not (self.folder / "rejected").exists())

    def begin_anew(self) -> None:
        """What was rejected is remembered still, and written again."""
        known, self.most, self.known = self.known, 0, {}
        self.write_rejections(known)

    @property
    def stamp(self) -> tuple[int, int]:
        """Another one as soon as somebody has written here."""
        with suppress(OSError):
            return max(self.numbers(), default=0), os.stat(self.folder / "rejected").st_mtime_ns
        return max(self.numbers(), default=0), 0

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

    def last(self, paths: tuple[str, ...], also: Collection[str] = ()) -> Manifest | None:
        """What was applied last: the projects of the newest revision of these paths, and `also` these, each
        as the newest of all has it that nobody went back behind.  Raises ReconcileError where there are some,
        and none can be read."""
        rejected = self.rejections
        known = [one for one in self if one.digest not in rejected]
        mine = sorted((one for one in known if one.is_of(paths)), key=attrgetter("partial"))
        base = next((one for one in mine if one.is_readable), None)
        if mine and not base:
            _ = mine[0].manifest
        sources = newest({*also, *(base.said if base else ())}, known, rejected)
        if not base and (not also or sources.keys() != set(also)):
            return None
        found = base.manifest if base else Manifest()
        for one in sorted({*sources.values()} - {base}, key=attrgetter("number")):
            names = [name for name, source in sources.items() if source is one]
            found = with_older(found, one.manifest, names)
        return found

    def standing(self, paths: tuple[str, ...], also: Collection[str] = ()) -> dict[str, str]:
        """What was said last of the projects of these paths, and of these."""
        whole = next((one for one in self if one.is_of(paths) and not one.partial), None)
        sources = newest({*also, *(whole.said if whole else ())}, self, ())
        return {name: one.said[name] for name, one in sources.items()}

    def scaled(self, projects: Collection[str]) -> dict[str, int]:
        """By PROJECT/SERVICE, those that stood otherwise than their files say when that was applied last."""
        found: dict[str, int] = {}
        left = set(projects)
        for one in self:
            if not left:
                break
            mine = left & one.said.keys()
            found |= {what: n for what, n in one.scaled.items() if what.partition("/")[0] in mine}
            left -= mine
        return found

    def find(self, number: int) -> Revision:
        """By its number; 0 and below count back from the newest, among those of its paths: from one that says
        something else to the next."""
        known = list(self)
        if found := next((one for one in known if one.number == number), None):
            return found
        mine = [one for one in known if one.is_of(known[0].paths)]
        apart = [*mine[:1], *(one for later, one in pairwise(mine) if not one.said or one.said != later.said)]
        if number <= 0 and -number < len(apart):
            return apart[-number]
        if not known:
            raise UsageError(f"no revision is remembered in {self.folder}", "see --state-dir")
        words = f"there is no revision {number}" if number > 0 else "there is no revision before"
        raise UsageError(words, "see --history")

    def record(self, manifest: Manifest, paths: tuple[str, ...], commit: str, summary: str) -> None:
        """Remember what was applied; where that is what was applied last, the commit that it is of now."""
        known = list(self)
        about = {
            "digest": manifest.digest,
            "at": time.time(),
            "commit": commit,
            "paths": paths,
            "summary": summary,
            "partial": manifest.partial,
            "projects": sayings(manifest),
            "scaled": scaled(manifest),
        }
        if same := same_as_last(about, known):
            if same.commit != commit:
                found = disk.parsed(disk.read(same.file.with_suffix(".meta")))
                self.write(f"{same.number}.meta", json.dumps({**found, "commit": commit}).encode(), UNKEPT)
            return
        self.keep(max(self.numbers(), default=0) + 1, manifest, about)
        for old in known[KEPT - 1 :]:
            with suppress(OSError):
                old.file.unlink(missing_ok=True)
                old.file.with_suffix(".meta").unlink(missing_ok=True)

    def keep(self, number: int, manifest: Manifest, about: dict[str, object]) -> None:
        data = encode({"shape": shape(Manifest), "manifest": manifest})
        self.write(f"{number}.json", data, UNKEPT)
        about = {**about, "format": FORMAT, "seal": sealed(data)}
        self.write(f"{number}.meta", json.dumps(about).encode(), UNKEPT)

    @property
    def rejections(self) -> dict[str, str]:
        """Why what projects say must not be applied by a watcher, by its key."""
        if not self.is_lost:
            self.known = {}
            with suppress(OSError, ValueError):
                found = disk.parsed(disk.read(self.folder / "rejected", disk.LARGE))
                if isinstance(found, dict):
                    self.known = {key: why for key, why in found.items() if isinstance(why, str)}
        return self.known

    def reject(self, keys: Iterable[str], why: str) -> None:
        """No watcher applies these until a person does, or the manifests have said something else."""
        self.write_rejections({**self.rejections, **dict.fromkeys(keys, why)})

    def pardon(self, keys: Collection[str]) -> None:
        known = self.rejections
        if left := known.keys() & set(keys):
            self.write_rejections({key: why for key, why in known.items() if key not in left})

    def write_rejections(self, known: Mapping[str, str]) -> None:
        loss = "a watcher may apply again what was undone"
        self.write("rejected", json.dumps(dict(known)).encode(), loss)

    def write(self, name: str, data: bytes, loss: str) -> None:
        path = self.folder / name
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk.write(path, data, durable=True)
        except OSError as error:
            words = f"{path} cannot be written: {error.strerror}; {loss}"
            raise ReconcileError(words, "make room, or see --state-dir") from None

"""What a run has read, in pieces that a later one may take over: each file's gist, and each project."""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from ..spec import Manifest, ProjectSpec

Stacks = tuple[tuple[str, ...], ...]


class Gist(NamedTuple):
    """What tells which project a file is of; it follows from its text alone."""

    digest: str  # of the text
    name: str | None  # the project's, "" where it names none; None where variables or a mistake are in it
    is_manifest: bool
    is_empty: bool
    lenders: tuple[str, ...]  # files that it includes or extends from, as written


class Remarks(NamedTuple):
    """What was noticed on the way."""

    used: Mapping[str, str | None]  # variables that were asked for
    blank: Mapping[str, str]  # those without a value, and where
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    unused: tuple[str, ...]  # keys that no part of ours uses
    idle: Mapping[str, str]  # services without a container, and why


class KnownProject(NamedTuple):
    """A project without a mistake, and all that it came from."""

    spec: ProjectSpec
    files: Stacks
    texts: Mapping[str, str]  # their digests, by file: these, and what they lead to
    absent: tuple[str, ...]  # files that would have been read
    remarks: Remarks


class Loaded(NamedTuple):
    """A manifest, and what it was made of."""

    manifest: Manifest
    gists: Mapping[str, Gist]  # by file
    projects: tuple[KnownProject, ...]


NOTHING = Loaded(Manifest(), {}, ())


def digest(text: str | None) -> str:
    return sha256((text or "").encode(errors="surrogatepass")).hexdigest()

"""Find, parse, assemble, check: every mistake of the run is told at once."""

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path

from ..errors import ManifestErrors
from .compose.files import STDIN, Inputs, find
from .compose.groups import grouped, reading, wanted
from .compose.library import Library
from .read.locked import value_mistakes
from .read.project import ProjectReading, spec_of
from .read.references import semantic_mistakes
from .spec import Manifest
from .store import lockfile


def assemble(paths: Sequence[str | Path], inputs: Inputs, projects: frozenset[str] | None) -> Manifest:
    """The manifest of the PATHs; `inputs` remembers what was read for it.  Raises ManifestErrors."""
    library = Library(inputs)
    groups = grouped(find(paths, inputs.mistakes), library)
    if projects is not None:
        groups = wanted(groups, projects, inputs.mistakes)
    readings = {name: reading(group, library) for name, group in sorted(groups.items())}
    read = [(spec_of(name, at), at) for name, at in readings.items()]
    inputs.mistakes.extend(semantic_mistakes(read))
    lock = locked(lockfile.beside(paths), inputs)
    if inputs.mistakes:
        raise ManifestErrors(inputs.mistakes)
    return Manifest(
        projects=tuple(spec for spec, _ in read),
        root=root_of(paths),
        partial=projects is not None,
        lock=lock,
        notes=tuple(notes(library, list(readings.values()))),
        digest=digest(inputs, library),
        files=tuple(sorted(os.path.abspath(file) for file in inputs.texts if file != STDIN)),
    )


def locked(file: str, inputs: Inputs) -> str:
    text = (inputs.read(file) if os.path.exists(file) else None) or ""
    found = list(lockfile.unreadable(text, file))
    inputs.mistakes.extend(found or chain(lockfile.mistakes(text, file), value_mistakes(text, file)))
    return text


def root_of(paths: Sequence[str | Path]) -> str:
    """A directory that is named alone is the whole truth for its projects."""
    alone = os.fspath(paths[0]) if len(paths) == 1 else ""
    return os.path.abspath(alone) if alone and alone != STDIN and os.path.isdir(alone) else ""


def notes(library: Library, readings: Sequence[ProjectReading]) -> Iterator[str]:
    """What users may want to know though it is no mistake."""
    yield from dict.fromkeys(library.inputs.notes)
    for name, place in sorted(library.blank.items()):
        yield f"{place.file}:{place.line}:{place.column}: variable {name} is not set; blank is taken for it"
    for key in sorted({key for at in readings for key in at.unused}):
        yield f"{key}: accepted, not used"
    yield from sorted({f"{key} {why}" for at in readings for key, why in at.idle.items()})


def digest(inputs: Inputs, library: Library) -> str:
    """Of every text that was read and every variable that was asked for."""
    total = sha256()
    for name, text in sorted(inputs.texts.items()):
        total.update(f"{name}\0{len(text)}\0{text}".encode(errors="surrogatepass"))
    for name, value in sorted(library.used.items()):
        total.update(f"{name}\0{value}\0".encode(errors="surrogateescape"))
    return total.hexdigest()

"""Find, parse, assemble, check: every mistake of the run is told at once."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path

from ..errors import ManifestError, ManifestErrors
from . import scale
from .compose.files import STDIN, Inputs, find
from .compose.groups import Group, grouped, reading, wanted
from .compose.library import Library
from .parts import lacking, lacks_secrets
from .read.locked import value_mistakes
from .read.project import ProjectReading, spec_of
from .read.references import semantic_mistakes
from .sources import folders, path_of
from .spec import Manifest
from .store import lockfile
from .store.known import NOTHING, KnownProject, Loaded, Remarks, digest


def assemble(
    paths: Sequence[str | Path], inputs: Inputs, projects: frozenset[str] | None, known: Loaded = NOTHING
) -> Loaded:
    """The manifest of the PATHs, with what to remember of it; `inputs` has every text of the run, and what is
    `known` of these is not read again.  Raises ManifestErrors."""
    library, whole = Library(inputs, gists=dict(known.gists)), folders(os.fspath(path) for path in paths)
    groups = grouped(find(paths, inputs.mistakes), library)
    if projects is not None:
        groups = wanted(groups, projects, inputs.mistakes)
    before = {one.spec.name: one for one in known.projects}
    done = [
        taken_over(group, before.get(name), inputs) or read_project(group, library, whole)
        for name, group in sorted(groups.items())
    ]
    lock = locked(lockfile.beside(paths), inputs)
    said = [remarks(library), *(one.remarks for one in done)]
    warnings = (*blank_variables(said), *dict.fromkeys(text for one in said for text in one.warnings))
    if mistakes := inputs.mistakes or list(scale_mistakes(inputs, done)):
        raise ManifestErrors(mistakes, warnings)
    texts = {file: text for file, text in inputs.shelf.items() if text is not None}
    manifest = Manifest(
        projects=tuple(one.spec for one in done),
        root=whole[0] if len(paths) == len(whole) == 1 else "",
        partial=projects is not None,
        lock=lock,
        notes=tuple(notes(said)),
        warnings=warnings,
        digest=digest_of(texts, said, lacking((one.spec for one in done), inputs.drivers)),
        files=tuple(sorted(os.path.abspath(file) for file in texts if file != STDIN)),
    )
    gists = {file: gist for file, gist in library.gists.items() if file in texts}
    return Loaded(manifest, gists, tuple(done))


def taken_over(group: Group, known: KnownProject | None, inputs: Inputs) -> KnownProject | None:
    """The project as it was read before, if nothing that it came from has changed."""
    if not known or known.files != group.files or lacks_secrets(known.spec):
        return None
    if any(map(os.path.isfile, known.absent)):
        return None
    same = all(os.path.isfile(file) and digest(inputs.read(file)) == was for file, was in known.texts.items())
    return known if same else None


def read_project(group: Group, library: Library, whole: Sequence[str]) -> KnownProject:
    """The project, read; what is wrong with it is among the mistakes.  `whole` are the folders of the run."""
    apart = library.apart()
    at = reading(group, apart)
    spec = spec_of(group.name, at)
    at.mistakes.extend(semantic_mistakes(spec, at))
    texts = {file: digest(text) for file, text in apart.inputs.texts.items()}
    library.forget(chain(*group.files))
    spec = replace(spec, path=path_of(chain(*group.files), whole))
    return KnownProject(spec, group.files, texts, tuple(sorted(apart.inputs.absent)), remarks(apart, at))


def remarks(library: Library, at: ProjectReading | None = None) -> Remarks:
    blank = {name: f"{at.file}:{at.line}:{at.column}" for name, at in library.blank.items()}
    unused, idle = (tuple(sorted(at.unused)), at.idle) if at else ((), {})
    used = library.used | (at.asked if at else {})
    inputs = library.inputs
    return Remarks(used, blank, tuple(inputs.notes), tuple(inputs.warnings), unused, idle)


def locked(file: str, inputs: Inputs) -> str:
    text = (inputs.read(file) if os.path.exists(file) else None) or ""
    found = list(lockfile.unreadable(text, file))
    inputs.mistakes.extend(found or chain(lockfile.mistakes(text, file), value_mistakes(text, file)))
    return text


def scale_mistakes(inputs: Inputs, done: Sequence[KnownProject]) -> Iterator[ManifestError]:
    """What was asked for beside the files and is nowhere in them."""
    idle = {name: why for one in done for name, why in one.remarks.idle.items()}
    return scale.mistakes(scale.asked(inputs.environ), [one.spec for one in done], idle)


def notes(said: Sequence[Remarks]) -> Iterator[str]:
    """What users may want to know though it is no mistake."""
    yield from dict.fromkeys(note for one in said for note in one.notes)
    for key in sorted({key for one in said for key in one.unused}):
        yield f"{key}: accepted, not used"
    yield from sorted({f"{key} {why}" for one in said for key, why in one.idle.items()})


def blank_variables(said: Sequence[Remarks]) -> Iterator[str]:
    """Each once, wherever else it stands; Compose warns of them, too."""
    blank: Mapping[str, str] = {name: place for one in reversed(said) for name, place in one.blank.items()}
    for name, place in sorted(blank.items()):
        yield f"{place}: variable {name} is not set; blank is taken for it"


def digest_of(texts: Mapping[str, str], said: Sequence[Remarks], lacking: Sequence[str]) -> str:
    """Of every text that was read, every variable that was asked for, and the drivers that are lacking."""
    total = sha256()
    for name, text in sorted(texts.items()):
        total.update(f"{name}\0{len(text)}\0{text}".encode(errors="surrogatepass"))
    used = {name: value for one in said for name, value in one.used.items()}
    for name, value in sorted(used.items()):
        total.update(f"{name}\0{value}\0".encode(errors="surrogateescape"))
    for name in lacking:
        total.update(f"{name}\0no driver\0".encode())
    return total.hexdigest()

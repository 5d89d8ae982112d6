"""PATHs in, Manifest out: find, parse, assemble, check; every mistake of the run is told at once."""

import gc
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ..errors import ManifestError, ManifestErrors
from .checks import semantic_mistakes
from .files import STDIN, Found, Inputs, find
from .interpolate import interpolated
from .node import Mistakes, Node, Place, nearest
from .project import Context, Library, assemble, borrowings, context
from .section import Reading, spec_of
from .spec import Manifest, ProjectSpec

MANIFEST_KEYS = ("services", "containers", "networks", "include", "hosts", "pools", "policies", "expect")


def load(
    paths: Sequence[str | Path],
    *,
    environ: Mapping[str, str] = os.environ,
    projects: frozenset[str] | None = None,
    stdin: str | None = None,
) -> Manifest:
    """Everything that the PATHs describe; raises ManifestErrors with all mistakes.

    `paths` are files, directories or `-`, whose text is `stdin` or what the process is given.  `projects` are the only
    ones wanted; None wants all.
    """
    if stdin is None and STDIN in paths:
        stdin = sys.stdin.read()
    with uncollected():
        return loaded(paths, Inputs(environ, stdin), projects)


def loaded(paths: Sequence[str | Path], inputs: Inputs, projects: frozenset[str] | None) -> Manifest:
    library = Library(inputs)
    groups = grouped(find(paths, inputs.mistakes), library)
    if projects is not None:
        groups = wanted(groups, projects, inputs.mistakes)
    read = [project(group, library) for group in groups.values()]
    inputs.mistakes.extend(semantic_mistakes(read))
    if inputs.mistakes:
        raise ManifestErrors(once(inputs.mistakes))
    return Manifest(
        projects=tuple(spec for spec, _ in sorted(read, key=lambda pair: pair[0].name)),
        root=root_of(paths),
        notes=tuple(notes(inputs, [reading for _, reading in read])),
        digest=digest(inputs, library),
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector: it would go through every node again and again, and none of them is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def root_of(paths: Sequence[str | Path]) -> str:
    """A directory that is named alone is the whole truth for its projects."""
    alone = os.fspath(paths[0]) if len(paths) == 1 else ""
    return os.path.abspath(alone) if alone and alone != STDIN and os.path.isdir(alone) else ""


@dataclass
class Group:
    """The files of one project: each stack is merged, and the stacks must not contradict one another."""

    name: str
    stacks: list[list[str]] = field(default_factory=list)


def grouped(found: Sequence[Found], library: Library) -> dict[str, Group]:
    """The files by project; those that were named one by one go on top of one another."""
    for item in found:
        borrowings(library, item.file)
    found = [f for f in found if f.explicit or os.path.abspath(f.file) not in library.borrowed and is_manifest(f, library)]
    names = named(found, library)
    groups: dict[str, Group] = {}
    stacks: dict[tuple[str, str], list[str]] = {}
    for item in sorted(found, key=lambda f: bool(f.overrides)):
        name = names[item.file]
        group = groups.setdefault(name, Group(name))
        key = (name, "" if item.explicit else item.overrides or item.file)
        if key not in stacks:
            stacks[key] = []
            group.stacks.append(stacks[key])
        stacks[key].append(item.file)
    return groups


def is_manifest(item: Found, library: Library) -> bool:
    """A directory may hold other YAML too; what looks like a manifest with a misspelt key counts as one."""
    documents = library.documents(item.file)
    for document in documents:
        for key, _ in document.items():
            if key in MANIFEST_KEYS or nearest(key, MANIFEST_KEYS).startswith("did you mean"):
                return True
    if documents or item.file in library.inputs.texts and not library.inputs.mistakes:
        library.inputs.notes.append(f"{item.file}: no manifest, not used")
    return False


def named(found: Sequence[Found], library: Library) -> dict[str, str]:
    """The project of each file: by its `name`, else by that of a file which goes with it, else by its folder."""
    names: dict[str, str] = {}
    by_folder: dict[str, str] = {}
    for item in found:
        at = context(library, item.file)
        if name := own_name(item, at):
            names[item.file] = name
            if item.explicit:
                by_folder.setdefault(item.folder, name)
    for item in found:
        if item.file not in names:
            companion = names.get(item.overrides) or (by_folder.get(item.folder) if item.explicit else None)
            names[item.file] = companion or by_default(item, context(library, item.file))
    return names


def own_name(item: Found, at: Context) -> str:
    for document in reversed(at.library.documents(item.file)):
        node = document.get("name")
        if node and node.value is not None:
            name = normalised(str(interpolated(node, at.variables, at.mistakes, ("name",)).value))
            if not name:
                at.mistakes.at(node.place, "name", f"{node.value!r} is no project name", "small letters, digits, `-` and `_`")
            return name or "unnamed"
    return ""


def by_default(item: Found, at: Context) -> str:
    folder = os.path.basename(item.folder)
    name = normalised(at.variables.values.get("COMPOSE_PROJECT_NAME", "")) or normalised(folder)
    if not name:
        at.mistakes.at(Place(item.file, 0, 0), "", f"the folder's name {folder!r} makes no project name", "add `name:`")
    return name or "unnamed"


def normalised(name: str) -> str:
    """As Compose does it: small letters, digits, `-` and `_`, and neither of these first."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def wanted(groups: dict[str, Group], projects: frozenset[str], mistakes: Mistakes) -> dict[str, Group]:
    for name in sorted(projects - groups.keys()):
        mistakes.append(ManifestError(f"no project is named {name}", nearest(name, groups)))
    return {name: group for name, group in groups.items() if name in projects}


def project(group: Group, library: Library) -> tuple[ProjectSpec, Reading]:
    trees = []
    at = context(library, group.stacks[0][0])
    at.variables.values = {**at.variables.values, "COMPOSE_PROJECT_NAME": group.name}
    for stack in group.stacks:
        here = context(library, stack[0])
        here.variables.values = {**here.variables.values, "COMPOSE_PROJECT_NAME": group.name}
        trees.append(assemble(stack, here))
    reading = Reading(united(trees, library.mistakes), library.inputs, at.variables.values)
    return spec_of(group.name, reading), reading


def united(trees: Sequence[Node], mistakes: Mistakes) -> Node:
    """Files side by side, none above the other: nothing may be defined twice."""
    if len(trees) == 1:
        return trees[0]
    children: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for tree in trees:
        for section, node in tree.items():
            known = children.get(section)
            children[section] = joined(section, known, node, mistakes) if known else node
            keys.setdefault(section, tree.keys.get(section, node.place))
    return Node(children, trees[0].place, "", keys)


def joined(section: str, one: Node, two: Node, mistakes: Mistakes) -> Node:
    if type(one.value) is list and type(two.value) is list:
        return Node([*one.value, *two.value], one.place)
    if type(one.value) is not dict or type(two.value) is not dict:
        return one if two.value is None else two
    for name in one.value.keys() & two.value.keys() if not section.startswith("x-") else ():
        label = (one.keys.get(name, one.place), "and here")
        hint = "name the files one by one to merge them, or rename one of the two"
        mistakes.at(two.keys.get(name, two.place), f"{section}.{name}", f"`{name}` is defined in two files", hint, label)
    return Node({**two.value, **one.value}, one.place, "", {**two.keys, **one.keys})


def once(mistakes: Mistakes) -> list[ManifestError]:
    """By place, and without repetitions: a file that is included twice makes its mistakes once."""
    unique = {(error.where, error.message): error for error in mistakes}
    return sorted(unique.values(), key=lambda error: error.where or ("", 0, 0, ""))


def notes(inputs: Inputs, readings: Sequence[Reading]) -> Iterator[str]:
    yield from dict.fromkeys(inputs.notes)
    for key in sorted({key for reading in readings for key in reading.unused}):
        yield f"{key}: accepted, not used"
    yield from sorted({f"{key} {why}" for reading in readings for key, why in reading.idle.items()})


def digest(inputs: Inputs, library: Library) -> str:
    """Of every text that was read and every variable that was asked for."""
    total = sha256()
    for name, text in sorted(inputs.texts.items()):
        total.update(f"{name}\0{len(text)}\0{text}".encode())
    for name, value in sorted(library.used.items()):
        total.update(f"{name}\0{value}\0".encode(errors="surrogateescape"))
    return total.hexdigest()

"""One project's tree out of its files: `include`, `extends`, and one file on top of another."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..yaml.node import Node, Place, raw
from .extends import extended, services_of
from .files import lacking_env_file
from .interpolate import Variables
from .library import Context, with_env_files
from .merge import NOTHING, merged, with_resets, without, without_resets

REMOTE = ("http://", "https://", "git@", "git://", "ssh://", "oci://", "github.com/")
DEEPEST = 32  # files that include one another


def assemble(files: Sequence[str], at: Context) -> Node:
    """The files of one project, each on top of the one before."""
    tree = NOTHING
    for file in files:
        for document in at.library.readable(file, at.variables, at.directory):
            own = without(document, "include")
            document = merged(included(document, at, file), own)
            if "!reset" in at.library.inputs.texts[file]:
                document = with_resets(document, own)
            document = extended(document, at, file, tree)
            tree = merged(tree, document) if tree.value is not None else document
    return without_resets(tree) if at.library.tagged() else tree


def included(document: Node, at: Context, file: str) -> Node:
    """Everything that `include` brings in, what comes first on top, as in Compose; what the document itself
    defines goes on top of all."""
    entry = document.get("include")
    tree = Node({}, document.place)
    if entry is None or entry.value is None:
        return tree
    if type(entry.value) is not list:
        at.mistakes.at(entry.place, "include", "`include` must be a list", "write `include: [file.yaml]`")
        return tree
    for index, item in enumerate(entry.value):
        source = IncludeEntry.of(item, f"include[{index}]", at)
        if source and not source.is_circular(at, file):
            tree = merged(without(source.tree(at, file), "name"), tree)
    return tree


class IncludeEntry(NamedTuple):
    """One entry of `include`."""

    files: tuple[str, ...]
    directory: str
    env_files: tuple[str, ...]
    place: Place
    path: str

    @staticmethod
    def of(item: Node, path: str, at: Context) -> "IncludeEntry | None":
        value = {"path": raw(item)} if isinstance(item.value, str) else raw(item)
        names = value.get("path") if isinstance(value, dict) else None
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
            at.mistakes.at(
                item.place, path, "an entry of `include` needs a `path`", "write the path of a file"
            )
            return None
        if any(name.startswith(REMOTE) for name in names):
            at.mistakes.at(
                item.place, path, "remote files are not loaded", "copy the file and include the copy"
            )
            return None
        files = tuple(at.path(name) for name in names)
        directory = value.get("project_directory")
        folder = at.path(str(directory)) if directory else os.path.dirname(files[0])
        env_files = IncludeEntry.env_files_of(value.get("env_file"), at)
        for message in filter(None, map(lacking_env_file, env_files)):
            at.mistakes.missing(item.place, path, message, "create it, or leave it out")
        return IncludeEntry(files, folder, env_files or (os.path.join(folder, ".env"),), item.place, path)

    @staticmethod
    def env_files_of(value: Any, at: Context) -> tuple[str, ...]:
        named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return tuple(at.path(str(name)) for name in named)

    def is_circular(self, at: Context, file: str) -> bool:
        trail = [os.path.abspath(name) for name in (*at.trail, file)]
        message = ""
        if any(os.path.abspath(name) in trail for name in self.files):
            message = f"`include` in a circle: {' -> '.join((*at.trail, file, self.files[0]))}"
        elif len(trail) > DEEPEST:
            message = f"more than {DEEPEST} files include one another"
        if message:
            at.mistakes.at(self.place, self.path, message, "leave one of them out")
        return bool(message)

    def tree(self, at: Context, file: str) -> Node:
        files = [name for name in self.files if at.library.lend(name, self.place, self.path)]
        values = with_env_files(at.library.inputs, at.variables.values, self.env_files)
        variables = Variables(values, at.library.used, at.library.blank)
        inner = Context(at.library, self.directory, variables, (*at.trail, file))
        return assemble(files, inner)


def lenders(document: Node) -> list[str]:
    """The files that it includes or extends from, as written."""
    named = [(service.get("extends") or NOTHING).get("file") for _, service in services_of(document)]
    for item in (document.get("include") or NOTHING).elements():
        paths = item.get("path") or item
        named += paths.elements() or [paths]
    return [node.value for node in named if node and isinstance(node.value, str)]

"""One project's tree out of its files: variables, `include`, `extends`, overrides."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import ManifestError, Where
from . import dotenv
from .files import STDIN, Inputs
from .interpolate import Variables, interpolated
from .merge import NOTHING, canonical, merged, without_resets
from .node import Mistakes, Node, Place, nearest, raw
from .syntax import parse

SERVICES = ("services", "containers")
REMOTE = ("http://", "https://", "git@", "git://", "ssh://", "oci://", "github.com/")


@dataclass
class Library:
    """The parsed documents of a run, each file parsed once."""

    inputs: Inputs
    parsed: dict[str, list[Node]] = field(default_factory=dict)
    used: dict[str, str | None] = field(default_factory=dict)  # variables that were asked for
    blank: dict[str, Place] = field(default_factory=dict)  # those that have no value and no default
    borrowed: set[str] = field(default_factory=set)  # files that others include or extend from

    @property
    def mistakes(self) -> Mistakes:
        return self.inputs.mistakes

    def documents(self, file: str) -> list[Node]:
        if file not in self.parsed:
            text = self.inputs.read(file)
            self.parsed[file] = parse(text, file, self.mistakes) if text is not None else []
        return self.parsed[file]

    def readable(self, file: str, variables: Variables, folder: str) -> list[Node]:
        """The documents with their variables replaced and one spelling for everything."""
        found = []
        for document in self.documents(file):
            if document.value is None:
                continue
            if type(document.value) is not dict:
                self.mistakes.at(
                    document.place, "", "a manifest is a mapping", "begin with `services:` or `networks:`"
                )
                continue
            if "$" in self.inputs.texts[file]:
                document = interpolated(document, variables, self.mistakes)
            found.append(canonical(document, folder))
        return found

    def lend(self, file: str, place: Place, path: str) -> bool:
        """Note that a file is included or extended from; a missing one is told where it is asked for."""
        self.borrowed.add(os.path.abspath(file))
        if not os.path.exists(file):
            self.mistakes.at(place, path, f"{file} does not exist", "write its path from this file's folder")
        return os.path.exists(file)

    def tagged(self) -> bool:
        return any("!reset" in text for text in self.inputs.texts.values())


class Context(NamedTuple):
    """Where a file stands: its project's directory and variables, and the files that led to it."""

    library: Library
    directory: str
    variables: Variables
    trail: tuple[str, ...] = ()

    @property
    def mistakes(self) -> Mistakes:
        return self.library.mistakes

    def path(self, name: str) -> str:
        return os.path.normpath(os.path.join(self.directory, name)) if self.directory else name


def context(library: Library, file: str, project: str = "") -> Context:
    """The context of a file that was named or found; its folder's `.env` stands behind the environment."""
    directory = os.path.dirname(file) if file != STDIN else ""
    values = with_env_files(library.inputs, library.inputs.environ, [os.path.join(directory, ".env")])
    values |= {"COMPOSE_PROJECT_NAME": project} if project else {}
    return Context(library, directory, Variables(values, library.used, library.blank))


def with_env_files(inputs: Inputs, outside: Mapping[str, str], files: Sequence[str]) -> dict[str, str]:
    """`outside` and, behind it, what the files that exist say; a later file wins over an earlier."""
    values: dict[str, str] = {}
    for file in files:
        if os.path.isfile(file) and (text := inputs.read(file)) is not None:
            try:
                values |= dotenv.parse(text, {**values, **outside})
            except dotenv.BadLine as error:
                inputs.mistakes.append(
                    ManifestError(str(error), "write NAME=value", Where(file, error.line, 1))
                )
    return {**values, **outside}


def assemble(files: Sequence[str], at: Context) -> Node:
    """The files of one project, each on top of the one before."""
    tree = NOTHING
    for file in files:
        for document in at.library.readable(file, at.variables, at.directory):
            document = merged(included(document, at, file), without(document, "include"))
            document = extended(document, at, file, tree)
            tree = merged(tree, document) if tree.value is not None else document
    return without_resets(tree) if at.library.tagged() else tree


def without(node: Node, key: str) -> Node:
    if node.get(key) is None:
        return node
    return Node({k: v for k, v in node.value.items() if k != key}, node.place, node.tag, node.keys)


def included(document: Node, at: Context, file: str) -> Node:
    """Everything that `include` brings in; what the document itself defines goes on top."""
    entry = document.get("include")
    tree = Node({}, document.place)
    if entry is None or entry.value is None:
        return tree
    if type(entry.value) is not list:
        at.mistakes.at(entry.place, "include", "`include` must be a list", "write `include: [file.yaml]`")
        return tree
    for index, item in enumerate(entry.value):
        source = Include.of(item, f"include[{index}]", at)
        if source and not source.is_circular(at, file):
            tree = merged(tree, without(source.tree(at, file), "name"))
    return tree


class Include(NamedTuple):
    """One entry of `include`."""

    files: tuple[str, ...]
    directory: str
    env_files: tuple[str, ...]
    place: Place
    path: str

    @staticmethod
    def of(item: Node, path: str, at: Context) -> "Include | None":
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
        env = value.get("env_file")
        named = [env] if isinstance(env, str) else env if isinstance(env, list) else []
        env_files = tuple(at.path(str(n)) for n in named if n != "/dev/null") or (
            os.path.join(folder, ".env"),
        )
        return Include(files, folder, env_files, item.place, path)

    def is_circular(self, at: Context, file: str) -> bool:
        trail = [os.path.abspath(name) for name in (*at.trail, file)]
        circular = any(os.path.abspath(name) in trail for name in self.files)
        if circular:
            steps = " -> ".join((*at.trail, file, self.files[0]))
            at.mistakes.at(self.place, self.path, f"`include` in a circle: {steps}", "leave one of them out")
        return circular

    def tree(self, at: Context, file: str) -> Node:
        files = [name for name in self.files if at.library.lend(name, self.place, self.path)]
        values = with_env_files(at.library.inputs, at.variables.values, self.env_files)
        variables = Variables(values, at.library.used, at.library.blank)
        inner = Context(at.library, self.directory, variables, (*at.trail, file))
        return assemble(files, inner)


def extended(document: Node, at: Context, file: str, before: Node) -> Node:
    """The document with every `extends` carried out."""
    for section in SERVICES:
        entries = document.get(section)
        if not entries or not any(entry.get("extends") for _, entry in entries.items()):
            continue
        known = {**dict((before.get(section) or NOTHING).items()), **dict(entries.items())}
        chain = Chain(known, at, file)
        children = {name: chain.whole(name, ()) for name, _ in entries.items()}
        done = Node(children, entries.place, entries.tag, entries.keys)
        document = Node({**document.value, section: done}, document.place, document.tag, document.keys)
    return document


class Chain(NamedTuple):
    """The services of one file, of which one may extend another, or one of another file."""

    services: Mapping[str, Node]
    at: Context
    file: str

    def whole(self, name: str, trail: tuple[tuple[str, str], ...]) -> Node:
        """The service on top of what it extends."""
        service = self.services[name]
        extends = service.get("extends")
        if not extends or extends.value is None:
            return service
        path = f"services.{name}.extends"
        base = self.base(extends, path, (*trail, (os.path.abspath(self.file), name)))
        own = without(service, "extends")
        return merged(base, own) if base else own

    def base(self, extends: Node, path: str, trail: tuple[tuple[str, str], ...]) -> Node | None:
        wanted = {"service": raw(extends)} if isinstance(extends.value, str) else raw(extends)
        name = wanted.get("service") if isinstance(wanted, dict) else None
        if not isinstance(name, str):
            self.at.mistakes.at(
                extends.place, path, "`extends` needs a `service`", "write `extends: {service: NAME}`"
            )
            return None
        there = self.elsewhere(extends, path) if wanted.get("file") else self
        if there is None:
            return None
        place = (extends.get("service") or extends).place
        if name not in there.services:
            hint = nearest(name, there.services)
            self.at.mistakes.at(place, path, f"`{name}` is no service of {there.file}", hint)
            return None
        if (os.path.abspath(there.file), name) in trail:
            steps = " -> ".join([service for _, service in trail] + [name])
            self.at.mistakes.at(place, path, f"`extends` in a circle: {steps}", "leave one of them out")
            return None
        return there.whole(name, trail)

    def elsewhere(self, extends: Node, path: str) -> "Chain | None":
        named = extends.value["file"]
        file = self.at.path(str(named.value))
        library = self.at.library
        if not library.lend(file, named.place, path):
            return None
        services: dict[str, Node] = {}
        for document in library.readable(file, self.at.variables, os.path.dirname(file)):
            services |= dict(services_of(document))
        return Chain(services, Context(library, os.path.dirname(file), self.at.variables), file)


def services_of(document: Node) -> Iterator[tuple[str, Node]]:
    for section in SERVICES:
        yield from (document.get(section) or NOTHING).items()


def borrowings(library: Library, file: str) -> None:
    """Note which files this one includes or extends from, so that a directory does not load them twice."""
    at = context(library, file)
    for document in library.documents(file):
        named = [(service.get("extends") or NOTHING).get("file") for _, service in services_of(document)]
        for item in (document.get("include") or NOTHING).elements():
            paths = item.get("path") or item
            named += paths.elements() or [paths]
        texts = [node.value for node in named if node and isinstance(node.value, str)]
        library.borrowed.update(os.path.abspath(at.path(text)) for text in texts)

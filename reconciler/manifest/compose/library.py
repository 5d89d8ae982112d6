"""The files of a run, parsed once each, and what their variables are."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import Where
from ...mistakes import WrongValue
from ..store.known import Gist
from ..yaml.node import Mistakes, Node, Place
from ..yaml.parse import parse
from . import dotenv
from .files import STDIN, Inputs
from .interpolate import Variables, interpolated
from .spelling import canonical


@dataclass
class Library:
    """The parsed documents of a run, each file parsed once."""

    inputs: Inputs
    parsed: dict[str, list[Node]] = field(default_factory=dict)
    gists: dict[str, Gist] = field(default_factory=dict)  # by file; at first those of an earlier run
    used: dict[str, str | None] = field(default_factory=dict)  # variables that were asked for
    blank: dict[str, Place] = field(default_factory=dict)  # those that have no value and no default
    borrowed: set[str] = field(default_factory=set)  # files that others include or extend from
    broken: set[str] = field(default_factory=set)  # files that are no YAML

    @property
    def mistakes(self) -> Mistakes:
        return self.inputs.mistakes

    def apart(self) -> "Library":
        """That of the same run, which remembers what is asked of it from now on."""
        return Library(self.inputs.apart(), self.parsed, self.gists, broken=self.broken)

    def documents(self, file: str) -> list[Node]:
        text = self.inputs.read(file)
        if file not in self.parsed:
            before = len(self.mistakes)
            self.parsed[file] = parse(text, file, self.mistakes) if text is not None else []
            self.broken |= {file} if text is None or len(self.mistakes) > before else set()
        return self.parsed[file]

    def forget(self, files: Iterable[str]) -> None:
        """Of files that one project has to itself, once it is read: all their nodes at once would be most of
        what a run holds."""
        for file in files:
            if os.path.abspath(file) not in self.borrowed:
                self.parsed.pop(file, None)

    def readable(self, file: str, variables: Variables, folder: str) -> list[Node]:
        """The documents with their variables replaced and one spelling for everything."""
        found = []
        self.inputs.partial |= not self.documents(file) and file in self.broken
        for document in self.documents(file):
            if document.value is None:
                continue
            if type(document.value) is not dict:
                self.inputs.partial = True
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
            self.mistakes.missing(
                place, path, f"{file} does not exist", "write its path from this file's folder"
            )
            self.inputs.partial = True
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
        if (text := inputs.optional(file)) is not None:
            try:
                values |= dotenv.parse(text, {**values, **outside})
            except dotenv.BadLine as error:
                inputs.mistakes.append(WrongValue(str(error), "write NAME=value", Where(file, error.line)))
    return {**values, **outside}

"""The text that a project's files come to: merged, its variables replaced, in one spelling."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ManifestErrors
from .compose.files import Inputs, find
from .compose.groups import grouped, reading, wanted
from .compose.library import Library
from .options import Drivers
from .yaml.node import raw


class Merged(NamedTuple):
    """A project as plain data."""

    name: str
    tree: Mapping[str, Any]


def merged(
    paths: Sequence[str],
    drivers: Drivers,
    environ: Mapping[str, str],
    projects: frozenset[str] | None = None,
    stdin: str | None = None,
) -> list[Merged]:
    """Of each of the PATHs' projects; raises ManifestErrors.  Paths in them are from the root."""
    inputs = Inputs(dict(environ), drivers, stdin)
    library, found = Library(inputs), find([*rooted(paths)], inputs.mistakes)
    groups = grouped(found, library)
    if projects is not None:
        groups = wanted(groups, projects, inputs.mistakes)
    done = [Merged(name, raw(reading(group, library).tree)) for name, group in sorted(groups.items())]
    if inputs.mistakes:
        raise ManifestErrors(inputs.mistakes)
    return done


def rooted(paths: Sequence[str]) -> Iterator[str]:
    yield from (path if path == "-" else os.path.abspath(path) for path in paths)

"""addresses.lock: what all hosts agree on and no edit may move, a sorted line each, so that git merges it.

A line is a network, an endpoint and its addresses.  Instead of an endpoint it names `@HOST`, that host's gateway, or
`@subnet` or `@vni`, the network's own.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ManifestError, Where
from .files import STDIN

NAME = "addresses.lock"
HEAD = "# written by `reconcile --lock`; commit it with the manifests\n"
Lock = dict[tuple[str, str], tuple[str, ...]]


def beside(paths: Sequence[str | Path]) -> str:
    """Where the lock of these PATHs stands: in the directory, or beside the first file."""
    first = os.fspath(paths[0]) if paths else ""
    if first in ("", STDIN):
        return NAME
    return os.path.join(first if os.path.isdir(first) else os.path.dirname(first), NAME)


def parse(text: str, file: str) -> tuple[Lock, list[ManifestError]]:
    """The lock, and what is wrong with it: a merge gone bad, or a value that two have."""
    lock: Lock = {}
    mistakes: list[ManifestError] = []
    held: dict[tuple[str, str], Where] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = Where(file, number, 1)
        if len(words) < 3:
            mistakes.append(ManifestError("no line of a lock", "NETWORK ENDPOINT ADDRESS ...", where))
            continue
        network, name, *values = words
        lock[network, name] = tuple(values)
        for key in ((network, name), *((network, value) for value in values)):
            if key in held:
                mistakes.append(twice(key[1], where, held[key]))
            held[key] = where
    return lock, mistakes


def twice(what: str, where: Where, first: Where) -> ManifestError:
    hint = "keep the older of the two lines and run `reconcile --lock`"
    return ManifestError(f"{what} stands twice", hint, where, (first, "here first"))


def text(lock: Mapping[tuple[str, str], Sequence[str]]) -> str:
    return HEAD + "".join(f"{line}\n" for line in sorted(lines(lock)))


def lines(lock: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    for (network, name), values in lock.items():
        yield " ".join((network, name, *values))

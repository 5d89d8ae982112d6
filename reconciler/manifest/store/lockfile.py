"""addresses.lock: what all hosts agree on and no edit may move, a sorted line each, so that git merges it.

A line is a network, an endpoint and its addresses.  Instead of an endpoint it names `@HOST`, that host's
gateway or slice, or `@subnet` or `@vni`, the network's own."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import ManifestError, Where
from ...mistakes import WrongLock

NAME = "addresses.lock"
FORMAT = 1  # where none is written too; every version passes over lines with a `#`
HEAD = f"# written by `reconcile --lock`; commit it with the manifests\n# format {FORMAT}\n"
Lock = dict[tuple[str, str], tuple[str, ...]]


def beside(paths: Sequence[str | Path]) -> str:
    """Where the lock of these PATHs stands: in the directory, or beside the first file."""
    first = os.fspath(paths[0]) if paths else ""
    if first in ("", "-"):
        return NAME
    return os.path.join(first if os.path.isdir(first) else os.path.dirname(first), NAME)


def parsed(text: str) -> Lock:
    """The lock, of a text without mistakes."""
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {(network, name): tuple(values) for network, name, *values in rows}


def unreadable(text: str, file: str) -> Iterator[ManifestError]:
    """That another version wrote it, in a way that this one cannot read."""
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case ["#", "format", found] if found != str(FORMAT):
                message = f"{NAME} is of format {found}, and this version of reconcile reads {FORMAT}"
                yield WrongLock(message, "use the version that wrote it", Where(file, number, 1))


def mistakes(text: str, file: str) -> Iterator[ManifestError]:
    """What is wrong with a lock: a merge gone bad, or a value that two have."""
    held: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        network, *words = line.split() or [""]
        if len(words) < 2:
            yield WrongLock("no line of a lock", "NETWORK ENDPOINT ADDRESS ...", Where(file, number, 1))
        for word in words:
            if held.setdefault((network, word), number) != number:
                yield twice(word, Where(file, number, 1), Where(file, held[network, word], 1))


def twice(what: str, where: Where, first: Where) -> ManifestError:
    hint = "keep the older of the two lines and run `reconcile --lock`"
    return WrongLock(f"{what} stands twice", hint, where, (first, "here first"))


def text(lock: Mapping[tuple[str, str], Sequence[str]]) -> str:
    return HEAD + "".join(f"{line}\n" for line in sorted(lines(lock)))


def lines(lock: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    for (network, name), values in lock.items():
        yield " ".join((network, name, *values))

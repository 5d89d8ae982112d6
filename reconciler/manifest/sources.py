"""Of which folder each project is, and what the folders of a run are called."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..values import value
from .compose.files import STDIN
from .repository import names


@value
class Source:
    """A folder that a host may remember by each of these names: the `whole` truth for the projects that stand
    from it, or one that single files are in."""

    path: str = ""
    names: tuple[str, ...] = ()
    whole: bool = False

    @property
    def portable(self) -> bool:
        """Whether it is called by its repository, which is alike on all machines."""
        return self.path.startswith("/") and not self.names[0].startswith("/")


def again(one: Source) -> Source:
    """One that was read some time ago: it may be called otherwise since."""
    return replace(one, names=tuple(dict.fromkeys((*called(one.path), *one.names))))


def sources(paths: Sequence[str]) -> Iterator[Source]:
    """The folders among the PATHs, and those that single files are in."""
    whole = folders(paths)
    beside = {beside_file(path) for path in paths if not os.path.isdir(path)}
    for path in sorted({*whole, *beside}):
        yield Source(path=path, names=called(path), whole=path in whole)


def folders(paths: Iterable[str]) -> list[str]:
    return [os.path.abspath(path) for path in paths if path != STDIN and os.path.isdir(path)]


def beside_file(file: str) -> str:
    return STDIN if file == STDIN else os.path.dirname(os.path.abspath(file))


def called(path: str) -> tuple[str, ...]:
    return ("standard input",) if path == STDIN else names(path)


def path_of(files: Iterable[str], whole: Sequence[str]) -> str:
    """Of which source a project in these files is, in whatever order they come."""
    known = sorted(map(beside_file, files))
    above = [path for path in whole for file in known if f"{file}/".startswith(f"{path.rstrip('/')}/")]
    return max(above, key=lambda path: (len(path), path), default=known[0])

"""Which files the PATHs name, and their text: only regular files are opened, and none is passed over."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import ManifestError, Where
from ...mistakes import NoFile
from ..options import Drivers
from ..yaml.node import Mistakes, nearest

STDIN = "-"
MAX_BYTES = 32 << 20  # of one file
SUFFIXES = (".yaml", ".yml")
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(
    f"{stem}.override{suffix}" for stem in ("compose", "docker-compose") for suffix in (".yml", ".yaml")
)


@dataclass
class Inputs:
    """Every text that is read, by the file's name as users see it."""

    environ: Mapping[str, str]
    drivers: Drivers
    stdin: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    partial: bool = False  # a file or a section of it is told to be broken: what is named may be in there
    absent: set[str] = field(default_factory=set)  # files that need not be there and are not
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mistakes: Mistakes = field(default_factory=Mistakes)  # of the whole run, and
    shelf: dict[str, str | None] = field(default_factory=dict)  # its texts; None cannot be had

    def apart(self) -> "Inputs":
        """Those of the same run, which remember what is read through them from now on."""
        return Inputs(self.environ, self.drivers, self.stdin, mistakes=self.mistakes, shelf=self.shelf)

    def read(self, file: str) -> str | None:
        """The text of a file; None, and a mistake, where it cannot be had."""
        if file not in self.shelf:
            self.shelf[file] = self.fetched(file)
        text = self.shelf[file]
        if text is not None:
            self.texts[file] = text
        return text

    def optional(self, file: str) -> str | None:
        """The text of a file that need not be there; a pipe, say, is there."""
        if os.path.isdir(file) or file == os.devnull or not os.path.exists(file):
            self.absent.add(file)
            return None
        return self.read(file)

    def fetched(self, file: str) -> str | None:
        try:
            return self.piped() if file == STDIN else read_regular(file)
        except ManifestError as error:
            self.mistakes.append(error)
            return None

    def piped(self) -> str:
        return standard_input() if self.stdin is None else self.stdin


def standard_input() -> str:
    """What the process is given; it may never end."""
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(STDIN, error) from None
    if len(data) > MAX_BYTES:
        raise too_large(STDIN)
    return decoded(STDIN, data)


def read_regular(file: str) -> str:
    """The text of a regular file; opening it never blocks, as a pipe's would."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from None
    try:
        refuse_irregular(file, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(file, error) from None
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:  # it grows meanwhile, or is one of /proc, which tell no size
        raise too_large(file)
    return decoded(file, data)


def refuse_irregular(file: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NoFile(f"{kind(found.st_mode)} is no regular file", "name one that is", Where(file))
    if found.st_size > MAX_BYTES:
        raise too_large(file)


def too_large(file: str) -> ManifestError:
    hint = "split it; the project's name may stand in several files"
    return NoFile(f"larger than {MAX_BYTES >> 20} MiB", hint, Where(file))


def decoded(file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise NoFile(
            f"no UTF-8: byte {data[error.start]:#04x}", "save the file as UTF-8", Where(file, line, column)
        ) from None


def lacking_env_file(file: str) -> str:
    """Why a file of variables that was named cannot be had; "" where it is there."""
    if os.path.isdir(file):
        return f"env file {file} is a directory"
    return "" if os.path.exists(file) else f"env file {file} does not exist"


def kind(mode: int) -> str:
    names = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return names.get(stat.S_IFMT(mode), "a device")


def unreadable(file: str, error: OSError | ValueError) -> ManifestError:
    if isinstance(error, FileNotFoundError) and os.path.islink(file):
        return NoFile(
            f"dangling link to {os.readlink(file)}", "remove it, or restore its target", Where(file)
        )
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    near = beside(file) or called(file) if isinstance(error, FileNotFoundError) else ""
    return NoFile(f"cannot be read: {words}", near, Where(file))


def called(word: str) -> str:
    """Of what is rather a name than a path."""
    names = "PATH is a file or a folder; --project NAME is a project, --explain WORD what is in one"
    return "" if "/" in word or "." in word else names


def beside(file: str) -> str:
    """The manifest in its folder that was probably meant."""
    folder, name = os.path.split(file)
    with suppress(OSError):
        found = nearest(name, [other for other in os.listdir(folder or ".") if other.endswith(SUFFIXES)])
        return found if found.startswith("did you mean") else ""
    return ""


class Found(NamedTuple):
    """One manifest file; those that were found in a directory need not be manifests."""

    file: str
    explicit: bool
    overrides: str = ""  # the file in the same folder that this one goes on top of

    @property
    def folder(self) -> str:
        return os.path.dirname(os.path.abspath(self.file)) if self.file != STDIN else os.getcwd()


def find(paths: Sequence[str | Path], mistakes: Mistakes) -> list[Found]:
    """The files of the PATHs, in the order given; those of a directory by name."""
    found: dict[str, Found] = {}
    for path in [os.fspath(path) for path in paths]:
        if path != STDIN and os.path.isdir(path):
            for item in walk(path, mistakes):
                found.setdefault(os.path.abspath(item.file), item)
        else:
            found[STDIN if path == STDIN else os.path.abspath(path)] = Found(path, True)
    return list(found.values())


def walk(directory: str, mistakes: Mistakes) -> Iterator[Found]:
    """Every YAML file below, without what is hidden; links to directories are not followed."""

    def refuse(error: OSError) -> None:
        mistakes.append(unreadable(error.filename or directory, error))

    for folder, below, names in os.walk(directory, onerror=refuse):
        below[:] = sorted(name for name in below if not name.startswith("."))
        manifests = sorted(n for n in names if n.endswith(SUFFIXES) and not n.startswith("."))
        yield from in_folder(folder, manifests)


def in_folder(folder: str, names: Sequence[str]) -> Iterator[Found]:
    """Of Compose's default names the first alone counts, and its override goes on top of it."""
    main = next((name for name in COMPOSE if name in names), "")
    over = next((name for name in OVERRIDES if name in names), "") if main else ""
    for name in names:
        file = os.path.join(folder, name)
        if name == over:
            yield Found(file, False, os.path.join(folder, main))
        elif name == main or name not in COMPOSE and (name not in OVERRIDES or not main):
            yield Found(file, False)

"""Which commit the manifests are of, and whether git is writing them.

In a tree of another user git goes by nobody's settings: these may name programs to run.
"""

import fcntl
import os
import re
import signal
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from .. import disk
from ..errors import Locked
from ..manifest.repository import own_git_folder

PATIENCE = 5.0  # seconds
PACKED = 64 << 20  # bytes of packed-refs: a million branches
HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
LEFT_BEHIND = 10.0  # seconds: a lock that nobody has open by then is of a git that died


class Tree(NamedTuple):
    """A work tree, and where git keeps what belongs to it: of a linked one, its own part of it."""

    folder: Path
    git: Path


def trees(paths: Iterable[str]) -> Iterator[Tree]:
    """Every work tree that these are in, and those that it is in itself; the nearest first."""
    folders = (folder for path in paths for folder in above(path))
    for folder in dict.fromkeys(folders):
        if found := own_git_folder(str(folder)):
            yield Tree(folder, Path(found))


def above(path: str) -> list[Path]:
    here = Path(os.path.realpath(path))
    return [here, *here.parents]


def writing(paths: Iterable[str]) -> str:
    """The lock of a git that is writing to a work tree that one of these is in: half a checkout is no
    revision.  "" where none is."""
    locks = (os.path.join(tree.git, "index.lock") for tree in trees(paths))
    return next((lock for lock in locks if is_held(lock)), "")


def is_held(lock: str) -> bool:
    """Git keeps its lock open for as long as a checkout takes; a lock alone counts while it is young."""
    with suppress(OSError, ValueError), disk.opened(lock, os.O_RDONLY | os.O_NOFOLLOW) as (fd, found):
        young = 0 <= time.time() - found.st_ctime < LEFT_BEHIND
        return stat.S_ISREG(found.st_mode) and (young or is_written(fd))
    return False


def is_written(fd: int) -> bool:
    """Whether somebody has this file open for writing: Linux grants no lease on it then (fcntl(2))."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # who opens it now signals us, and this ends nobody
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases, or not ours to ask
        return False
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def let_finish(paths: tuple[str, ...], patience: float = LEFT_BEHIND) -> None:
    """Wait until git has written; raises Locked where that takes longer."""
    deadline = time.monotonic() + patience
    while lock := writing(paths):
        if time.monotonic() >= deadline:
            raise Locked(f"git is writing to the manifests: {lock}", "run it again when git is done")
        time.sleep(0.05)


def log(paths: tuple[str, ...]) -> str:
    """The file that git writes to whenever another commit is checked out; "" where there is no git."""
    return next((os.path.join(tree.git, "logs/HEAD") for tree in trees(paths[:1])), "")


def commit(paths: tuple[str, ...]) -> str:
    """`3f2a91c04d11` or `3f2a91c04d11+dirty`; "" where the first path is in no work tree."""
    tree = next(trees(paths[:1]), None)
    if not tree or not (found := checked_out(tree)):
        return ""
    inside = [path for path in map(os.path.realpath, paths) if Path(path).is_relative_to(tree.folder)]
    return found[:12] + "+dirty" * bool(changes(tree, found, inside))


def changes(tree: Tree, found: str, paths: list[str]) -> str:
    """What differs there from the commit; "" where git cannot tell."""
    words = ("status", "--porcelain", "--ignore-submodules=all", "--", *paths)
    with suppress(OSError):
        if tree.folder.stat().st_uid == os.geteuid():
            return ask(tree.folder, *words)
        with apart(tree, found) as environ:
            return ask(tree.folder, *words, environ=environ)
    return ""


@contextmanager
def apart(tree: Tree, found: str) -> Iterator[dict[str, str]]:
    """What makes git look at somebody's tree by a repository of our own, around their objects and a copy of
    their index: settings, filters and hooks of theirs, which name programs to run, are not in it."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        folder, form = Path(name), "sha256" if len(found) == 64 else "sha1"
        for part in ("objects", "refs"):
            (folder / part).mkdir()
        (folder / "HEAD").write_text(f"{found}\n")
        (folder / "config").write_text(
            f"[core]\nrepositoryformatversion=1\n[extensions]\nobjectFormat={form}\n"
        )
        (folder / "index").write_bytes(disk.read(tree.git / "index", disk.LARGE))
        where = {"DIR": folder, "WORK_TREE": tree.folder, "OBJECT_DIRECTORY": shared(tree.git) / "objects"}
        nobodys = {"CONFIG_GLOBAL": os.devnull, "CONFIG_SYSTEM": os.devnull, "ATTR_NOSYSTEM": "1"}
        yield {f"GIT_{key}": str(value) for key, value in (where | nobodys).items()}


def checked_out(tree: Tree) -> str:
    """The commit; git itself knows where a repository of another form has its branches."""
    return head(tree.git) or ask(tree.folder, "rev-parse", "HEAD")


def ask(tree: Path, *words: str, environ: Mapping[str, str] = {}) -> str:
    import subprocess  # which takes 3 ms, and most trees are none of git's

    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(tree), *words]
    closed, environ = subprocess.DEVNULL, {**os.environ, **environ}
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, stdin=closed, env=environ)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
    return ""


def head(folder: Path) -> str:
    """The commit that HEAD names, by itself or through a branch; "" for what is none.

    Whoever owns the tree wrote these files, and we may read more than they.
    """
    with suppress(OSError, ValueError, StopIteration):
        named = text(folder / "HEAD")
        if branch := branch_of(named):
            named = branch_tip(branch, folder)
        return named if HASH.fullmatch(named) else ""
    return ""


def branch_tip(branch: str, folder: Path) -> str:
    """What a branch stands at; a linked work tree has few of its own."""
    for place in dict.fromkeys((folder, shared(folder))):
        with suppress(FileNotFoundError):
            return text(place / branch)
    packed = text(shared(folder) / "packed-refs", PACKED).splitlines()
    return next(row[0] for row in map(str.split, packed) if row[1:] == [branch])


def shared(folder: Path) -> Path:
    """Where git keeps what all linked work trees of a repository share."""
    with suppress(FileNotFoundError):
        return folder / text(folder / "commondir")
    return folder


def branch_of(named: str) -> str:
    """git-check-ref-format(1): below refs/, and never up."""
    branch = named.removeprefix("ref: ")
    inside = branch.startswith("refs/") and ".." not in branch and "\0" not in branch
    return branch if inside and branch != named else ""


def text(file: Path, most: int = 4096) -> str:
    return disk.read(file, most).decode(errors="replace").strip()

"""Which commit the manifests are of.

Git is asked only about trees of our own user: its settings may name programs to run.  Of others HEAD is read.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from .. import disk

PATIENCE = 5.0  # seconds
PACKED = 64 << 20  # bytes of packed-refs: a million branches
HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


def commit(paths: tuple[str, ...]) -> str:
    """`3f2a91c04d11` or `3f2a91c04d11+dirty`; "" where the first path is in no work tree."""
    folders = (folder for path in paths[:1] for folder in above(path))
    tree = next((folder for folder in folders if os.path.exists(folder / ".git")), None)
    if tree is None:
        return ""
    with suppress(OSError):
        if tree.stat().st_uid != os.geteuid():
            return head(tree / ".git")[:12]
    found = ask(tree, "rev-parse", "HEAD")[:12]
    dirty = found and ask(tree, "status", "--porcelain", "--", os.path.realpath(paths[0]))
    return found + "+dirty" * bool(dirty)


def above(path: str) -> list[Path]:
    here = Path(os.path.realpath(path))
    return [here, *here.parents]


def ask(tree: Path, *words: str) -> str:
    import subprocess  # which takes 3 ms, and most trees are none of git's

    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(tree), *words]
    closed = subprocess.DEVNULL
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, stdin=closed)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
    return ""


def head(folder: Path) -> str:
    """The commit that HEAD names, by itself or through a branch; "" for what is none.

    Whoever owns the tree wrote these files, and we may read more than they.
    """
    with suppress(OSError, StopIteration):
        named = text(folder / "HEAD")
        if branch := branch_of(named):
            try:
                named = text(folder / branch)
            except FileNotFoundError:
                packed = text(folder / "packed-refs", PACKED).splitlines()
                named = next(row[0] for row in map(str.split, packed) if row[1:] == [branch])
        return named if HASH.fullmatch(named) else ""
    return ""


def branch_of(named: str) -> str:
    """git-check-ref-format(1): below refs/, and never up."""
    branch = named.removeprefix("ref: ")
    inside = branch.startswith("refs/") and ".." not in branch and "\0" not in branch
    return branch if inside and branch != named else ""


def text(file: Path, most: int = 4096) -> str:
    return disk.read(file, most).decode(errors="replace").strip()

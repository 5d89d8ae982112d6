"""Which commit the manifests are of.

Git is asked only about trees of our own user: its settings may name programs to run.  Of others HEAD is read.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

PATIENCE = 5.0  # seconds


def commit(paths: tuple[str, ...]) -> str:
    """`3f2a91c04d11` or `3f2a91c04d11+dirty`; "" where the first path is in no work tree."""
    tree = next((folder for path in paths[:1] for folder in above(path) if (folder / ".git").exists()), None)
    if tree is None:
        return ""
    if tree.stat().st_uid != os.geteuid():
        return head(tree / ".git")[:12]
    found = ask(tree, "rev-parse", "HEAD")[:12]
    dirty = found and ask(tree, "status", "--porcelain", "--", os.path.realpath(paths[0]))
    return found + "+dirty" * bool(dirty)


def above(path: str) -> list[Path]:
    here = Path(os.path.realpath(path))
    return [here, *here.parents]


def ask(tree: Path, *words: str) -> str:
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(tree), *words]
    closed = subprocess.DEVNULL
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=closed)
        return done.stdout.strip() if done.returncode == 0 else ""
    return ""


def head(folder: Path) -> str:
    """The commit that HEAD names, by itself or through a branch."""
    with suppress(OSError, StopIteration):
        text = (folder / "HEAD").read_text().strip()
        if not text.startswith("ref: "):
            return text
        branch = text.removeprefix("ref: ")
        if (folder / branch).exists():
            return (folder / branch).read_text().strip()
        rows = (line.split() for line in (folder / "packed-refs").read_text().splitlines())
        return next(row[0] for row in rows if row[1:] == [branch])
    return ""

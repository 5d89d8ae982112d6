"""Which commit the manifests are of.  Asked as the owner of the repository, whose settings may name
programs to run."""

import os
import subprocess
from pathlib import Path

PATIENCE = 5.0  # seconds


def commit(paths: tuple[str, ...]) -> str:
    """`3f2a91c` or `3f2a91c+dirty`; "" where the first path is in no work tree or git cannot tell."""
    tree = next(
        (folder for path in paths[:1] for folder in above(path) if (folder / ".git").exists()), None
    )
    if tree is None:
        return ""
    head = ask(tree, "rev-parse", "--short=12", "HEAD")
    if not head:
        return ""
    return head + "+dirty" * bool(ask(tree, "status", "--porcelain", "--", os.path.realpath(paths[0])))


def above(path: str) -> list[Path]:
    here = Path(os.path.realpath(path))
    return [here, *here.parents]


def ask(tree: Path, *words: str) -> str:
    owner = tree.stat()
    other = os.geteuid() == 0 and owner.st_uid != 0
    became = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if other else {}
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(tree), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, **became
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

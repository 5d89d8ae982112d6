"""What engines are told by their commands, and what these answer."""

import errno
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from ...kinds.workload import ASTRAY, ENDED, RUN, RUNNING
from .. import netns
from ..processes import systemd_runs

LONGEST = 300  # characters of what is said against something
LONG = 1800.0  # seconds: an image may have to be pulled or built
PREFIXES = ("Error: ", "crun: ")
UNIT = ("--quiet", "--collect", "--wait", "--pipe", "--property=Type=oneshot", "--property=KillMode=process")
ASIDE = ("systemd-run", *UNIT, "--description=on behalf of a container")
# Runs a command in the environment that its standard input tells.
READ = """
import os, sys
os.environ.update(pair.split("=", 1) for pair in sys.stdin.read().split("\\0") if pair)
os.execvp(sys.argv[1], sys.argv[1:])
"""
READING = (sys.executable, "-I", "-c", READ)


def said_by(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    text: str = "",
    apart: bool = False,
    patience: float = LONG,
) -> str:
    """What the command prints; raises OSError with what it says against it, or where that takes too long.

    `apart` is for what starts something that goes on: where systemd runs, it is in no cgroup of who asks,
    which would end with it, nor as hardened.  Variables come by a pipe then: units are everybody's to read.
    """
    from subprocess import TimeoutExpired, run

    given = dict(environment or {})
    if apart and systemd_runs():
        words = [*ASIDE, *(READING if given else ()), *words]
        text, given = "\0".join(f"{name}={value}" for name, value in given.items()) or text, {}
    try:
        done = run(
            words,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **given},
            check=False,
            timeout=patience,
        )
    except TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, f"no answer from {words[0]} within {patience:g} s") from error
    if done.returncode:
        raise OSError(errno.EIO, complaint(done.stderr or done.stdout) or f"it ended with {done.returncode}")
    return done.stdout


def complaint(text: str) -> str:
    """The last line that says that it is one, or the last."""
    lines = [line for line in text.strip().splitlines() if line]
    marked = [line for line in lines if line.startswith(PREFIXES)]
    last = "".join((marked or lines)[-1:])
    for prefix in PREFIXES:
        last = last.removeprefix(prefix)
    return last[:LONGEST]


def make_folders(paths: Iterable[str]) -> None:
    """Where nothing is yet: what is mounted in a container may be a file as well."""
    for path in paths:
        if not os.path.exists(path):
            os.makedirs(path)


def remove(*files: str) -> None:
    """With the folders of ours that they were the last in."""
    for file in files:
        with suppress(FileNotFoundError):
            os.unlink(file)
        with suppress(OSError):
            while (file := os.path.dirname(file)).startswith(RUN):
                os.rmdir(file)


def whereabouts(pid: int, sandbox: str) -> str:
    """RUNNING where a process stands in the sandbox that has this name now, or else what it does instead."""
    try:
        own = os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return ENDED
    try:
        return RUNNING if not sandbox or own == netns.inode(sandbox) else ASTRAY
    except OSError:
        return ASTRAY

"""The command in a fork of this process: a fifth of a fresh interpreter's time, in the test's namespaces."""

import importlib
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import IO, NoReturn

# What an ordinary run imports; loaded here, before the first fork.
LOADED = (
    "reconciler.cli.apply",
    "reconciler.cli.plan",
    "reconciler.cli.status",
    "reconciler.kernel.linux",
    "reconciler.manifest.load",
    "reconciler.manifest.model.top",
)


def load() -> None:
    for name in LOADED:
        importlib.import_module(name)


def run(arguments: Sequence[str], environment: dict[str, str], timeout: float) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `reconcile ARGUMENTS`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if (child := os.fork()) == 0:
            become(arguments, environment, out, err)
        rc = wait(child, timeout)
        return rc, content(out), content(err)


def become(arguments: Sequence[str], environment: dict[str, str], out: IO[str], err: IO[str]) -> NoReturn:
    rc = 1
    try:
        with open(os.devnull) as nothing:
            for fd, file in enumerate((nothing, out, err)):
                os.dup2(file.fileno(), fd)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(environment)
        rc = importlib.import_module("reconciler.cli.command").main(list(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(rc)


def wait(child: int, timeout: float) -> int:
    pidfd = os.pidfd_open(child)
    try:
        ended = select.poll()  # for select() a test may have too many descriptors
        ended.register(pidfd, select.POLLIN)
        if not ended.poll(timeout * 1000):
            os.kill(child, signal.SIGKILL)
            raise TimeoutError(f"reconcile ran longer than {timeout} s")
    finally:
        os.close(pidfd)
        status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status)


def content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()

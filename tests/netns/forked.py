"""The command in a fork of this process: a fifth of a fresh interpreter's time, in the test's namespaces."""

import gc
import importlib
import os
import pkgutil
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

import reconciler
from reconciler import pipeline

MANIFEST = "name: t\nnetworks: {n: {}}\ncontainers: {web: {networks: [n], ports: ['80:80']}}\n"


def load() -> None:
    """Before the first fork: every module, and what pydantic makes of the models."""
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(MANIFEST)
        file.flush()
        pipeline.load([Path(file.name)])


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
        gc.freeze()  # what the tests have is none of its garbage
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

"""The command in a fork of this process: a fifth of a fresh interpreter's time, in the test's namespaces."""

import gc
import importlib
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

import reconciler
from reconciler import pipeline, values
from reconciler.core.plan import plan
from reconciler.inventory.facts import Facts
from reconciler.kernel import descriptors

MANIFEST = "name: t\nnetworks: {n: {}}\ncontainers: {web: {networks: [n], ports: ['80:80']}}\n"


def load() -> None:
    """Before the first fork: every module, what pydantic makes of the models, and the methods of values."""
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for one in gc.get_objects():
        if isinstance(one, type) and vars(one).get("__init__") is values.first:
            values.write_methods(one)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(MANIFEST)
        file.flush()
        manifest = pipeline.load([Path(file.name)])
    _, wanted = pipeline.decide(manifest, Facts(known=False))
    plan({}, wanted)


def run(arguments: Sequence[str], environment: dict[str, str], timeout: float) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `reconcile ARGUMENTS`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if (child := os.fork()) == 0:
            become(arguments, environment, out, err)
        rc = wait(child, timeout)
        return rc, content(out), content(err)


def become(
    arguments: Sequence[str], environment: dict[str, str], out: IO[str], err: IO[str], lasting: bool = False
) -> NoReturn:
    """Who lasts holds nothing open of what the tests have: their ends are told when they close them."""
    rc = 1
    try:
        with open(os.devnull) as nothing:
            for fd, file in enumerate((nothing, out, err)):
                os.dup2(file.fileno(), fd)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
        gc.freeze()  # what the tests have is none of its garbage
        if lasting:
            descriptors.keep_only({0, 1, 2})
        os.environ.clear()
        os.environ.update(environment)
        rc = importlib.import_module("reconciler.cli.command").main(list(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(rc)


class Running:
    """One that goes on beside the test, as `subprocess.Popen` has it."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], out: IO[str]) -> None:
        self.returncode: int | None = None
        if (pid := os.fork()) == 0:
            become(arguments, environment, out, out, True)
        self.pid, self.ended = pid, os.pidfd_open(pid)

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        """Raises TimeoutExpired."""
        if self.returncode is None:
            ended = select.poll()
            ended.register(self.ended, select.POLLIN)
            if not ended.poll(timeout * 1000):
                raise subprocess.TimeoutExpired("reconcile", timeout)
            os.close(self.ended)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


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

"""A watcher in a lab: started, waited for, asked, and ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.netns import forked
from tests.netns.lab import ENVIRONMENT, Lab, command

Process = forked.Running | subprocess.Popen[str]
STATUS = Path("/run/reconciler/status.json")
PATIENCE = 60.0  # seconds, for a machine that does other things too
EVENT = 10.0  # seconds that only an event keeps, on the busiest machine: the sweep comes every 20


class Watcher:
    """`log` is what it has said so far."""

    def __init__(self, process: Process, log: Path):
        self.process, self.file = process, log

    @property
    def log(self) -> str:
        return self.file.read_text()

    @property
    def status(self) -> dict[str, Any]:
        return json.loads(STATUS.read_text())

    def until(self, condition: Callable[[], Any], patience: float = PATIENCE) -> float:
        """Seconds until `condition` holds."""

        def met() -> bool:
            found = holds(condition)
            assert found or self.process.poll() is None, f"ended with {self.process.returncode}\n{self.log}"
            return found

        return until(met, patience, lambda: self.log)

    def synced(self) -> float:
        return self.until(lambda: self.status["in_sync"])

    def settled(self, pause: float = 0.4) -> None:
        """Wait until it has nothing more to answer: longer where others let it run seldom.

        Linux tells of a link's carrier up to a second late.
        """
        turns = -1
        while turns != (turns := self.status["last_run"]["turns"]):
            time.sleep(pause * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))

    def quiet(self, seconds: float = 1.0) -> int:
        """How many applies it makes while nothing happens."""
        self.settled()
        before = self.status["last_apply"]["count"]
        time.sleep(seconds)
        return self.status["last_apply"]["count"] - before

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def until(
    condition: Callable[[], Any], patience: float = PATIENCE, words: Callable[[], object] = str
) -> float:
    """Seconds until `condition` holds; `words` tell more of one that does not.

    Who asks with a command leaves the processor, most of the time, to what is waited for.
    """
    began = asked = time.monotonic()
    while not holds(condition):
        now = time.monotonic()
        assert now - began < patience, f"not within {patience} s\n{words()}"
        time.sleep(max(0.01, min(0.2, 3 * (now - asked))))
        asked = time.monotonic()
    return time.monotonic() - began


def holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except (OSError, ValueError, LookupError):
        return False


def begun(paths: Sequence[object], environment: dict[str, str], out: IO[str], *, fresh: bool) -> Process:
    """A fork of this process, or where `fresh` an interpreter of its own."""
    if not fresh:
        return forked.Running(["--watch", *map(str, paths)], environment, out)
    words, nothing = command("--watch", *paths), subprocess.DEVNULL
    return subprocess.Popen(words, env=environment, stdin=nothing, stdout=out, stderr=out, text=True)


@contextmanager
def watching(lab: Lab, *paths: object, sync: bool = True, **environment: str) -> Iterator[Watcher]:
    lab.files.mkdir(exist_ok=True)
    log = lab.files.parent / "watch.log"
    with open(log, "w") as out:
        process = begun(paths, {**ENVIRONMENT, **environment}, out, fresh="PYTHONPATH" in environment)
    watcher = Watcher(process, log)
    try:
        if sync:
            watcher.synced()
        yield watcher
    finally:
        process.terminate()  # it ends what it is about
        try:
            process.wait(EVENT)
        finally:
            process.kill()
        if STATUS.exists():
            os.unlink(STATUS)

"""Engines as they run: what each has of ours, and how it is told to run more.  A file is an engine."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Protocol

from ...kinds.workload import Workload
from ...paths import ENGINES_USED
from .. import looking
from ..transcript import EVERYWHERE


class Runner(Protocol):
    """The functions of an engine's file.  What it refuses is an OSError in its own words."""

    def lack(self) -> str:
        """What has to be installed before it can run anything."""

    def listing(self) -> Iterable[Workload]:
        """All that it has of ours."""

    def put(self, new: Workload, old: Workload | None) -> None:
        """Runs it; what is replaced runs again where the new one does not."""

    def remove(self, old: Workload) -> None:
        """Asks it to end, waits as long as it may take, and leaves nothing."""

    def logs(self, name: str) -> list[str]:
        """The command that tells what it has said."""

    def inside(self, name: str, words: Sequence[str]) -> list[str]:
        """The command that runs this one in it."""

    def test(self, one: Workload) -> bool:
        """Its health, once, for as long as that may take; the engine counts how often it fails."""

    def wait(self, name: str, condition: str) -> None:
        """Until this container is as `depends_on` wants it; raises where it will not be, or not soon, since
        an apply keeps others out."""


def lack(engine: str) -> str:
    return runner(engine).lack()


def runner(engine: str) -> Runner:
    return import_module(f".{engine}", __name__)


def listing() -> Iterator[Workload]:
    """All that engines have of ours."""
    for engine in engines():
        yield from runner(engine).listing()


def used(engine: str) -> str:
    """The file that stands as long as the engine has something of ours."""
    return f"{ENGINES_USED}/{engine}"


def engines() -> Iterator[str]:
    """Those that have something of ours."""
    yield from looking.listing(ENGINES_USED, EVERYWHERE)

"""Engines run what a sandbox is for: a Task becomes a Workload with all that its engine is told.  Pure; what
an engine has no way for is a ManifestError at the place of the key."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Protocol

from ..cnm.topology import Task
from ..core.resource import Origin, Resource
from ..errors import ManifestError
from ..kinds.workload import Workload
from ..manifest.waiting import each
from .refusals import refuse


class Engine(Protocol):
    """A file of this room: the functions of its module."""

    def lower(self, task: Task) -> Workload:
        """Raises ManifestError for what it cannot carry out."""


def engine(name: str) -> Engine:
    found: Engine = import_module(f".{name}", __name__)
    return found


def lower(tasks: tuple[Task, ...]) -> Iterator[Resource]:
    """Of what was kept of a manifest nobody knows the variables' values: it can be told from others by their
    digest, and not be run anew.  Raises ManifestErrors with the mistakes of all."""
    mistakes: dict[str, ManifestError] = {}  # each once, however many replicas there are
    for task in tasks:
        try:
            made = engine(task.engine).lower(task)
        except ManifestError as error:
            mistakes |= {str(one): one for one in each(error) if isinstance(one, ManifestError)}
            continue
        kept = made.how if task.environment or not task.spec.variables else None
        yield replace(made, how=kept, origin=Origin(task.where, task.engine))
    refuse(mistakes.values())

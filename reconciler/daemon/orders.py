"""What a watcher is started with."""

import os
from collections.abc import Callable, Mapping
from dataclasses import field

from ..change import Terms
from ..safety.limits import Limits
from ..values import record


@record
class Orders:
    """What a person told a watcher."""

    paths: tuple[str, ...]  # from the root
    projects: frozenset[str] | None
    limits: Limits
    state_dir: str
    note: Callable[[str], None]  # takes lines of the log
    prune: bool = True
    strict: bool = False  # what one project waits for holds up all
    verbose: bool = False
    cache: str = ""  # the folder where validated manifests are kept
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)  # that they are read with

    @property
    def terms(self) -> Terms:
        return Terms(self.prune, self.strict)

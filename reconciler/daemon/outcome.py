"""What comes of a turn, and what it goes by."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

from ..change import Change
from ..errors import ReconcileError
from ..lasting import LastingHost
from ..manifest.spec import Manifest
from ..values import record


@record
class Outcome:
    """What came of a turn."""

    change: Change | None = None  # what was applied, or that there was nothing to apply
    drift: bool = False  # the manifests had not moved: somebody else had
    seconds: float | None = None  # of the apply
    error: ReconcileError | None = None  # why the newest revision does not stand
    settling: bool = False  # it does not yet: what it takes away waits until files have been left alone

    @property
    def in_sync(self) -> bool:
        return self.error is None and self.change is not None and not self.settling


class Grounds(NamedTuple):
    """What a turn goes by, but for the host."""

    newest: str  # the digests of revisions
    kept: str
    broken: str


@record
class Pipeline:
    """The line as this watcher was told to run it."""

    host: LastingHost
    read: Callable[[], Manifest]
    compare: Callable[[Manifest], Change]
    refuse: Callable[[Change], None]
    lock: Callable[[], AbstractContextManager[int]]
    latest: Callable[[], int]  # what `lock` yields, as long as nobody takes it
    last: Callable[[], Manifest | None]  # the last good revision, if somebody else has made it another one
    # The projects that are left as they stand since a person's apply of them is not confirmed yet, and why
    meanwhile: Callable[[Manifest], Mapping[str, ReconcileError]] = lambda _: {}

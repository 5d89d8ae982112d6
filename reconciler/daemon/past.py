"""What a watcher remembers of what was applied, and what somebody else has made of that."""

from ..change import Change
from ..inventory import ownership
from ..inventory.summary import summary
from ..manifest.spec import Manifest
from ..safety.rejections import let_go
from ..safety.revisions import Revisions
from .outcome import Outcome
from .reader import ManifestReader
from .troubles import Troubles

HISTORY, LAST_GOOD, STATE = "history", "the last good revision", "the state directory"


class Past:
    """Revisions of the manifests that `reader` reads."""

    def __init__(self, history: Revisions, reader: ManifestReader, troubles: Troubles):
        self.history, self.reader, self.troubles = history, reader, troubles
        self.lost = False  # what is recorded of what stands
        self.stamp: object = None  # of the history as we know it
        self.kept: tuple[Manifest | None, str] = (None, "")  # what was recorded last, and its commit

    def last_good(self) -> Manifest | None:
        """What holds while the manifests are broken, if another one than we know."""
        if self.history.is_lost:
            self.begin_anew()
        if self.stamp != (stamp := self.history.stamp):
            self.stamp, self.kept = stamp, (None, "")  # somebody has written: what stands is said again
            with self.troubles.contained(LAST_GOOD):
                return self.history.last(self.reader.paths)
        return None

    def begin_anew(self) -> None:
        """Somebody has removed it: what is lost is told, and what we know of it is written again."""
        lost = f"revisions were removed from {self.history.folder}: what they said cannot be gone back to"
        self.troubles.note(f"trouble with {STATE}: {lost}")
        self.troubles.words[STATE] = lost
        self.kept, self.lost = (None, ""), True
        with self.troubles.contained(HISTORY):
            self.history.begin_anew()

    def remember(self, outcome: Outcome, newest: Manifest | None, good: Manifest | None) -> None:
        """Record what stands."""
        if not (good and outcome.change) or (good, self.reader.commit) == self.kept:
            return
        if self.kept == (None, "") and not self.lost:
            self.tell_of_none(outcome.change)
        self.kept, before = (good, self.reader.commit), self.history.stamp
        is_newest = newest is not None and good.digest == newest.digest
        if is_newest or self.lost:
            if not outcome.error:
                let_go(good, self.history)
            commit = self.reader.commit * is_newest
            self.history.record(good, self.reader.paths, commit, summary(outcome.change))
            self.lost = False
            self.troubles.end(LAST_GOOD)
        if self.stamp == before:  # else somebody has written there, and is to be heeded
            self.stamp = self.history.stamp

    def tell_of_none(self, change: Change) -> None:
        """What stands was applied; where nothing tells of that, nothing tells what was undone."""
        if not self.history.numbers() and any(ownership.roots(change.live).values()):
            nothing = f"{self.history.folder} has nothing of what stands"
            self.troubles.note(
                f"{nothing}: it cannot be gone back to, and what was undone before may be applied again"
            )

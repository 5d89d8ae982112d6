"""One turn after another: read if files rang, let the keeper run the line, tell what came of it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..core import render
from ..kernel import frr
from ..kernel.lock import latest, lock
from ..kernel.netlink.events import END, EVENT, Events
from ..kinds.evpn import Router
from ..kinds.ownership import HOST
from ..pipeline import Change, LastingHost, compare
from ..safety.limits import Limits, refuse
from ..safety.revisions import History
from . import metrics
from .backoff import Pace
from .files import Files
from .reader import Reader
from .relay.process import Relay, published
from .repair import Keeper, Line, Moved, Outcome
from .sd_notify import notify
from .status import SUSPENDED, WATCHED, Tally, publish
from .troubles import Troubles

FALLEN = "threads"  # rings when a thread of ours ends with an exception
READS = {"start", "file", "asked", "sweep", FALLEN}  # after these the files may say something new
BUSY = 0.5  # seconds until the next look while somebody else applies; they go first
LISTED = 20  # lines of a plan in the log, the rest is counted
ERRONEOUS = 5.0  # seconds until the next look while something is wrong


@dataclass(frozen=True)
class Orders:
    """What a person told a watcher."""

    paths: tuple[str, ...]  # from the root
    projects: frozenset[str] | None
    limits: Limits
    state_dir: str
    note: Callable[[str], None]  # takes lines of the log
    prune: bool = True
    verbose: bool = False


class Watcher:
    """Who has files armed again, the kernel's events, which want to know sandboxes, and the relay."""

    def __init__(self, orders: Orders, host: LastingHost, files: Files, events: Events, relay: Relay):
        self.orders, self.files, self.events, self.relay = orders, files, events, relay
        self.history, self.tally = History(orders.state_dir), Tally()
        self.reader = Reader(orders.paths, orders.projects, self.history)
        line = Line(
            host,
            self.reader,
            partial(compare, host=host, prune=orders.prune),
            partial(refuse, limits=orders.limits),
            lock,
            latest,
            partial(self.history.last, orders.paths),
        )
        self.keeper = Keeper(line, Pace)
        self.complained = self.remembered = ""
        self.troubles = Troubles(self.note, Pace, verbose=orders.verbose)
        self.caught = self.troubles.caught
        self.fallen = ""  # why a thread is to be replaced
        self.relay_told: dict[str, Any] = {"ports": [], "refused": [], "notes": []}

    def turn(self, rings: Sequence[Any]) -> float:
        """A look, and seconds until the next; whatever happens in it, there is a next."""
        notify(WATCHDOG=1)
        with self.caught("a turn"):
            return self.look(rings)
        with self.caught("status"):
            self.publish()
        return float(self.troubles.pace.held().get("a turn", ERRONEOUS))

    def look(self, rings: Sequence[Any]) -> float:
        kinds = {ring.kind for ring in rings}
        polling = bool(self.files.polling or self.fallen or not self.events.alive)
        if kinds == {"beat"} and not polling and self.tally.outcome.in_sync:
            return self.patience
        if kinds & READS or polling:
            self.arm(rings)
        change: Change | None = None
        who = ", ".join(sorted({r.words for r in rings if r.kind == EVENT and r.words}))
        if os.path.exists(SUSPENDED):
            self.complain("suspended: nothing is applied until --resume")
        else:
            self.reader.stale |= bool(kinds & READS) or polling
            outcome = self.keeper.turn(moved(rings))
            if outcome is None:
                return BUSY
            self.tally.add(outcome, cause(rings), who)
            self.answer(outcome, who)
            change = outcome.change
        with self.caught("the relay"):
            self.relayed(change)
        if kinds & READS:
            with self.caught("metrics"):
                metrics.publish(self.tally, self.keeper)
        with self.caught("status"):
            self.publish()
        state = "in sync" if self.tally.outcome.in_sync else self.complained.partition("\n")[0]
        notify(READY=1, STATUS=f"{state}; {self.tally.healed} put right")
        return self.patience if self.tally.outcome.in_sync else min(self.patience, ERRONEOUS)

    @property
    def patience(self) -> float:
        """Seconds until another look, if nobody rings."""
        held = self.troubles.pace.held()
        return float(min([self.keeper.patience, self.relay.patience, *held.values()]))

    def arm(self, rings: Sequence[Any]) -> None:
        """Before reading: what changes from here on rings.  Threads that fell are replaced, ever later."""
        pace, words = self.troubles.pace, self.troubles.words
        for ring in rings:
            if ring.kind == FALLEN:
                self.fallen = words[FALLEN] = ring.words
                self.note(f"a thread fell: {ring.words}")
        if not self.fallen and FALLEN not in pace.slowed():
            words.pop(FALLEN, None)
        if self.fallen and FALLEN not in pace.held():
            pace.hit(FALLEN)
            self.fallen = ""
            self.files.forget()
        with self.caught("files"):
            self.files.arm()
        if not self.fallen:
            with self.caught("events of the kernel"):
                self.events.revive()

    def answer(self, outcome: Outcome, who: str) -> None:
        """What follows from a turn."""
        with self.caught("included files"):
            self.follow()
        with self.caught("the log"):
            self.tell(outcome, who)
        with self.caught("history"):
            self.remember(outcome)
        if outcome.change:
            with self.caught("events of sandboxes"):
                self.hear(outcome.change)

    def follow(self) -> None:
        """Watch what the manifests include, wherever that is."""
        paths = [*self.reader.watched, SUSPENDED]
        if paths != self.files.paths:
            self.files.paths = paths
            self.files.arm()

    def hear(self, change: Change) -> None:
        """What happens in a sandbox is heard as soon as it stands, whoever made it, and so is FRR's end."""
        if change.todo or not self.keeper.moved or self.keeper.moved.places is None:
            self.events.listen(sorted({r.place for r in change.desired.values() if r.place}))
        if Router.at(HOST, "evpn") in change.desired and (pid := frr.watch()):
            self.events.follow(pid)

    def relayed(self, change: Change | None) -> None:
        """After all that heals; the end of the relay's process rings."""
        if words := self.relay.serve(published(change.desired) if change else None):
            self.note(words)
        if pid := self.relay.pid:
            self.events.follow(pid)
        self.relay_told = self.relay.told()

    def tell(self, outcome: Outcome, who: str) -> None:
        """The log: each step as in a plan, and each error once."""
        change = outcome.change
        if change and change.todo:
            word = "put right" if outcome.drift else "applied"
            by = f"; changed by {who}" if outcome.drift and who else ""
            self.note(f"{word} in {(outcome.seconds or 0) * 1000:.0f} ms: {render.summary(change.todo)}{by}")
            rows = list(render.summarised(change.todo))
            for row in rows[:LISTED] + [f"... {len(rows) - LISTED} more"] * (len(rows) > LISTED):
                self.note(f"  {row}")
        if self.complain(str(outcome.error) if outcome.error else ""):
            self.troubles.trace(outcome.error)
        for (project, key), hits in self.keeper.fights.slowed().items():
            self.complain(f"project {project}: another program keeps changing {key} back ({hits} times)")

    def remember(self, outcome: Outcome) -> None:
        good = self.keeper.good
        if outcome.in_sync and outcome.change and good and good.digest != self.remembered:
            self.tally.commits[good.digest] = self.reader.commit
            self.history.record(
                good, self.orders.paths, self.reader.commit, render.summary(outcome.change.todo)
            )
            self.remembered = good.digest

    def complain(self, words: str) -> bool:
        """Say it, unless it was what was said last."""
        if new := bool(words) and words != self.complained:
            self.note(words)
        self.complained = words
        return new

    def note(self, words: str) -> None:
        stamp = "" if "JOURNAL_STREAM" in os.environ else time.strftime("%H:%M:%S ")
        self.orders.note(stamp + words)

    def publish(self) -> None:
        files = f"polled, since {self.files.polling}" if self.files.polling else WATCHED
        more = {"files": files, "paths": self.orders.paths, "troubles": self.troubles.words}
        more["relay"] = self.relay_told
        publish(self.tally, self.keeper, **more)


def moved(rings: Sequence[Any]) -> Moved | None:
    """What the kernel says; None where others rang, or nobody: then everything is to be decided anew."""
    told = [ring for ring in rings if ring.kind != "beat"]
    if not told or any(ring.kind not in (EVENT, END) for ring in told):
        return None
    if any(ring.place is None for ring in told):
        return Moved(None)
    return Moved(*(frozenset(r.place for r in told if r.kind == kind) for kind in (EVENT, END)))


def cause(rings: Sequence[Any]) -> str:
    words = [f"{ring.kind} {ring.words}".strip() for ring in rings]
    return ", ".join(dict.fromkeys(words[:3])) + f" and {len(words) - 3} more" * (len(words) > 3)

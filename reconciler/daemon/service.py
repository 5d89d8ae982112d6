"""One turn after another: read if files rang, let the keeper run the line, tell what came of it."""

import os
import time
from argparse import Namespace as Arguments
from collections.abc import Sequence
from typing import Any

from ..cli.session import note
from ..core import render
from ..errors import ReconcileError, Refused, foreseen
from ..kernel import frr
from ..kernel.lock import latest, lock
from ..kernel.netlink.events import END, EVENT
from ..kinds.evpn import Router
from ..kinds.ownership import HOST
from ..manifest.spec import Manifest
from ..pipeline import Change, Limits, compare, refuse
from ..safety.git import commit
from ..safety.revisions import History
from . import metrics
from .relay.process import published
from .repair import Keeper, Line, Moved, Outcome
from .sd_notify import notify
from .status import SUSPENDED, WATCHED, Tally, publish
from .troubles import Troubles

FALLEN = "threads"  # rings when a thread of ours ends with an exception
READS = {"start", "file", "asked", "sweep", FALLEN}  # after these the files may say something new
BUSY = 0.5  # seconds until the next look while somebody else applies; they go first
LISTED = 20  # lines of a plan in the log, the rest is counted
REMOVALS = "50%"  # what may go in one step without a person
ERRONEOUS = 5.0  # seconds until the next look while something is wrong


class Watcher:
    """`around` it: files to be armed again, the kernel's events, which want to know sandboxes, the relay."""

    def __init__(self, args: Arguments, paths: tuple[str, ...], host: Any, around: tuple[Any, Any, Any]):
        from .backoff import Pace

        self.args, self.paths = args, paths
        self.files, self.events, self.relay = around
        self.history, self.tally = History(args.state_dir), Tally()
        self.reader = Reader(args, paths, self.history)
        limits = Limits(removals=args.max_removals or REMOVALS, disruption=args.max_disruption)
        line = Line(
            host,
            self.reader,
            lambda manifest: compare(manifest, host, prune=not args.no_prune),
            lambda change: refuse(change, limits),
            lock,
            latest,
            lambda: self.history.last(paths),
        )
        self.keeper = Keeper(line, Pace)
        self.complained = self.remembered = ""
        self.troubles = Troubles(self.note, Pace, verbose=args.verbose)
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
            self.history.record(good, self.paths, self.reader.commit, render.summary(outcome.change.todo))
            self.remembered = good.digest

    def complain(self, words: str) -> bool:
        """Say it, unless it was what was said last."""
        if new := bool(words) and words != self.complained:
            self.note(words)
        self.complained = words
        return new

    def note(self, words: str) -> None:
        stamp = "" if "JOURNAL_STREAM" in os.environ else time.strftime("%H:%M:%S ")
        note(self.args, stamp + words)

    def publish(self) -> None:
        files = f"polled, since {self.files.polling}" if self.files.polling else WATCHED
        more = {"files": files, "paths": self.paths, "troubles": self.troubles.words}
        more["relay"] = self.relay_told
        publish(self.tally, self.keeper, **more)


class Reader:
    """The manifests, read again when a file has changed, and not while somebody is writing them."""

    def __init__(self, args: Arguments, paths: tuple[str, ...], history: History):
        self.args, self.paths, self.history = args, paths, history
        self.stale = True
        self.signature: object = None
        self.commit = ""
        self.files: tuple[str, ...] = ()
        self.known: Manifest | ReconcileError | None = None

    def __call__(self) -> Manifest:
        from .files import signature, steadily

        stale, self.stale = self.stale, False
        if self.known is None or (stale and signature(self.watched) != self.signature):
            read = steadily(lambda: self.watched, self.attempt)
            self.signature, self.known = read
            self.commit = commit(self.paths)
        if not isinstance(self.known, Manifest):
            raise self.known
        if why := self.history.rejections.get(self.known.digest):
            raise Refused(
                f"this revision is not applied: {why}", "change the manifests, or run --apply yourself"
            )
        return self.known

    @property
    def watched(self) -> tuple[str, ...]:
        """The PATHs, and what the manifests there included when they were last whole."""
        if isinstance(self.known, Manifest):
            self.files = self.known.files
        return (*self.paths, *self.files)

    def attempt(self) -> Manifest | ReconcileError:
        from ..manifest.load import load

        try:
            return load(self.paths, projects=frozenset(self.args.project) or None)
        except Exception as error:
            return foreseen(error)


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

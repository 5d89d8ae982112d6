"""One turn after another: read if files may have changed, repair, tell what came of it."""

import os
import time
from collections.abc import Callable, Sequence

from ..change import Change
from ..core.resource import Key, State
from ..errors import without_frames
from ..kernel import resolvers
from ..kernel.lock import folder_mode, keep_folder, lock
from ..kernel.netlink.events import EVENT, Events
from ..lasting import LastingHost
from ..remembered import Dirty
from ..safety import removals
from ..safety.revisions import Revisions
from . import metrics
from .answering import Inquiries
from .drops import Drops
from .files import Files
from .garbage import collect_frames
from .hearing import Hearing
from .interlude import Interludes
from .leading import lead
from .line import line
from .orders import Orders
from .outcome import Outcome
from .past import HISTORY, Past
from .reader import ManifestReader
from .relay.process import RelayProcess, relayed_ports
from .repair import RepairLoop
from .sd_notify import notify
from .status import SUSPENDED, WATCHED, Status, log_rows, publish
from .triggers import NAMES, Trigger, cause, dirty_places
from .troubles import Troubles

FALLEN = "threads"  # fires when a thread of ours ends with an exception
READS = {"start", "file", NAMES, "asked", "sweep", FALLEN}  # after these the files may say something new
BUSY = 0.5  # seconds until the next look while somebody else applies; they go first
PART = 50  # places that a sweep looks at in one go: some 5 ms
ERRONEOUS = 5.0  # seconds until the next look while something is wrong


class Watcher:
    """Who has files armed again, the kernel's events, which want to know sandboxes, and the relay."""

    def __init__(self, orders: Orders, host: LastingHost, files: Files, events: Events, relay: RelayProcess):
        self.orders, self.files, self.events, self.relay = orders, files, events, relay
        history = Revisions(orders.state_dir)
        self.status = Status(commits={revision.digest: revision.commit for revision in history})
        self.reader = ManifestReader(orders, history)
        self.troubles = Troubles(self.note, verbose=orders.verbose)
        self.past = Past(history, self.reader, self.troubles)
        self.complained = ""
        self.warned: tuple[str, ...] = ()  # as they were told last
        self.fought: set[tuple[str, Key]] = set()  # the fights that were told
        self.contained, self.inquiries = self.troubles.contained, Inquiries()
        self.drops = Drops(self.note)
        self.hearing = Hearing(events, lambda *said: files.triggers.fire(*said), self.note)
        self.repair = RepairLoop(line(orders, host, self.reader, self.past))
        self.repair.during = Interludes(self.repair, self.news, self.answer_meanwhile).during
        self.mode = folder_mode()  # when it is made anew
        self.fallen = ""  # why a thread is to be replaced
        self.unswept: list[str] = []  # places that a sweep has yet to look at
        self.restless = False  # the host itself was not as it was read when the last sweep came by
        self.relayed: State | None = None  # whose ports the relay was told
        self.wanted: State | None = None  # what was remembered as wanted
        self.relay_status: dict[str, object] = {"ports": [], "refused": [], "notes": []}
        self.healed: Callable[[], None] = lambda: None  # called when something has been put right

    def turn(self, fired: Sequence[Trigger]) -> float:
        """A look, and seconds until the next; whatever happens in it, there is a next."""
        notify(WATCHDOG=1)
        with self.contained("what is refused"):
            self.drops.revive()
        with self.contained("a turn"):
            return self.look(fired)
        with self.contained("status"):
            self.publish()
        return self.troubles.backoff.delays().get("a turn", ERRONEOUS)

    def look(self, fired: Sequence[Trigger]) -> float:
        kinds = {trigger.kind for trigger in fired}
        polling = bool(self.files.polling or self.fallen or not self.events.alive)
        if suspended := os.path.exists(SUSPENDED):
            self.unswept = []
        if kinds & {"beat", "sweep"} and not suspended:
            with self.contained("names"):
                self.inquire(whole="sweep" in kinds)
        if kinds <= {"beat"} and self.unswept:
            return self.sweep()
        quiet = not (polling or self.repair.turning.overdue)
        if kinds == {"beat"} and quiet and (self.status.outcome.in_sync or self.repair.rest):
            return self.patience
        if kinds & READS or polling:
            self.arm(fired)
        change: Change | None = None
        who = ", ".join(sorted({r.words for r in fired if r.kind == EVENT and r.words}))
        if suspended:
            self.complain("suspended: nothing is applied until --resume")
            self.repair.known = None  # what moves meanwhile is not looked at
        else:
            self.reader.stale |= bool(kinds & READS) or polling
            if not (kinds <= {"beat", "sweep"} and self.begin_sweep()):
                moves = [trigger for trigger in fired if trigger.kind != "sweep"]  # which go before a sweep
                dirty = dirty_places(moves) if self.events.alive else None
                if (outcome := self.take_turn(dirty, cause(fired), who)) is None:
                    return BUSY
                change = outcome.change
                if "sweep" in kinds and dirty is not None:
                    self.begin_sweep()
            if self.reader.writer:  # what it does last may fire nothing
                self.files.triggers.fire("file", words=self.reader.writer)
        with self.contained("the relay"):
            self.update_relay(change)
        if kinds & READS:
            with self.contained("metrics"):
                metrics.publish(self.status, self.repair, self.inquiries.counts, self.drops.counts)
        return self.tell()

    def take_turn(self, dirty: Dirty | None, why: str, who: str = "") -> Outcome | None:
        """What came of it; None while somebody else applies."""
        with self.contained("whom clients are led to"):
            if ahead := lead(self.repair, dirty):
                self.answer_meanwhile(ahead, who)
        outcome = self.repair.turn(dirty)
        if dirty is None or not self.repair.rest:
            self.unswept = []
        if outcome:
            self.status.add(outcome, why, who)
            self.answer(outcome, who)
            if outcome.seconds is not None:
                self.healed()
            if outcome.error:
                without_frames(outcome.error)
                collect_frames()
        return outcome

    def begin_sweep(self) -> bool:
        """Whether it is enough to hear, part by part, that nothing has moved since the last turn; one that
        has begun goes on, however often another is asked for."""
        if not self.repair.at_rest():
            self.unswept = []
        elif not self.unswept:
            self.unswept = self.repair.pipeline.host.places_read()
        return bool(self.unswept)

    def sweep(self) -> float:
        """One part of it, so that an event waits for no more."""
        part, self.unswept = self.unswept[:PART], self.unswept[PART:]
        moved = self.repair.pipeline.host.moved(part)
        if "" in part:  # what goes on to be otherwise than it was read is to be decided anew
            again, self.restless = self.restless, moved is None or "" in moved
            moved = None if again and self.restless else moved
        if moved != frozenset():
            if self.take_turn(None if moved is None else Dirty(moved, swept=True), "sweep") is None:
                return BUSY
            return self.tell()
        return self.patience

    def tell(self) -> float:
        """To who asks and to who started us; returns seconds until another look."""
        with self.contained("status"):
            self.publish()
        trouble = self.complained.partition("\n")[0] or "settling"
        state = "in sync" if self.status.outcome.in_sync else trouble
        notify(READY=1, STATUS=f"{state}; {self.status.healed} put right")
        at_rest = self.status.outcome.in_sync or self.repair.rest
        return self.patience if at_rest else min(self.patience, ERRONEOUS)

    @property
    def patience(self) -> float:
        """Seconds until another look, if nothing fires."""
        if self.unswept:
            return 0.0
        delays = self.troubles.backoff.delays()
        return min([self.repair.patience, self.relay.patience, *delays.values()])

    def arm(self, fired: Sequence[Trigger]) -> None:
        """Before reading: what changes from here on fires.  Threads that fell are replaced, ever later."""
        backoff, words = self.troubles.backoff, self.troubles.words
        for trigger in fired:
            if trigger.kind == FALLEN:
                self.fallen = words[FALLEN] = trigger.words
                self.note(f"a thread fell: {trigger.words}")
        if not self.fallen and FALLEN not in backoff.repeated():
            words.pop(FALLEN, None)
        if self.fallen and FALLEN not in backoff.delays():
            backoff.increase(FALLEN)
            self.fallen = ""
            self.files.forget()
        with self.contained("files"):
            keep_folder(self.mode)
            self.files.arm()
        if not self.fallen:
            with self.contained("events of the kernel"):
                self.events.revive()

    def answer(self, outcome: Outcome, who: str) -> None:
        """What follows from a turn."""
        with self.contained("included files"):
            self.follow()
        with self.contained("the log"):
            self.log(outcome, who)
        if newest := self.repair.newest:
            self.status.commits[newest.digest] = self.reader.commit
        with self.contained(HISTORY):
            self.past.remember(outcome, newest, self.repair.good)
        if outcome.change and outcome.change.desired is not self.wanted:
            with self.contained("removals"):
                held = isinstance(outcome.error, removals.TooMuchGoes)
                limited, pending = outcome.seconds is not None, outcome.settling or self.repair.holding
                removals.remember(outcome.change, limited=limited or held, growing=not (held or pending))
                self.wanted = outcome.change.desired
        if outcome.change:
            with self.contained("what is refused"):
                self.drops.follow(outcome.change)
            with self.contained("events of sandboxes"):
                self.hearing.follow(outcome.change, self.repair.dirty)

    def news(self) -> Sequence[Trigger]:
        """What an apply that runs may answer."""
        return () if os.path.exists(SUSPENDED) else self.files.triggers.news()

    def answer_meanwhile(self, outcome: Outcome, who: str) -> None:
        """What follows from a repair in the middle of an apply, or ahead of one."""
        with self.contained("the log"):
            for row in log_rows(outcome, who):
                self.note(row)
            self.status.add_repair(outcome, who)

    def follow(self) -> None:
        """Watch what the manifests include, and git's log of them, wherever that is."""
        paths = [*self.reader.heeded, SUSPENDED]
        if paths != self.files.paths:
            self.files.paths = paths
            self.files.arm()

    def inquire(self, *, whole: bool) -> None:
        """Who hangs is ended, so that the line starts it anew: its end fires."""
        for hanging in self.inquiries.round(self.status.standing.answering, whole=whole):
            with lock():
                resolvers.stop(hanging)
            self.note(f"{hanging.key} did not answer, and is started anew")

    def update_relay(self, change: Change | None) -> None:
        """After all that heals; the end of the relay's process fires."""
        if change and change.desired is not self.relayed:
            self.relayed, ports = change.desired, relayed_ports(change.desired)
        else:
            ports = None
        if words := self.relay.serve(ports):
            self.note(words)
        if pid := self.relay.pid:
            self.events.follow([pid])
        self.relay_status = self.relay.status()

    def log(self, outcome: Outcome, who: str) -> None:
        """The log: each step as in a plan, each error once, and each fight once while it lasts."""
        for row in log_rows(outcome, who):
            self.note(row)
        change = outcome.change
        if change and change.warnings != self.warned:
            self.warned = change.warnings
            for warning in self.warned:
                self.note(f"warning: {warning}")
        if self.complain(str(outcome.error) if outcome.error else ""):
            self.troubles.trace(outcome.error)
        fights = self.repair.fights.repeated()
        for (project, key), repairs in fights.items():
            if (project, key) not in self.fought:
                self.note(f"project {project}: another program keeps changing {key} back ({repairs} times)")
        self.fought = set(fights)

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
        files = f"being written by git: {self.reader.writer}" if self.reader.writer else files
        more = {"files": files, "paths": self.orders.paths, "troubles": self.troubles.words}
        more |= {"checked_out": self.reader.commit, "relay": self.relay_status}
        publish(self.status, self.repair, **more)

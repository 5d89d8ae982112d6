"""The repair loop: between two turns it remembers the newest revision, the last good one, and what to leave
alone for now.

Every turn is the whole line again.  The newest revision is compared first, and what stands already
needs no permission: a person's own apply is never undone.  Where the newest cannot be had, the last
good one is kept healed."""

import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import replace

from ..change import Change
from ..core.plan import Plan
from ..core.resource import Key, State
from ..errors import (
    FailedInPart,
    Foreign,
    Locked,
    ManifestError,
    ReconcileError,
    Refused,
    Unsupported,
    failed_in_part,
    foreseen,
    without_frames,
)
from ..inventory.ownership import ownership
from ..manifest.parts import keeping
from ..manifest.spec import Manifest
from ..pipeline import with_leftovers
from ..remembered import Dirty, as_it_stands, look_again
from ..safety.rejections import HeldBack
from .backoff import Backoff
from .blame import blamed_projects, place, put_back, waiting_for, without
from .faults import Faults
from .held import standing_part, within_limits
from .outcome import Grounds, Outcome, Pipeline
from .parts import During, enact_in_parts
from .settling import Settling, Unsettled
from .turning import Turning

HARMLESS = (ManifestError, Refused, Unsupported, Foreign)  # raised before anything is touched
FREE_REPAIRS = 5  # of one thing, each within a minute of the last: then somebody else wants it otherwise


class RepairLoop:
    """Takes the turns, and leaves alone for a while what fails or comes undone."""

    def __init__(self, pipeline: Pipeline, clock: Callable[[], float] = time.monotonic):
        self.pipeline, self.good = pipeline, pipeline.last()
        self.newest: Manifest | None = None
        self.holding: Manifest | None = None  # the good one with what is new, while that is not all
        self.settling = Settling(clock)  # what the newest would take away waits for that
        self.broken: ReconcileError | None = None  # why there is no newest
        self.blind = True  # none went through yet: what stands beside the good one may be of one before
        self.refused: ReconcileError | None = None  # why some project stands by an older revision
        self.failing: Backoff[str] = Backoff(clock=clock)  # projects, by their newest revision
        self.stuck: Backoff[str] = Backoff(clock=clock)  # projects, by their last good one
        self.fights: Backoff[tuple[str, Key]] = Backoff(FREE_REPAIRS, clock)  # of a project, over a key
        self.faults = Faults(clock)  # of revisions; nothing was touched
        self.refusing = Faults(clock)  # of sandboxes: their root holds up nobody
        self.known: Change | None = None  # what was in sync when it was last looked at
        self.turning = Turning()
        self.stood: set[str] = set()  # projects that have stood: after a boot none does
        self.dirty: Dirty | None = None
        self.rest: Grounds | None = None  # of the last turn, if the next will be the same
        self.spared = False  # something was left alone in the last turn
        self.sparing = False  # nothing that stands goes by what is run
        self.put_off: frozenset[str] = frozenset()  # sandboxes that were left alone, and not looked at since
        self.during: During = nullcontext

    def turn(self, dirty: Dirty | None = None) -> Outcome | None:
        """One run of the line; None while somebody else applies.  With `dirty`, only that has changed."""
        self.read()
        self.dirty = self.to_look_at(dirty)
        self.settling.waits = self.spared = False
        if self.dirty is None or self.dirty.places is None:
            self.pipeline.host.transcribe()
        outcome = self.attempt()
        done = outcome and (outcome.error is None or isinstance(outcome.error, HARMLESS))
        self.rest = self.grounds if done and not self.spared else None
        return outcome

    def to_look_at(self, dirty: Dirty | None) -> Dirty | None:
        """What has changed, and sandboxes that were left alone and are due: nobody tells of them again.  All,
        where more than sandboxes are left alone."""
        backoffs = self.failing, self.stuck, self.faults
        broad = any(one.delays() for one in backoffs) or self.settling.delays() or self.turning.overdue
        alone = self.left_alone(self.known) if self.known else frozenset()
        if dirty is None or broad or "" in alone:
            self.put_off = frozenset()
            return None
        due, self.put_off = self.put_off - alone, self.put_off & alone
        return dirty.beside(due)

    @property
    def grounds(self) -> Grounds:
        newest, kept = (manifest.digest if manifest else "" for manifest in (self.newest, self.kept))
        return Grounds(newest, kept, str(self.broken))

    @property
    def kept(self) -> Manifest | None:
        """What is kept healed where the newest cannot be had."""
        return self.holding or self.good

    def at_rest(self) -> bool:
        """Whether another turn would be the last one again, as long as nothing on the host has moved."""
        self.read()
        return self.rest == self.grounds and not self.delays() and not self.turning.overdue

    def attempt(self) -> Outcome | None:
        """The newest revision, or where it cannot be had the last good one."""
        error = self.broken
        for manifest in filter(None, (self.newest, self.kept)):
            if fault := self.faults.why().get(manifest.digest):
                error = error or fault
                continue
            try:
                outcome = self.run(manifest)
                self.blind &= manifest is not self.newest
                return replace(outcome, error=error or outcome.error, settling=self.settling.waits)
            except Unsettled:
                continue
            except HARMLESS as refused:
                error = error or without_frames(refused)
                if self.known and self.known.manifest.digest == manifest.digest:
                    self.known = None  # what moved was not looked at, and is not told again
            except ReconcileError as failed:
                self.known = None  # where it was to look, it has not looked
                return None if isinstance(failed, Locked) else Outcome(error=failed)
            except Exception as unforeseen:  # nothing was touched, else it were rolled back
                self.known = None
                error = error or self.faults.remember(manifest.digest, unforeseen)
        return Outcome(error=error)

    def delays(self) -> list[float]:
        """The seconds for which each thing is still left alone."""
        backoffs = self.failing, self.stuck, self.fights, self.refusing, self.faults
        left = (seconds for backoff in backoffs for seconds in backoff.delays().values())
        return [*left, *self.settling.delays()]

    @property
    def patience(self) -> float:
        """Seconds until something that is left alone now is due."""
        return min(*self.delays() or [0.0 if self.spared else 3600.0], self.turning.rest)

    def read(self) -> None:
        """Read the files; while they are broken, there is no newest revision."""
        newest: Manifest | None
        try:
            newest = self.pipeline.read()
        except HeldBack as error:  # a person went back behind part of it
            newest, self.broken = error.instead, error
        except Exception as error:
            newest, self.broken = None, foreseen(error)
        else:
            self.broken = None
        if last := self.pipeline.last():
            same = self.good and last.digest == self.good.digest
            self.good, self.holding = last, self.holding if same else None
        if newest and (not self.newest or newest.digest != self.newest.digest):
            self.failing.reset()
            self.settling.begin()
        self.newest = newest

    def run(self, manifest: Manifest) -> Outcome:
        """Look without the lock, so that nobody's apply waits for that; again under it if somebody had it."""
        before, self.sparing = self.pipeline.latest(), self.blind and manifest is not self.newest
        change = self.turning.seen(self.look(manifest))
        if not self.due_part(change).todo:
            self.accept(manifest, change.waiting)
            self.known = change
            self.stood |= change.projects
            return Outcome(self.due_part(change), error=self.part_failure(change))
        drift = self.is_drift(manifest, change)
        with self.pipeline.lock() as last:
            if last != before:
                self.read()  # who was here may have gone back behind it
                if manifest.digest not in (self.grounds.newest, self.grounds.kept):
                    raise Locked("somebody else has applied meanwhile")
            if last != before or self.failing.delays():
                self.dirty = None
                change = self.look(self.mixture(manifest))
            deferred = self.deferred_projects(change) | self.settling.losers(change)
            change = self.due_part(without(change, deferred))
            if manifest is self.newest and not drift:
                self.settling.check(change)
            change, held = within_limits(change, self.pipeline.refuse, self.look, lambda: self.good)
            change = self.due_part(change)
            holding = self.holding
            if manifest is self.newest:
                holding = standing_part(change, held, self.kept, self.failing.delays())
            if held and not change.todo:
                self.known, self.holding = change, holding
                return Outcome(change, error=held)
            stood = self.known and self.known.manifest.digest == change.manifest.digest
            drift = drift or bool(held and stood)
            began, wanted = time.monotonic(), self.known.desired if self.known else {}
            self.known, before_it = None, self.refusing.delays().keys()
            self.enact(change)
        self.stood |= change.projects
        self.holding = holding
        change = self.due_part(change)
        # It was read back, all of it but who was left alone, and nobody stands by an older revision.
        refused = self.refusing.delays().keys() - before_it
        if not (deferred or change.closed or self.failing.delays() or refused):
            self.known = replace(change, live=as_it_stands(change, self.put_off), todo=Plan())
        if drift:
            self.count_fights(change, wanted)
        if not (held or self.failing.delays() or self.stuck.delays()):
            self.accept(manifest, change.waiting)
        seconds, error = time.monotonic() - began, held or self.refused or self.part_failure(change)
        return Outcome(change, drift and bool(change.todo), seconds, error)

    def look(self, manifest: Manifest) -> Change:
        """What a person has not confirmed yet is left as it stands."""
        return waiting_for(self.look_at_all(manifest), self.pipeline.meanwhile(manifest))

    def look_at_all(self, manifest: Manifest) -> Change:
        """Read again what may have changed, and all where that cannot be told."""
        host = self.pipeline.host
        same = self.known and self.known.manifest.digest == manifest.digest
        known = self.known if same or not self.put_off else None  # who was left alone stands as nobody wants
        begins = self.blind and manifest is self.newest
        if known and self.dirty and not begins and (change := look_again(known, self.dirty, manifest, host)):
            return change
        host.forget()
        change = self.compare(manifest)
        if (older := self.older(manifest, change.waiting)) == manifest:
            return change
        host.forget()
        return self.compare(older).instead_of(change)

    def compare(self, manifest: Manifest) -> Change:
        """An older revision need not have all that another watcher has brought about."""
        change = self.pipeline.compare(manifest)
        return with_leftovers(change) if self.sparing else change

    def older(self, manifest: Manifest, names: Collection[str]) -> Manifest:
        """Of these projects what is kept healed, as far as there is any."""
        return keeping(manifest, self.kept, names)

    def is_drift(self, manifest: Manifest, change: Change) -> bool:
        """Whether others have moved: the manifests have not, and something of these projects stood before."""
        if not change.projects <= self.stood:
            self.stood |= ownership(change.live).projects
        same = manifest.digest == self.grounds.kept
        return same and not self.stood.isdisjoint(change.projects)

    def accept(self, manifest: Manifest, waiting: Collection[str]) -> None:
        if manifest is not self.holding:
            self.good, self.holding = self.older(manifest, waiting), None
        self.refused = None
        self.failing.reset()
        self.stuck.reset()

    def mixture(self, manifest: Manifest) -> Manifest:
        """Of each project the newest revision, but what is kept healed where the newest has just failed."""
        return self.older(manifest, self.failing.delays())

    def deferred_projects(self, change: Change) -> frozenset[str]:
        """Those that are left as they stand for now."""
        old = {project.name for project in self.kept.projects} if self.kept else set()
        fought = {project for project, key in self.fights.delays() if not place(change, key)}
        failing = self.failing.delays().keys() - old
        self.spared |= bool(spared := frozenset(failing | self.stuck.delays().keys() | fought))
        return spared

    def due_part(self, change: Change) -> Change:
        """The same change, less the steps in sandboxes that are left alone for now."""
        spared = self.left_alone(change) - {""}
        self.spared |= bool(spared)
        self.put_off |= spared
        return change.outside(spared)

    def left_alone(self, change: Change) -> frozenset[str]:
        """The sandboxes that are left alone for now; "" where something on the host is."""
        return frozenset(self.refusing.delays()) | {place(change, key) for _, key in self.fights.delays()}

    def part_failure(self, change: Change) -> FailedInPart | None:
        """Why some sandboxes are not as they should be."""
        return failed_in_part(change.closed | self.refusing.why(), change.waiting)

    def enact(self, change: Change) -> None:
        """Raises what the pipeline's `enact` raises, but for sandboxes that refuse."""
        try:
            refused = enact_in_parts(change, self.pipeline.host, self.during)
        except ReconcileError as error:
            self.refused, old = error, self.failing.delays()
            for project in blamed_projects(error, change):
                (self.stuck if project in old else self.failing).increase(project)
            raise
        for name in refused.keys() - change.closed.keys():
            self.refusing.remember(name, refused[name])

    def count_fights(self, change: Change, wanted: State) -> None:
        for fought in put_back(change, wanted):
            self.fights.increase(fought)

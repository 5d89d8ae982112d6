"""What a watcher remembers between two turns: the newest revision, the last good one, and what to leave
alone for now.

Every turn is the whole line again.  The newest revision is compared first, and what stands already needs no
permission: a person's own apply is never undone.  Where the newest cannot be had, the last good one is kept
healed."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core.plan import Plan, plan
from ..core.resource import Key
from ..errors import (
    FailedInPart,
    Foreign,
    KernelError,
    Locked,
    ManifestError,
    NotConverged,
    ReconcileError,
    Refused,
    Unsupported,
    foreseen,
)
from ..inventory import learn as standing
from ..inventory.ownership import SHARED
from ..manifest.spec import Manifest
from ..pipeline import Change, LastingHost, again, apart, enact

HARMLESS = (ManifestError, Refused, Unsupported, Foreign)  # raised before anything is touched
FREE_REPAIRS = 5  # of one thing, each within a minute of the last: then somebody else wants it otherwise


@dataclass(frozen=True)
class Line:
    """The line as this watcher was told to run it."""

    host: LastingHost
    read: Callable[[], Manifest]
    compare: Callable[[Manifest], Change]
    refuse: Callable[[Change], None]
    lock: Callable[[], AbstractContextManager[int]]
    latest: Callable[[], int]  # what `lock` yields, as long as nobody takes it
    last: Callable[[], Manifest | None]  # the last good revision that is remembered


@dataclass(frozen=True)
class Outcome:
    """What came of a turn."""

    change: Change | None = None  # what was applied, or that there was nothing to apply
    drift: bool = False  # the manifests had not moved: somebody else had
    seconds: float | None = None  # of the apply
    error: ReconcileError | None = None  # why the newest revision does not stand

    @property
    def in_sync(self) -> bool:
        return self.error is None and self.change is not None


class Moved(NamedTuple):
    """What may have changed, as the kernel tells: these places, or all; and the host ends of these pairs."""

    places: frozenset[str] | None
    ends: frozenset[str] = frozenset()

    @property
    def compared(self) -> frozenset[str] | None:
        return None if self.places is None else self.places | self.ends


class Keeper:
    """Takes the turns; `pace` makes what counts and slows down (watch.pace.Pace)."""

    def __init__(self, line: Line, pace: Callable[..., Any]):
        self.line, self.good = line, line.last()
        self.newest: Manifest | None = None
        self.broken: ReconcileError | None = None  # why there is no newest
        self.refused: ReconcileError | None = None  # why some project stands by an older revision
        self.failing, self.stuck = pace(), pace()  # projects: by their newest, by their last good revision
        self.fights = pace(FREE_REPAIRS)  # (project, key)
        self.baffled = pace()  # revisions that ended in an exception before anything was touched, and why
        self.faults: dict[str, ReconcileError] = {}
        self.aside = pace()  # sandboxes: who is root there holds up nothing else
        self.refusals: dict[str, ReconcileError] = {}  # theirs
        self.known: Change | None = None  # what was in sync when it was last looked at
        self.moved: Moved | None = None

    def turn(self, moved: Moved | None = None) -> Outcome | None:
        """One run of the line; None while somebody else applies.  With `moved`, only that has changed."""
        self.learn()
        self.moved = None if any(pace.held() for pace in self.paces) else moved
        error = self.broken
        for manifest in filter(None, (self.newest, self.good)):
            if manifest.digest in self.baffled.held():
                error = error or self.faults[manifest.digest]
                continue
            try:
                outcome = self.run(manifest)
                return replace(outcome, error=error or outcome.error)
            except HARMLESS as refused:
                error = error or refused
                if self.known and self.known.manifest.digest == manifest.digest:
                    self.known = None  # what moved was not looked at, and is not told again
            except ReconcileError as failed:
                self.known = None  # where it was to look, it has not looked
                return None if isinstance(failed, Locked) else Outcome(error=failed)
            except Exception as fault:
                error = error or self.wonder(manifest, fault)
        return Outcome(error=error)

    def wonder(self, manifest: Manifest, fault: Exception) -> ReconcileError:
        """What nobody foresaw is tried again ever later; nothing was touched, else it were rolled back."""
        self.known = None
        self.baffled.hit(manifest.digest)
        held = self.baffled.held()
        self.faults = {digest: known for digest, known in self.faults.items() if digest in held}
        self.faults[manifest.digest] = foreseen(fault)
        return self.faults[manifest.digest]

    @property
    def paces(self) -> tuple[Any, ...]:
        return self.failing, self.stuck, self.fights, self.aside, self.baffled

    @property
    def patience(self) -> float:
        """Seconds until something that is left alone now is due."""
        return min((seconds for pace in self.paces for seconds in pace.held().values()), default=3600.0)

    def learn(self) -> None:
        """Read the files; while they are broken, there is no newest revision."""
        try:
            newest = self.line.read()
        except Refused as error:  # a person went back behind it
            self.newest, self.broken, self.good = None, error, self.line.last()
            return
        except Exception as error:
            self.newest, self.broken = None, foreseen(error)
            return
        if not self.newest or newest.digest != self.newest.digest:
            self.failing.reset()
        self.newest, self.broken = newest, None

    def run(self, manifest: Manifest) -> Outcome:
        """Look without the lock, so that nobody's apply waits for that; again under it if somebody had it."""
        before = self.line.latest()
        change = self.look(manifest)
        if not self.due(change).todo:
            self.accept(manifest)
            self.known = change
            return Outcome(self.due(change), error=self.left(change))
        drift = self.good is not None and manifest.digest == self.good.digest
        with self.line.lock() as last:
            if last != before or self.failing.held():
                change = self.look(self.mixture(manifest))
            spared = self.spared(change)
            change = self.due(without(change, spared))
            self.line.refuse(change)
            began = time.monotonic()
            self.known = None
            self.enact(change)
        change = self.due(change)
        # It was read back, and nobody stands by an older revision.
        if not (spared or self.failing.held() or self.aside.held()):
            self.known = replace(change, live=change.desired, todo=Plan())
        if drift:
            self.count(change)
        if not (self.failing.held() or self.stuck.held()):
            self.accept(manifest)
        seconds, error = time.monotonic() - began, self.refused or self.left(change)
        return Outcome(change, drift and bool(change.todo), seconds, error)

    def look(self, manifest: Manifest) -> Change:
        """Read again what may have changed, and all where that cannot be told."""
        known = self.known if self.known and self.known.manifest.digest == manifest.digest else None
        if known and self.moved:
            self.line.host.forget(self.moved.places)
            if change := again(known, self.line.host, self.moved.compared):
                return change
        self.line.host.forget()
        return self.line.compare(manifest)

    def accept(self, manifest: Manifest) -> None:
        self.good, self.refused = manifest, None
        self.failing.reset()
        self.stuck.reset()

    def mixture(self, manifest: Manifest) -> Manifest:
        """Of each project the newest revision, but the last good one where the newest has just failed."""
        held = self.failing.held()
        old = {project.name: project for project in self.good.projects} if self.good else {}
        projects = tuple(old.get(p.name, p) if p.name in held else p for p in manifest.projects)
        return replace(manifest, projects=projects)

    def spared(self, change: Change) -> frozenset[str]:
        """Projects that are left as they stand for now."""
        old = {project.name for project in self.good.projects} if self.good else set()
        fought = {project for project, key in self.fights.held() if not place(change, key)}
        return frozenset((self.failing.held().keys() - old) | self.stuck.held().keys() | fought)

    def due(self, change: Change) -> Change:
        """The same change, less the steps in sandboxes that are left alone for now."""
        fought = {place(change, key) for _, key in self.fights.held()} - {""}
        return apart(change, self.aside.held().keys() | fought)

    def left(self, change: Change) -> ReconcileError | None:
        """Why some sandboxes are not as they should be."""
        held = self.aside.held()
        self.refusals = {name: error for name, error in self.refusals.items() if name in held}
        refusals = change.closed | self.refusals
        return FailedInPart(refusals) if refusals else None

    def enact(self, change: Change) -> None:
        try:
            enact(change, self.line.host)
        except FailedInPart as error:
            for name in error.refusals.keys() - change.closed.keys():
                self.aside.hit(name)
                self.refusals[name] = error.refusals[name]
        except ReconcileError as error:
            self.refused, old = error, self.failing.held()
            for project in blamed(error, change):
                (self.stuck if project in old else self.failing).hit(project)
            raise

    def count(self, change: Change) -> None:
        """A thing that is put right over and over is one that another program wants otherwise."""
        owner = owners(change)
        for step in change.todo:
            self.fights.hit((owner(step.resource.key), step.resource.key))


def owners(change: Change) -> Callable[[Key], str]:
    """A function from a key to the project that it is of."""
    old, new = standing.owners(change.live), standing.owners(change.desired)

    def owner(key: Key) -> str:
        if key in change.desired:
            return new(change.desired[key])
        return old(change.live[key]) if key in change.live else ""

    return owner


def place(change: Change, key: Key) -> str:
    """The sandbox that a key is in; "" for the host, and for what is no more."""
    resource = change.desired.get(key) or change.live.get(key)
    return resource.place if resource else ""


def without(change: Change, spared: frozenset[str]) -> Change:
    """The same change, but these projects are wanted as they stand, and with them what all share."""
    if not spared:
        return change
    owner = owners(change)
    desired = {key: r for key, r in change.desired.items() if owner(key) not in spared}
    kept = {key: r for key, r in change.live.items() if owner(key) in spared}
    shared = {key: r for key, r in change.live.items() if owner(key) == SHARED and r.marked}
    desired = {**shared, **desired, **kept}
    return replace(change, desired=desired, todo=plan(change.live, desired), about=change.about - spared)


def blamed(error: ReconcileError, change: Change) -> frozenset[str]:
    """The projects whose keys the error names; all that the plan touches where it names none."""
    owner = owners(change)
    named = frozenset(filter(None, map(owner, keys(error))))
    return named or frozenset(owner(step.resource.key) for step in change.todo)


def keys(error: ReconcileError) -> Iterator[Key] | Iterable[Key]:
    match error:
        case KernelError(step=step):
            return [step[2:].split("   #")[0]]
        case NotConverged(left=left):
            return left
    return keys(error.cause) if hasattr(error, "cause") else ()

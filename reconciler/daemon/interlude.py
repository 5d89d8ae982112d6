"""What is healed while a long apply runs, so that no project waits for another's.

Nothing is decided here: of projects that the running plan does nothing to, what it was made with is what is
wanted.  Where facts have moved since, where a repair fails, and of the host what no other program is seen to
have changed, it is left to the turn after the apply, which answers once more all that has fired.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import replace
from functools import cached_property

from ..change import Change
from ..core.plan import Plan, Step
from ..core.reconcile import Kernel, Refusals
from ..core.resource import Key, Resource, Stage, State
from ..errors import FailedInPart, ReconcileError
from ..kernel.netlink.events import EVENT
from ..kinds.link import Link, OrphanVeth
from ..kinds.ownership import SHARED
from ..lasting import LastingHost
from ..pipeline import enact
from ..remembered import Dirty, compare_again, containers, depends_on_facts, left_behind
from ..values import record
from .blame import without
from .leading import allowed, carried_out, done, led
from .outcome import Outcome
from .repair import RepairLoop
from .triggers import Trigger

FIRST = 0.2  # seconds: an apply that is done by then has no interlude
PAUSE, SHARE = 0.05, 4  # seconds to the next at least, and how many times as long as this one took
PART = 50  # places of one

Places = frozenset[str]


class Untouched:
    """What a change does nothing to: all of the projects that it has no step of, but to run containers."""

    def __init__(self, change: Change):
        self.change = change
        self.changed: dict[str, set[str]] = {}  # the places that something was told of, and by whom it is

    @cached_property
    def projects(self) -> frozenset[str]:
        return (self.change.projects | {SHARED}) - (frozenset() if self.is_wired else self.change.touched)

    @property
    def is_wired(self) -> bool:
        """Whether all that is wanted stands, but what runs there."""
        return all(step.resource.stage == Stage.RUNNING for step in self.change.todo)

    @cached_property
    def wanted(self) -> dict[str, dict[Key, Resource]]:
        """By place."""
        owner, found = self.change.owner, defaultdict[str, dict[Key, Resource]](dict)
        idle = self.projects - self.change.touched  # containers of one that starts some may wait for these
        for key, r in self.change.desired.items():
            if owner(key) in (idle if r.stage == Stage.RUNNING else self.projects):
                found[r.place][key] = r
        return dict(found)

    def become(self, change: Change) -> None:
        """What its steps bring about is wanted from now on."""
        for step in change.todo:
            self.wanted.get(step.resource.place, {})[step.resource.key] = step.resource
        self.change = replace(done(change), todo=self.change.todo)

    def add(self, news: Iterable[Trigger]) -> None:
        """Of the host, only what another program has told of: the change itself moves it all along."""
        for kind, place, words in news:
            if place or (place == "" and words and kind == EVENT):
                self.changed.setdefault(place, set()).add(words)

    def next(self) -> tuple[Places, str]:
        """Some of the places that are to be looked at, and by whom they were changed."""
        known = [place for place in self.changed if place in self.wanted] if self.changed else []
        by = self.who(known[:PART])
        self.changed = {place: self.changed[place] for place in known[PART:]}
        return frozenset(known[:PART]), by

    def who(self, places: Iterable[str]) -> str:
        """By whom they were changed."""
        return ", ".join(sorted(set[str]().union(*(self.changed[place] for place in places)) - {""}))

    def leave(self, places: Iterable[str]) -> None:
        """Look at these no more."""
        for place in places:
            self.wanted.pop(place, None)

    def standing(self, places: Places) -> Change:
        """The change as it was in these places: nothing is to be done there."""
        wanted = {key: r for place in places for key, r in self.wanted.get(place, {}).items()}
        return replace(self.change, live=wanted, desired=wanted, todo=Plan(), projects=self.projects)


@record
class Section:
    """A kernel that has of the host what is wanted, or in its way, and of the sandboxes these alone."""

    kernel: Kernel
    wanted: State
    places: Places

    def observe(self, named: Iterable[Resource] = (), places: Places | None = None) -> State:
        found = self.kernel.observe(named, self.places if places is None else places)
        near = (r for r in found.values() if r.place or r.key in self.wanted or isinstance(r, OrphanVeth))
        return {r.key: r for r in near}

    def execute(self, batch: Sequence[Step]) -> Refusals:
        return self.kernel.execute(batch)


class Interludes:
    """Repairs at the moments when an apply tells of its progress.  `news` is what has fired since it was last
    asked; `tell` hears what came of a repair, and who had made it necessary."""

    def __init__(
        self,
        repair: RepairLoop,
        news: Callable[[], Iterable[Trigger]],
        tell: Callable[[Outcome, str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self.repair, self.news, self.tell, self.clock = repair, news, tell, clock

    @contextmanager
    def during(self, change: Change) -> Iterator[None]:
        """While this is applied."""
        host = self.repair.pipeline.host
        told, untouched, due = host.progress, Untouched(change), self.clock() + FIRST

        def progress() -> None:
            nonlocal due
            told()
            if (began := self.clock()) >= due:
                # In a context of its own: what is asked there is no part of what the apply asks.
                Context().run(self.take, untouched)
                due = self.clock() + max(PAUSE, SHARE * (self.clock() - began))

        host.progress = progress
        try:
            yield
        finally:
            host.progress = told

    def take(self, untouched: Untouched) -> None:
        """One of them.  What fails there is met again, and told, by the turn after the apply."""
        places: Places = frozenset()
        try:
            untouched.add(self.news())
            if untouched.is_wired:
                self.lead(untouched)
            places, who = untouched.next()
            outcome = self.heal(untouched, places, self.aside) if places else None
        except Exception:
            untouched.leave(places)
        else:
            if outcome:
                self.tell(outcome, who)

    @property
    def aside(self) -> LastingHost:
        return self.repair.pipeline.host.aside()

    def lead(self, untouched: Untouched) -> None:
        """What there is to do where clients are led; where that fails, it holds up no other repair."""
        with suppress(ReconcileError):
            change = led(untouched.change, untouched.changed, self.aside)
            if change and (change := allowed(change, self.repair)):
                who = untouched.who(containers(untouched.changed))
                untouched.become(change)
                self.tell(carried_out(change, self.aside), who)

    def heal(self, untouched: Untouched, places: Places, host: LastingHost) -> Outcome | None:
        """What came of it, if there was anything to do and it could be done by what is known."""
        began, known = self.clock(), untouched.standing(places)
        section = Section(host, known.desired, places)
        if not (change := compare_again(known, section, places)) or not change.todo:
            return None
        if "" not in places and any(isinstance(step.resource, Link) for step in change.todo):
            return self.heal(untouched, places | {""}, host)  # what it leads to may have gone as well
        if more := left_behind(change.todo, untouched.change.desired) - places:
            can_be_told = more <= untouched.wanted.keys() | {""}
            return self.heal(untouched, places | more, host) if can_be_told else None
        if depends_on_facts(change, Dirty(places), host) and not host.facts_stand():
            return None
        change = self.repair.due_part(without(change, self.repair.deferred_projects(change)))
        if not change.todo:
            return None
        self.repair.pipeline.refuse(replace(untouched.change, todo=change.todo))
        try:
            enact(change, section)
        except FailedInPart as error:
            untouched.leave(error.refusals)
        self.repair.count_fights(change, known.desired)
        return Outcome(change, True, self.clock() - began)

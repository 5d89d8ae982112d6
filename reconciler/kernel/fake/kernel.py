"""A kernel on a dict that cascades and refuses as Linux does: the laws run on it, and so do offline plans."""

import errno
import os
from collections.abc import Iterable, Sequence

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...core.resource import Key, Resource, Stage, State, laid
from ...errors import KernelError, ReconcileError
from ..kinds import KINDS


class Killed(BaseException):
    """The process died here; no handler of ours may see it as a failure to roll back from."""


class FakeKernel:
    """Holds `live`, ours, and `foreign`, which nothing may change; `journal` lists every
    effect that was accepted.

    One step is one effect, but a firewall batch is a single one: it happens whole or not at all.  Sysctls are
    readable as soon as their link or namespace stands, and read "0" until somebody sets them.
    """

    def __init__(self, ours: Iterable[Resource] = (), foreign: Iterable[Resource] = ()):
        self.live: dict[Key, Resource] = {r.key: r for r in ours}
        self.foreign: dict[Key, Resource] = {r.key: r for r in foreign}
        self.journal: list[tuple[Step, ...]] = []
        self._refused = self._lifetime = -1  # index of an effect to come; -1 is never

    def refuse_at(self, n: int) -> None:
        """Refuse, once, the effect number `n` from here on; the next one is number 0."""
        self._refused = len(self.journal) + n

    def die_at(self, n: int) -> None:
        """Raise Killed, once, after `n` more effects."""
        self._lifetime = len(self.journal) + n

    def spare(self) -> None:
        """Forget what was to be refused and when to die."""
        self._refused = self._lifetime = -1

    def tick(self) -> None:
        """The kernel's cleanup_net comes round: what lingers goes, with what stands on it."""
        for key in [key for key, r in self.live.items() if r.leftover]:
            self._cascade(key)

    def lose(self, key: Key) -> None:
        """Somebody else removes what has this key, if the kernel lets them."""
        if key in self.live and not self._user(key, ()):
            self._cascade(key)

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        seen = {key: r for key, r in self.live.items() if r.marked or r.within}
        for r in named:
            if (unset := KINDS[type(r)].unset) and not self._missing(r):
                seen[r.key] = self.live.get(r.key) or unset(r)
        return {key: r for key, r in seen.items() if places is None or r.place in places}

    def execute(self, batch: Sequence[Step]) -> Refusals:
        stages = {step.resource.stage for step in batch}
        if len(stages) > 1:
            raise refusal(batch[0], errno.EINVAL, "a batch of several stages")
        refused: dict[str, ReconcileError] = {}
        stood = {r.place for r in self.live.values() if r.lasting}
        for effect in [batch] if stages == {Stage.FIREWALL} else [[step] for step in batch]:
            place = effect[0].resource.place
            try:
                self._effect(tuple(effect) if place not in refused else ())
            except KernelError as error:
                if not effect[0].resource.alone and (place not in stood or outside(effect[0])):
                    raise
                refused[place] = error
        return refused

    def _effect(self, steps: tuple[Step, ...]) -> None:
        if not steps:
            return
        now = len(self.journal)
        if now == self._lifetime:
            self._lifetime = -1
            raise Killed(f"before {steps[0]}")
        if now == self._refused:
            self._refused = -1
            raise refusal(steps[-1], errno.ENOBUFS, "as the test asks")
        before = dict(self.live)
        try:
            for step in steps:
                self._step(step, steps)
            self._commit(steps)
        except KernelError:
            self.live.clear()
            self.live.update(before)
            raise
        self.journal.append(steps)

    def _commit(self, steps: tuple[Step, ...]) -> None:
        """nftables checks at the end of a transaction that everything named in it is there."""
        if steps[0].resource.stage == Stage.FIREWALL:
            for key in (key for r in self.live.values() for key in needs(r) if key not in self.live):
                raise refusal(steps[-1], errno.ENOENT, f"{key} is not there")

    def _step(self, step: Step, batch: tuple[Step, ...]) -> None:
        match step.op:
            case "+":
                self._create(step)
            case "~":
                self._update(step)
            case "-":
                self._delete(step, batch)

    def _create(self, step: Step) -> None:
        new = step.resource
        if new.marked and (new.key in self.live or new.key in self.foreign):
            raise refusal(step, errno.EEXIST)
        if new.leftover:
            raise refusal(step, errno.EOPNOTSUPP, "it cannot be made alone")
        self._set(step)

    def _update(self, step: Step) -> None:
        new, old = step.resource, self.live.get(step.resource.key)
        if old is None and new.marked:
            raise refusal(step, KINDS[type(new)].absent)
        if old is not None and new.replaces(old):
            raise refusal(step, errno.EOPNOTSUPP, "it cannot be changed in place")
        self._set(step)
        KINDS[type(new)].changed(new, self.live)

    def _set(self, step: Step) -> None:
        if number := self._missing(step.resource):
            raise refusal(step, number)
        self.live[step.resource.key] = step.resource

    def _missing(self, new: Resource) -> int:
        return KINDS[type(new)].missing(new, laid(self.foreign, self.live))

    def _delete(self, step: Step, batch: tuple[Step, ...]) -> None:
        key = step.resource.key
        if key not in self.live and step.resource.leftover:
            return
        if key not in self.live:
            raise refusal(step, KINDS[type(step.resource)].absent)
        if user := self._user(key, batch):
            raise refusal(step, errno.EBUSY, f"{user} uses it")
        self._cascade(key)

    def _cascade(self, key: Key) -> None:
        """Take it away, and with it what Linux does not let stand alone."""
        old = self.live.pop(key)
        KINDS[type(old)].cascade(old, self.live)

    def _user(self, key: Key, batch: Sequence[Step]) -> Key | None:
        """Who keeps nftables from deleting it; the chains and maps of a batch are flushed before anything."""
        if self.live[key].stage != Stage.FIREWALL:
            return None
        flushed = {step.resource.key for step in batch}
        users = (r for r in self.live.values() if key in needs(r))
        return next((r.key for r in users if flushed.isdisjoint((r.key, *r.within))), None)


def needs(r: Resource) -> Iterable[Key]:
    """What must stand when a transaction ends."""
    return KINDS[type(r)].needs(r)


def outside(step: Step) -> bool:
    """Whether it is done where who is root in the sandbox has no say."""
    return step.op in KINDS[type(step.resource)].from_outside


def refusal(step: Step, number: int, words: str = "") -> KernelError:
    text = os.strerror(number) + f": {words}" * bool(words)
    return KernelError(str(step), number, text, step.resource.where)

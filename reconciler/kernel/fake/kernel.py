"""A kernel on a dict that cascades and refuses as Linux does: the laws run on it, and so do offline plans."""

import errno
import os
from collections import ChainMap
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...core.resource import Key, Resource, Stage, State
from ...errors import KernelError, ReconcileError
from ...kinds.file import File
from ...kinds.link import Link, OrphanVeth, Veth
from ...kinds.namespace import Namespace
from ...kinds.ownership import HOST
from ...kinds.sysctl import Sysctl
from . import semantics

BRIDGE_PORTS = 1023  # BR_MAX_PORTS is 1 << 10, and no port has number 0 (net/bridge/br_if.c)


class Killed(BaseException):
    """The process died here; no handler of ours may see it as a failure to roll back from."""


class FakeKernel:
    """Holds `live`, ours, and `foreign`, which nothing may change; `journal` lists every effect that was
    accepted.

    One step is one effect, but a firewall batch is a single one: it happens whole or not at all.  Sysctls are
    readable as soon as their link or namespace stands, and read "0" until somebody sets them.
    """

    def __init__(self, ours: Iterable[Resource] = (), foreign: Iterable[Resource] = ()):
        self.live: dict[Key, Resource] = {r.key: r for r in ours}
        self.foreign: dict[Key, Resource] = {r.key: r for r in foreign}
        self.held = ChainMap(self.live, self.foreign)
        self.dying: set[Key] = set()  # host ends of pairs whose namespace is being cleaned up
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
        """The kernel's cleanup_net comes round: what lingers goes."""
        for key in self.dying:
            self.live.pop(key, None)
        self.dying.clear()

    def lose(self, key: Key) -> None:
        """Somebody else removes what has this key, if the kernel lets them."""
        if key in self.live and not semantics.user(self.live[key], (), self.live):
            self._bury(self.live[key])

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        seen = {key: r for key, r in self.live.items() if r.marked or r.within}
        for r in named:
            if isinstance(r, Sysctl) and not semantics.missing(r, self.held):
                seen[r.key] = replace(r, value=getattr(self.live.get(r.key), "value", "0"))
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
                if place not in stood or outside(effect[0]):
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
        if steps[0].resource.stage == Stage.FIREWALL and (key := semantics.dangling(self.live)):
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
        if new.marked and (new.key in self.held or self._taken(new)):
            raise refusal(step, errno.EEXIST)
        if isinstance(new, OrphanVeth):
            raise refusal(step, errno.EOPNOTSUPP, "one end of a pair cannot be made alone")
        self._set(step)

    def _update(self, step: Step) -> None:
        new, old = step.resource, self.live.get(step.resource.key)
        if old is None and new.marked:
            raise refusal(step, errno.ENODEV if isinstance(new, Link) else errno.ENOENT)
        if old is not None and new.replaces(old):
            raise refusal(step, errno.EOPNOTSUPP, "it cannot be changed in place")
        self._set(step)
        if isinstance(new, Link) and not new.up:
            semantics.lower(new, self.live)

    def _set(self, step: Step) -> None:
        new = step.resource
        if number := semantics.missing(new, self.held):
            raise refusal(step, number)
        if isinstance(new, Veth) and new.bridge and self._ports(new) >= BRIDGE_PORTS:
            raise refusal(step, errno.EXFULL)
        self.live[new.key] = new

    def _delete(self, step: Step, batch: tuple[Step, ...]) -> None:
        old = self.live.get(step.resource.key)
        if old is None and step.resource.leftover:
            return
        if old is None:
            raise refusal(step, errno.ENODEV if isinstance(step.resource, Link) else errno.ENOENT)
        if user := semantics.user(old, batch, self.live):
            raise refusal(step, errno.EBUSY, f"{user} uses it")
        self._bury(old)

    def _bury(self, old: Resource) -> None:
        """A namespace that lost its name is cleaned up later; until then the host ends of its pairs stand."""
        pairs = [r for r in self.live.values() if isinstance(r, Veth) and Namespace.at(r.ns) == old.key]
        semantics.bury(old, self.live)
        for veth in pairs:
            left = OrphanVeth(ns=HOST, name=veth.host_name, mtu=veth.mtu, project=veth.project)
            self.live[left.key] = left
            self.dying.add(left.key)

    def _taken(self, new: Resource) -> bool:
        """Whether a link's name, or that of a pair's host end, is in use already."""
        if not isinstance(new, Link):
            return False
        wanted = {(new.ns, new.name), *([(HOST, new.host_name)] if isinstance(new, Veth) else [])}
        return any(not wanted.isdisjoint(semantics.names(r)) for r in self.held.values())

    def _ports(self, new: Veth) -> int:
        others = (r for key, r in self.live.items() if key != new.key)
        return sum(isinstance(r, Veth) and r.bridge == new.bridge for r in others)


def outside(step: Step) -> bool:
    """Whether it is done where who is root in the sandbox has no say."""
    return isinstance(step.resource, File) or (step.op == "-" and isinstance(step.resource, Namespace))


def refusal(step: Step, number: int, words: str = "") -> KernelError:
    origin = step.resource.origin
    text = os.strerror(number) + f": {words}" * bool(words)
    return KernelError(str(step), number, text, origin and origin.where)

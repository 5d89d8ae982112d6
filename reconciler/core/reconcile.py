"""The one loop: observe, plan, apply, verify.  Rolling back is reconciling with the past."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Protocol

from ..errors import KernelError, NotConverged, ReconcileError, RollbackFailed, foreseen
from .plan import Plan, Step, diff, plan
from .resource import Key, Resource, State


class Kernel(Protocol):
    """What a State is read from and a Plan is executed on: the host, a namespace of its own, or a fake.

    `observe` returns everything of ours, plus what stands at the keys of `named` although it cannot be
    marked as ours: sysctls, each as it was named, with the value that it has.  Sysctls that go with a link of
    ours are better returned unnamed too: rolling back restores only what was seen.  With `places` it reads
    these sandboxes alone ("" is the host); a reader that cannot answer wholly raises, it never returns a
    part.

    `execute` runs steps that share a stage, as one transaction where the channel has them, and raises
    KernelError naming the step that was refused.  Removing what has gone by itself is no failure, unless in
    a transaction."""

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State: ...

    def execute(self, batch: Sequence[Step]) -> None: ...


def apply(todo: Plan, kernel: Kernel) -> None:
    for _, batch in groupby(todo, key=lambda step: step.resource.stage):
        kernel.execute(list(batch))


def settle(todo: Plan, live: State, desired: State, kernel: Kernel) -> None:
    """Apply `todo`, read back what it touched, and return to `live` if anything was refused or differs."""
    if not todo:
        return
    try:
        apply(todo, kernel)
        if left := unsettled(todo, desired, kernel):
            raise NotConverged(left)
    except Exception as error:
        roll_back(live, desired, kernel, cause := foreseen(error))
        raise cause from cause.__cause__


def unsettled(todo: Plan, desired: State, kernel: Kernel) -> list[Key]:
    """The keys of the places that `todo` touched that are not as desired."""
    places = frozenset(step.resource.place for step in todo)
    wanted = {key: r for key, r in desired.items() if r.place in places}
    return sorted(diff(kernel.observe(wanted.values(), places), wanted))


def roll_back(past: State, desired: State, kernel: Kernel, cause: ReconcileError) -> None:
    named = {**desired, **past}
    past = {key: r for key, r in past.items() if not r.leftover}
    try:
        now = kernel.observe(named.values())
        apply(plan(now, past), kernel)
        left = sorted(diff(kernel.observe(named.values()), past))
    except Exception as error:
        left = [str(foreseen(error))]
    if left:
        raise RollbackFailed(cause, left) from cause


def reconcile(desired: State, kernel: Kernel) -> Plan:
    live = kernel.observe(desired.values())
    todo = plan(live, desired)
    settle(todo, live, desired, kernel)
    return todo


__all__ = ["Kernel", "KernelError", "apply", "reconcile", "roll_back", "settle"]

"""The one loop: observe, plan, apply, verify.  Rolling back is reconciling with the past."""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import groupby
from typing import Protocol

from ..errors import FailedInPart, KernelError, NotConverged, ReconcileError, RollbackFailed, foreseen
from .plan import Plan, Step, diff, inside, ordered, plan
from .resource import Key, Resource, Stage, State

Refusals = Mapping[str, ReconcileError]  # by place
FORWARD = nullcontext()


class Kernel(Protocol):
    """What a State is read from and a Plan is executed on: the host, a namespace of its own, or a fake.

    `observe` returns everything of ours, plus what stands at the keys of `named` although it cannot be marked
    as ours: sysctls, each as it was named, with the value that it has.  Sysctls that go with a link of ours
    are better returned unnamed too: rolling back restores only what was seen.  With `places` it reads these
    sandboxes alone ("" is the host); a reader that cannot answer wholly raises, it never returns a part.

    `execute` runs steps that share a stage, as one transaction where the channel has them, and raises
    KernelError naming the step that was refused.  Removing what has gone by itself is no failure, unless in
    a transaction.  What a sandbox refuses that stood before, or a LAN to a new one, is returned, by place: it
    has left out the rest of its steps, and held up nobody else."""

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State: ...

    def execute(self, batch: Sequence[Step]) -> Refusals: ...


def apply(todo: Plan, kernel: Kernel) -> dict[str, ReconcileError]:
    refused: dict[str, ReconcileError] = {}
    for _, batch in groupby(todo, key=lambda step: step.resource.stage):
        left_out = inside((step.resource for step in todo), refused.keys()) if refused else set()
        steps = [step for step in batch if step.resource.key not in left_out]
        refused |= kernel.execute(steps) if steps else {}
    return refused


def apply_and_verify(
    todo: Plan, live: State, desired: State, kernel: Kernel, forward: AbstractContextManager[object] = FORWARD
) -> None:
    """Apply `todo`, read back what it touched, and return to `live` if anything was refused or differs; in
    `forward`, until something is to be returned.

    A sandbox that stood before belongs to whoever is root in it: what goes wrong there returns it alone, and
    is told when all else is done.  Raises the refusal, or NotConverged, when all is as it was; FailedInPart
    for sandboxes that were returned; RollbackFailed when the way back failed as well.
    """
    refused = {r.place: unread(r) for r in live.values() if r.closed and r.key in desired}
    try:
        with forward:
            refused |= apply(todo, kernel)
            refused = still_differing(todo, live, desired, kernel, refused.keys()) | refused
    except Exception as error:
        roll_back(live, desired, kernel, cause := foreseen(error))
        raise cause from cause.__cause__
    if refused:
        put_back(frozenset(refused), live, desired, kernel)
        raise FailedInPart(refused, {})


def unread(r: Resource) -> ReconcileError:
    error = ReconcileError(getattr(r, "why", ""))
    error.__cause__ = getattr(r, "trouble", None)
    return error


def still_differing(
    todo: Plan, live: State, desired: State, kernel: Kernel, refused: Set[str]
) -> dict[str, ReconcileError]:
    """What is not as desired in the places that `todo` touched: of sandboxes that stood, by place;
    raises for the rest, but for what sandboxes that refused would have had on the host."""
    if not todo:
        return {}
    places = frozenset(step.resource.place for step in todo)
    wanted = {key: r for key, r in desired.items() if r.place in places}
    now = kernel.observe(wanted.values(), places)
    stood = {r.place for r in live.values() if r.lasting}
    stood |= {r.place for r in (*now.values(), *wanted.values()) if r.alone or r.stage == Stage.ATTACHING}
    left: dict[str, list[Key]] = {}
    left_out: set[Key] = set()
    for state in (desired, live) if refused else ():  # what stood there may be wanted elsewhere
        left_out |= inside(ordered(state.values()), refused)
    for key in sorted({*diff(now, wanted)} - left_out):
        place = (wanted.get(key) or now[key]).place
        left.setdefault(place if place in stood else "", []).append(key)
    if "" in left:
        raise NotConverged(left[""])
    return {place: unlike(keys, wanted, now) for place, keys in left.items()}


def unlike(keys: list[Key], wanted: State, now: State) -> NotConverged:
    """In the words of the first that has some, at its place in the manifest."""
    for key in keys:
        if key in wanted and (words := wanted[key].outcome(now.get(key))):
            return NotConverged(keys, words, wanted[key].where)
    return NotConverged(keys)


def put_back(places: frozenset[str], past: State, desired: State, kernel: Kernel) -> None:
    """These places as they were, with what is on the host's ends of their pairs, as far as whoever is root
    there lets them be.  What stands alone, in nobody's stead, stays as it has become: it can be asked why."""
    with suppress(ReconcileError):
        before = {key: r for key, r in within(past, places).items() if not r.leftover}
        named = {**within(desired, places), **before}.values()
        now = within(kernel.observe(named, places | {""}), places)
        become = {key: r for key, r in now.items() if r.alone and key in desired.keys() - past.keys()}
        apply(plan(now, become | before), kernel)


def within(state: State, places: frozenset[str]) -> State:
    """What stands there, and on the ends that lead there."""
    ends = inside(ordered(state.values()), places)
    return {key: r for key, r in state.items() if r.place in places or key in ends}


def asked_on_the_way_back(past: State, desired: State) -> list[Resource]:
    """What to name when `past` is to stand again: nothing in a sandbox that never stood, where what is half
    made shall be found as a leftover, and what is named would count as wanted."""
    stood = {r.place for r in past.values() if r.lasting} | {""}
    return [r for r in {**desired, **past}.values() if r.place in stood or r.alone]


def is_homeless(r: Resource, past: State) -> bool:
    """Whether nobody can bring it back to where it was: its sandbox was lost, or it stood on a lone end."""
    lost = r.alone and not past.keys() >= {*r.within}
    return lost or any(past[up].leftover for up in r.within if up in past)


def undisturbed(past: State, now: State) -> State:
    """The past, but for what somebody had brought about and an apply has put right since."""
    alike = {key for key, r in past.items() if key in now and now[key] != r and now[key].mended == r.mended}
    return {key: now[key] if key in alike else r for key, r in past.items()} if alike else past


def roll_back(past: State, desired: State, kernel: Kernel, cause: ReconcileError) -> None:
    named = asked_on_the_way_back(past, desired)
    past = {key: r for key, r in past.items() if not (r.leftover or is_homeless(r, past))}
    try:
        now = kernel.observe(named)
        apply(plan(now, undisturbed(past, now)), kernel)
        now = kernel.observe(named)
        left = sorted(diff(now, undisturbed(past, now)))
    except Exception as error:
        left = [str(foreseen(error))]
    if left:
        raise RollbackFailed(cause, left) from cause


def reconcile(desired: State, kernel: Kernel) -> Plan:
    live = kernel.observe(desired.values())
    todo = plan(live, desired)
    apply_and_verify(todo, live, desired, kernel)
    return todo


__all__ = ["Kernel", "KernelError", "apply", "reconcile", "roll_back", "apply_and_verify"]

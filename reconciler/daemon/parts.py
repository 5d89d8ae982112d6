"""An apply in two: what stands, and behind it what runs there, which may be long in coming; until then all
else is healed, and clients are led, as at any time."""

from collections.abc import Callable, Set
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import takewhile

from ..core.plan import Plan, outside
from ..core.reconcile import Kernel, Refusals
from ..core.resource import Stage
from ..errors import FailedInPart
from ..pipeline import Change, enact
from ..remembered import as_it_stands

During = Callable[[Change], AbstractContextManager[object]]  # around an apply


def enact_in_parts(change: Change, kernel: Kernel, during: During) -> Refusals:
    """What sandboxes refused, by place; raises whatever else the pipeline's `enact` raises."""
    refused = carry_out(wired(change), kernel, during)
    return {**refused, **carry_out(run(change, refused.keys()), kernel, during)}


def carry_out(change: Change, kernel: Kernel, during: During) -> Refusals:
    if not change.todo:
        return {}
    try:
        enact(change, kernel, during(change))
    except FailedInPart as error:
        return error.refusals
    return {}


def last(todo: Plan) -> int:
    """How many steps at its end are about what runs."""
    return sum(1 for _ in takewhile(lambda step: step.resource.stage == Stage.RUNNING, reversed(todo)))


def wired(change: Change) -> Change:
    """Its first part: all but what is run when the rest stands."""
    return replace(change, todo=Plan(change.todo[: len(change.todo) - last(change.todo)]))


def run(change: Change, refused: Set[str]) -> Change:
    """Its second, when the first is done but in sandboxes that refused: nothing is run there."""
    todo = outside(change.todo, refused)
    todo = Plan(todo[len(todo) - last(todo) :])
    stands = {**as_it_stands(change, frozenset(refused))}
    for step in todo:
        if (old := change.live.get(step.resource.key)) is None:
            stands.pop(step.resource.key, None)
        else:
            stands[step.resource.key] = old
    return replace(change, live=stands, todo=todo)

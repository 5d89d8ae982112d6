"""An apply in two: what stands, and behind it what runs there, which may be long in coming; until then all
else is healed, and clients are led, as at any time."""

from collections.abc import Callable, Set
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import takewhile

from ..change import Change
from ..core.plan import Plan, outside
from ..core.reconcile import Kernel, Refusals
from ..core.resource import Stage
from ..errors import FailedInPart
from ..pipeline import enact
from ..remembered import as_it_stands

During = Callable[[Change], AbstractContextManager[object]]  # around an apply


def enact_in_parts(change: Change, kernel: Kernel, during: During) -> Refusals:
    """What sandboxes refused, by place; raises whatever else the pipeline's `enact` raises."""
    wiring, _ = in_two(change.todo)
    refused = refusals(replace(change, todo=wiring), kernel, during)
    return {**refused, **refusals(rest(change, refused.keys()), kernel, during)}


def refusals(change: Change, kernel: Kernel, during: During) -> Refusals:
    if change.todo:
        try:
            enact(change, kernel, during(change))
        except FailedInPart as error:
            return error.refusals
    return {}


def in_two(todo: Plan) -> tuple[Plan, Plan]:
    """What comes first, and what is run when that stands."""
    last = takewhile(lambda step: step.resource.stage == Stage.RUNNING, reversed(todo))
    at = len(todo) - sum(1 for _ in last)
    return Plan(todo[:at]), Plan(todo[at:])


def rest(change: Change, refused: Set[str]) -> Change:
    """What is left of it when the first part is done, but in sandboxes that refused: nothing is run there."""
    _, running = in_two(outside(change.todo, refused))
    pending = {step.resource.key for step in running}
    stands = as_it_stands(change, frozenset(refused))
    live = {key: r for key, r in stands.items() if key not in pending}
    live |= {key: change.live[key] for key in pending & change.live.keys()}
    return replace(change, live=live, todo=running)

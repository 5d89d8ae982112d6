"""The most that an apply may do: what a person set, and what refuses a plan that goes beyond."""

from collections.abc import Callable

from ..change import Change
from ..core.resource import DISRUPTIONS
from ..errors import Refused
from ..values import record
from .removals import Memory, refuse_removals

REMOVALS = "50%"  # what may go without a person


@record
class Limits:
    """What a person set; "" is no limit."""

    digest: str = ""  # of the only plan
    removals: str = ""  # a number, or a percentage of what stands
    disruption: str = ""
    memory: Callable[[], Memory] = dict  # of what was wanted before


def refuse(change: Change, limits: Limits) -> None:
    """Raise Refused where the plan goes beyond the limits."""
    if limits.digest and change.todo.digest != limits.digest:
        raise Refused(
            f"the plan is {change.todo.digest} now, not {limits.digest}: something moved since",
            "look at `--plan` again",
        )
    if limits.removals:
        refuse_removals(change, limits.removals, limits.memory)
    if limits.disruption and DISRUPTIONS.index(change.todo.disruption) > DISRUPTIONS.index(limits.disruption):
        raise Refused(
            f"the plan disrupts running traffic ({change.todo.disruption}), "
            f"more than --max-disruption {limits.disruption}",
            "`--plan -o wide` shows the step",
        )

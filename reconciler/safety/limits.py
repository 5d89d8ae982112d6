"""The most that an apply may do: what a person set, and what refuses a plan that goes beyond."""

from dataclasses import dataclass

from ..core.resource import DISRUPTIONS
from ..errors import Refused
from ..pipeline import Change


@dataclass(frozen=True)
class Limits:
    """What a person set; "" is no limit."""

    digest: str = ""  # of the only plan
    removals: str = ""  # a number, or a percentage of what stands
    disruption: str = ""


def refuse(change: Change, limits: Limits) -> None:
    """Raise Refused where the plan goes beyond the limits."""
    if limits.digest and change.todo.digest != limits.digest:
        raise Refused(
            f"the plan is {change.todo.digest} now, not {limits.digest}: something moved since",
            "look at `--plan` again",
        )
    if limits.removals and len(change.removed) > most_removals(limits.removals, change.present):
        raise Refused(
            f"{len(change.removed)} of {change.present} networks and sandboxes would go, "
            f"more than --max-removals {limits.removals}",
            f"first of them: {change.removed[0]}",
        )
    if limits.disruption and DISRUPTIONS.index(change.todo.disruption) > DISRUPTIONS.index(limits.disruption):
        raise Refused(
            f"the plan disrupts running traffic ({change.todo.disruption}), "
            f"more than --max-disruption {limits.disruption}",
            "`--plan -o wide` shows the step",
        )


def most_removals(removals: str, present: int) -> float:
    return present * int(removals[:-1]) / 100 if removals.endswith("%") else int(removals)

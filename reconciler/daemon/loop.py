"""The loop: wait, take a turn; after one that something triggered, rest as long as it
kept the processor busy."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from .triggers import STOP, Trigger, Triggers

Turn = Callable[[Sequence[Trigger]], float]


def loop(
    triggers: Triggers, turn: Turn, ticks: Mapping[str, float], clock: Callable[[], float] = time.monotonic
) -> None:
    """Call `turn` with every batch of triggers until one of them is STOP.

    `turn` returns in how many seconds it wants another one at the latest.  `ticks` fire by themselves: kind
    and seconds between.  Clocks are monotonic, so that nobody who sets the time can stop it or make it spin.
    """
    due = {kind: clock() + seconds for kind, seconds in ticks.items()}
    wish = clock()
    while True:
        fired = triggers.wait(max(min([wish, *due.values()]) - clock(), 0.0))
        if any(trigger.kind == STOP for trigger in fired):
            return
        began = time.process_time()
        wish = max(turn((*fired, *due_ticks(due, ticks, clock()))), 0.05) + clock()  # never a busy loop
        if fired:
            triggers.rest(time.process_time() - began)


def due_ticks(due: dict[str, float], ticks: Mapping[str, float], now: float) -> Iterator[Trigger]:
    """Each is due again from now on."""
    for kind in [kind for kind, at in due.items() if at <= now]:
        due[kind] = now + ticks[kind]
        yield Trigger(kind)

"""The loop: listen, take a turn; after one that somebody rang for, rest as long as it kept the processor
busy."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from .triggers import STOP, Bell, Ring

Turn = Callable[[Sequence[Ring]], float]


def loop(
    bell: Bell, turn: Turn, ticks: Mapping[str, float], clock: Callable[[], float] = time.monotonic
) -> None:
    """Call `turn` with every batch of rings until somebody rings STOP.

    `turn` returns in how many seconds it wants another one at the latest.  `ticks` ring by themselves: kind
    and seconds between.  Clocks are monotonic, so that nobody who sets the time can stop it or make it spin.
    """
    due = {kind: clock() + seconds for kind, seconds in ticks.items()}
    wish = clock()
    while True:
        rung = bell.listen(max(min([wish, *due.values()]) - clock(), 0.0))
        if any(ring.kind == STOP for ring in rung):
            return
        began = time.process_time()
        wish = max(turn((*rung, *ticking(due, ticks, clock()))), 0.05) + clock()  # never a busy loop
        if rung:
            bell.rest(time.process_time() - began)


def ticking(due: dict[str, float], ticks: Mapping[str, float], now: float) -> Iterator[Ring]:
    for kind in [kind for kind, at in due.items() if at <= now]:
        due[kind] = now + ticks[kind]
        yield Ring(kind)

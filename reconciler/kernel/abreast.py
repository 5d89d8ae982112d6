"""Steps that others' programs carry out: those of one place in turn, each place beside the others."""

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from ..core.plan import Step
from ..errors import KernelError, ReconcileError, foreseen

ABREAST = 8  # places at one time
PACE = 1.0  # seconds between two signs of life


def abreast(
    steps: Sequence[Step], act: Callable[[Step], None], progress: Callable[[], None]
) -> dict[str, ReconcileError]:
    """What was refused, by place: it is that place's trouble, which is asked for nothing more."""
    by_place: dict[str, list[Step]] = {}
    for step in steps:
        by_place.setdefault(step.resource.place, []).append(step)
    with ThreadPoolExecutor(ABREAST) as pool:
        done = {pool.submit(in_turn, own, act): place for place, own in by_place.items()}
        while wait(done, timeout=PACE).not_done:
            progress()
    errors = ((place, one.exception()) for one, place in done.items())
    return {place: foreseen(error) for place, error in errors if error}


def in_turn(steps: Sequence[Step], act: Callable[[Step], None]) -> None:
    for step in steps:
        try:
            act(step)
        except OSError as error:
            words = error.strerror or str(error)
            raise KernelError(str(step), error.errno or errno.EIO, words, step.resource.where) from error

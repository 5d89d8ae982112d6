"""Workloads ended and run: those that wait for others behind these, the rest beside one another."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...errors import KernelError, ReconcileError, foreseen
from ...kinds.workload import Workload
from .. import netns
from . import listing, recall, runner, used

ABREAST = 4  # engines at work at one time
PACE = 0.2  # seconds between two signs of life
Act = Callable[[Step], object]


def execute(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What engines refused, by place: each is a container's own trouble, and of those that wait for it."""
    gone = [step for step in steps if step.op == "-"]
    refused: dict[str, ReconcileError] = {}
    for level in reversed([*levels(gone)]):
        refused |= carry_out(level, end, progress)
    others = {r.name: r for r in workloads(steps)}
    for level in levels([step for step in steps if step.op != "-"]):
        refused |= carry_out(level, partial(begin, refused=refused, others=others), progress)
    if gone or refused:
        forget_idle({r.engine for r in workloads(steps)})
    return refused


def workloads(steps: Iterable[Step]) -> Iterator[Workload]:
    return (step.resource for step in steps if isinstance(step.resource, Workload))


def levels(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Each holds what waits for nobody that comes later."""
    left = {r.name: (r, step) for r, step in zip(workloads(steps), steps, strict=True)}
    while left:
        free = [name for name, (r, _) in left.items() if left.keys().isdisjoint(dict(r.after))]
        yield [left.pop(name)[1] for name in free or [*left]]


def carry_out(steps: Sequence[Step], act: Act, progress: Callable[[], None]) -> dict[str, ReconcileError]:
    """All of them beside one another; what was refused, by place.  An image may be long in coming."""
    with ThreadPoolExecutor(ABREAST) as pool:
        places = {pool.submit(act, step): step.resource.place for step in steps}
        while wait(places, timeout=PACE).not_done:
            progress()
    errors = ((place, done.exception()) for done, place in places.items())
    return {place: foreseen(error) for place, error in errors if error}


@contextmanager
def refusing(step: Step) -> Iterator[None]:
    """What an engine says no to, in its own words."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise KernelError(str(step), error.errno or errno.EIO, words, step.resource.where) from error


def end(step: Step) -> None:
    for old in workloads([step]):
        with refusing(step):
            runner(old.engine).remove(old)
            recall.forget(old)


def begin(step: Step, refused: Mapping[str, ReconcileError], others: Mapping[str, Workload]) -> None:
    for new in workloads([step]):
        with refusing(step):
            mark(new.engine)
            await_others(new, refused, others)
            old = step.old if step.op == "~" and isinstance(step.old, Workload) else None
            runner(new.engine).put(told := recall.completed(new), old)
            recall.remember(told, old)


def await_others(
    new: Workload, refused: Mapping[str, ReconcileError], others: Mapping[str, Workload]
) -> None:
    """Whom it depends on, whichever engine runs that."""
    for name, condition in new.after:
        other = others.get(name) or standing(name)
        if other and other.place in refused:
            raise OSError(errno.EIO, f"it waits for {name}, which does not run")
        runner(other.engine if other else new.engine).wait(name, condition)


def standing(name: str) -> Workload | None:
    """Whom some engine runs already."""
    return next((one for one in listing() if one.name == name), None)


def mark(engine: str) -> None:
    """It has something of ours from here on."""
    netns.folder(os.path.dirname(used(engine)))
    with open(used(engine), "w"):
        pass


def forget_idle(engines: Iterable[str]) -> None:
    """Nobody asks an engine any more that has nothing of ours; one that says nothing may have something."""
    for engine in engines:
        with suppress(OSError, ValueError):
            if not [*runner(engine).listing()]:
                os.unlink(used(engine))
                os.rmdir(os.path.dirname(used(engine)))

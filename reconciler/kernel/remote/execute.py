"""Networks and endpoints of plugins, in waves: networks stand before their endpoints, and go after them."""

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import groupby

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...errors import KernelError, ReconcileError, foreseen
from ...kinds.remote import RemoteEndpoint, RemoteNetwork, place_of
from . import endpoint, network
from .driver import RemoteDrivers

ABREAST = 8  # places at one time
PACE = 1.0  # seconds between two signs of life


def execute(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What plugins refused, by place: a network's trouble is that of all who would be on it, and nobody's
    else beside them."""
    drivers, refused = RemoteDrivers(), dict[str, ReconcileError]()
    for _, wave in groupby(steps, key=kind_of_wave):
        able = [step for step in wave if not is_barred(step, refused)]
        done = carry_out(able, drivers, progress)
        refused |= done
        for step in able:
            if step.op == "-" and step.resource.place in done:  # its network cannot go either
                refused.setdefault(home_of(step), done[step.resource.place])
    return refused


def kind_of_wave(step: Step) -> tuple[bool, bool]:
    return isinstance(step.resource, RemoteNetwork), step.op == "-"


def home_of(step: Step) -> str:
    """The place of its network."""
    r = step.resource
    return place_of(r.network) if isinstance(r, RemoteEndpoint) else r.place


def is_barred(step: Step, refused: dict[str, ReconcileError]) -> bool:
    """Whether its place or its network has refused something; that is so of its place too then."""
    if (trouble := refused.get(home_of(step))) and step.op != "-":
        refused.setdefault(step.resource.place, trouble)
    return step.resource.place in refused


def carry_out(
    steps: Sequence[Step], drivers: RemoteDrivers, progress: Callable[[], None]
) -> dict[str, ReconcileError]:
    """Those of one place in turn, each place beside the others."""
    by_place: dict[str, list[Step]] = {}
    for step in steps:
        by_place.setdefault(step.resource.place, []).append(step)
    with ThreadPoolExecutor(ABREAST) as pool:
        done = {pool.submit(in_turn, own, drivers): place for place, own in by_place.items()}
        while wait(done, timeout=PACE).not_done:
            progress()
    errors = ((place, one.exception()) for one, place in done.items())
    return {place: foreseen(error) for place, error in errors if error}


def in_turn(steps: Sequence[Step], drivers: RemoteDrivers) -> None:
    for step in steps:
        try:
            act(step, drivers)
        except OSError as error:
            words = error.strerror or str(error)
            raise KernelError(str(step), error.errno or errno.EIO, words, step.resource.where) from error


def act(step: Step, drivers: RemoteDrivers) -> None:
    match step.resource:
        case RemoteNetwork() as one:
            (network.delete if step.op == "-" else network.create)(one, drivers)
        case RemoteEndpoint() as end:
            (endpoint.detach if step.op == "-" else endpoint.attach)(end, drivers)

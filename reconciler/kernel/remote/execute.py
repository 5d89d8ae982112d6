"""Networks and endpoints of plugins, in waves: networks stand before their endpoints, and go after them."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...errors import ReconcileError
from ...kinds.remote import RemoteEndpoint, RemoteNetwork, place_of
from ..abreast import abreast
from . import endpoint, network
from .driver import RemoteDrivers


def execute(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What plugins refused, by place: a network's trouble is that of all who would be on it, and nobody's
    else beside them."""
    drivers, refused = RemoteDrivers(), dict[str, ReconcileError]()
    for _, wave in groupby(steps, key=kind_of_wave):
        able = [step for step in wave if not is_barred(step, refused)]
        refused |= abreast(able, partial(act, drivers=drivers), progress)
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


def act(step: Step, drivers: RemoteDrivers) -> None:
    match step.resource:
        case RemoteNetwork() as one:
            (network.delete if step.op == "-" else network.create)(one, drivers)
        case RemoteEndpoint() as end:
            (endpoint.detach if step.op == "-" else endpoint.attach)(end, drivers)

"""Sandboxes attached and detached: one beside the other, since a plugin may take its time."""

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import groupby

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...errors import KernelError, foreseen
from ...kinds.cni import CniAttachment
from .chain import attach, detach

ABREAST = 8  # sandboxes at one time
PACE = 1.0  # seconds between two signs of life


def execute(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What plugins refused, by place: it is that sandbox's trouble, whether it stood before or not."""
    by_place = {
        place: [*own]
        for place, own in groupby(sorted(steps, key=place_of), key=place_of)  # stable: in each as planned
    }
    with ThreadPoolExecutor(ABREAST) as pool:
        done = {pool.submit(carry_out, own): place for place, own in by_place.items()}
        while wait(done, timeout=PACE).not_done:
            progress()
    errors = ((place, one.exception()) for one, place in done.items())
    return {place: foreseen(error) for place, error in errors if error}


def place_of(step: Step) -> str:
    return step.resource.place


def kept(step: Step) -> Sequence[str]:
    """The addresses that it may keep, which its IPAM gave it for the same list of plugins."""
    old, new = step.old, step.resource
    assert isinstance(new, CniAttachment)
    same = isinstance(old, CniAttachment) and old.config == new.config and not new.has_wishes
    return old.addresses if isinstance(old, CniAttachment) and same else ()


def carry_out(steps: Sequence[Step]) -> None:
    for step in steps:
        assert isinstance(step.resource, CniAttachment)
        try:
            detach(step.resource) if step.op == "-" else attach(step.resource, kept(step))
        except OSError as error:
            words = error.strerror or str(error)
            raise KernelError(str(step), error.errno or errno.EIO, words, step.resource.where) from error

"""Whom clients are led to goes before all else: who has ended, or does otherwise than it did, waits for no
file to be read, nor until what else has moved is looked at."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from ..change import Change
from ..core.plan import Plan
from ..core.resource import Stage
from ..errors import ReconcileError
from ..lasting import LastingHost
from ..pipeline import enact
from ..remembered import Dirty, containers, has_replicas, led_again
from .outcome import Outcome
from .repair import RepairLoop


def lead(repair: RepairLoop, dirty: Dirty | None) -> Outcome | None:
    """What came of it, if anybody is led elsewhere.  Who has ended is run by the turn after it, which looks
    at all that has moved, and meets what fails here."""
    known, host, before = repair.known, repair.pipeline.host, repair.pipeline.latest()
    change = led(known, dirty.places or (), host) if known and dirty else None
    if not change or repair.deferred_projects(change):
        return None
    with suppress(ReconcileError), repair.pipeline.lock() as last:
        if last == before and (change := allowed(change, repair)):
            repair.known = None  # unless all of it is done
            outcome = carried_out(change, host)
            repair.known = done(change)
            return outcome
    return None


def led(known: Change, places: Iterable[str], host: LastingHost) -> Change | None:
    """What there is to do where clients are led, by how the containers do that have changed."""
    moved = containers(places)
    if not moved or not has_replicas(known) or not (change := led_again(known, moved, host)):
        return None
    return replace(change, todo=Plan(step for step in change.todo if step.resource.stage != Stage.RUNNING))


def allowed(change: Change, repair: RepairLoop) -> Change | None:
    """What of it is not left alone for now, if anything is; raises Refused where it is beyond limits."""
    change = repair.due_part(change)
    repair.pipeline.refuse(change)
    return change if change.todo else None


def carried_out(change: Change, host: LastingHost) -> Outcome:
    began = time.monotonic()
    enact(change, host)
    return Outcome(change, True, time.monotonic() - began)


def done(change: Change) -> Change:
    """The same, when that has been done."""
    stands = {step.resource.key: step.resource for step in change.todo}
    return replace(change, live={**change.live, **stands}, todo=Plan())

"""Whom clients are led to goes before all else: who has ended, or does otherwise than it did, waits for no
file to be read, nor until what else has moved is looked at."""

import time
from collections.abc import Iterable
from dataclasses import replace

from ..core.plan import Plan
from ..core.resource import Stage
from ..errors import ReconcileError
from ..lasting import LastingHost
from ..pipeline import Change, enact
from ..remembered import Dirty, has_replicas, led_again
from .outcome import Outcome
from .repair import RepairLoop


def lead(repair: RepairLoop, dirty: Dirty | None) -> Outcome | None:
    """What came of it, if anybody is led elsewhere.  Who has ended is run by the turn after it, which looks
    at all that has moved, and meets what fails here."""
    known, host, before = repair.known, repair.pipeline.host, repair.pipeline.latest()
    change = led(known, dirty.places or (), host) if known and dirty else None
    if not change or repair.deferred_projects(change) or not (change := repair.due_part(change)).todo:
        return None
    began = time.monotonic()
    try:
        with repair.pipeline.lock() as last:
            if last != before:
                return None
            repair.known = None
            enact(change, host)
    except ReconcileError:  # known is what stands, unless something was begun
        return None
    repair.known = done(change)
    return Outcome(change, True, time.monotonic() - began)


def led(known: Change, places: Iterable[str], host: LastingHost) -> Change | None:
    """What there is to do where clients are led, by how the containers do that have changed."""
    containers = frozenset(place for place in places if place.startswith("/"))
    if not containers or not has_replicas(known) or not (change := led_again(known, containers, host)):
        return None
    todo = Plan(step for step in change.todo if step.resource.stage != Stage.RUNNING)
    return replace(change, todo=todo) if todo else None


def done(change: Change) -> Change:
    """The same, when that has been done."""
    stands = {step.resource.key: step.resource for step in change.todo}
    return replace(change, live={**change.live, **stands}, todo=Plan())

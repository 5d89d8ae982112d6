"""What stands behind a transaction of ours that was of elements alone: what stood before it, and these as
they read now, each asked for by its key."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from errno import ENOENT

from ...core.plan import Step
from ...kinds.nft import Element
from ..netlink.netfilter import Torn
from ..netlink.socket import attr, text
from . import encode
from .elements import listed
from .kept import NONE, KeptRuleset, MapElements
from .text import Shape
from .transaction import ELEMENTS, OF_SET, OF_TABLE, FirewallSteps
from .wire import GETSETELEM, NUMBERS, RulesetReading


def after(before: KeptRuleset, work: FirewallSteps) -> KeptRuleset | None:
    """What stands behind a transaction that was made for what stood before; None where that would be more to
    read than its elements, or others have changed something since."""
    forms = before.shapes(work.elements)
    if work.others or forms is None or any(form.is_plain_interval for form in forms.values()):
        return None
    with suppress(OSError, Torn), RulesetReading() as reading:
        if reading.generation != before.generation + 1:
            return None
        now = {
            place: renewed(reading, before.elements.get(place, NONE), work.elements[place], form)
            for place, form in forms.items()
        }
        if reading.current() == reading.generation:
            reading.note_whole()
            return before._replace(generation=reading.generation, elements={**before.elements, **now})
    return None


def renewed(reading: RulesetReading, there: MapElements, steps: Iterable[Step], form: Shape) -> MapElements:
    """The elements of a map, of which those that were put or removed are asked for."""
    wanted = {step.resource.key: step.resource for step in steps}
    asked = (standing(reading, r, form) for r in wanted.values() if isinstance(r, Element))
    return there.renewed(wanted, filter(None, asked))


def standing(reading: RulesetReading, wanted: Element, form: Shape) -> Element | None:
    """What stands at the key of this one."""
    named = text(OF_TABLE, wanted.table) + text(OF_SET, wanted.map)
    try:
        answer = reading.get(
            GETSETELEM, NUMBERS[wanted.family], named + attr(ELEMENTS, *encode.keys([wanted], form))
        )
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return None
    [(item, value, (project, root), (limit, until))] = listed(
        form, [one.attributes[ELEMENTS] for one in answer]
    )
    found = replace(wanted, item=item, value=value, project=project, root=root, origin=None)
    return replace(found, limit=limit, until=until)

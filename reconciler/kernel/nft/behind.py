"""What stands behind a transaction of ours that was of elements alone: what stood before it, and these as
they read now, each asked for by its key."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from errno import ENOENT

from ...core.plan import Step
from ...core.resource import Key
from ...kinds.nft import Element
from ..netlink.netfilter import Torn
from ..netlink.socket import attr, text
from . import encode
from .elements import listed
from .kept import KeptRuleset
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
            place: renewed(reading, before.elements.get(place, {}), work.elements[place], form)
            for place, form in forms.items()
        }
        if reading.current() == reading.generation:
            reading.note_whole()
            return before._replace(generation=reading.generation, elements={**before.elements, **now})
    return None


def renewed(
    reading: RulesetReading, there: Mapping[Key, Element], steps: Iterable[Step], form: Shape
) -> Mapping[Key, Element]:
    """The elements of a map, of which those that were put or removed are asked for."""
    found = dict(there)
    for wanted in (step.resource for step in steps):
        found.pop(wanted.key, None)
        if isinstance(wanted, Element) and (now := standing(reading, wanted, form)):
            found[now.key] = now
    return found


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

"""Intervals that overlap: the kernel refuses them (nft_set_rbtree.c, nft_set_pipapo.c), but for one that has
no end, since it compares ends."""

import errno
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from ...core.plan import Step
from ...core.resource import Resource
from ...errors import KernelError
from ...kinds.nft import Element, path
from .encode import ends_nowhere
from .text import Place, Shape, Shapes

ElementSteps = Mapping[Place, Sequence[Step]]  # by map


def without_end(steps: ElementSteps, shapes: Shapes) -> dict[Place, list[Step]]:
    """Those that put an interval up to the greatest there is into a map of plain intervals."""
    plain = {place: form for place in steps if (form := shapes.get(place)) and form.is_plain_interval}
    found = {
        place: [s for s in steps[place] if s.op != "-" and ends_nowhere(bounds(s.resource, form)[1])]
        for place, form in plain.items()
    }
    return {place: group for place, group in found.items() if group}


def refuse_overlaps(steps: ElementSteps, shapes: Shapes, live: Iterable[Element]) -> None:
    """Raises KernelError for the first; `live` is what stands in the maps that get one."""
    standing = {r.key: r for r in live}
    for place, group in without_end(steps, shapes).items():
        changed = {s.resource.key for s in steps[place]}
        there = [r for key, r in standing.items() if path(r) == place and key not in changed]
        new = [s.resource for s in steps[place] if s.op != "-"]
        for step in group:
            refuse_overlap(step, [*there, *new], shapes[place])


def refuse_overlap(step: Step, there: Iterable[Resource], form: Shape) -> None:
    start, _ = bounds(step.resource, form)
    beside = [r for r in there if r.key != step.resource.key and bounds(r, form)[1] >= start]
    if beside:
        raise KernelError(str(step), errno.EEXIST, f"it overlaps with {beside[0].key}", step.resource.where)


def bounds(element: Resource, form: Shape) -> tuple[bytes, bytes]:
    """Where it begins and ends; of what is no interval nothing, since that is told when it is written."""
    with suppress(ValueError):
        return form.key.parts[0].bounds(getattr(element, "item", ""))
    return b"\0", b"\0"

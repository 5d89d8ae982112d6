"""Intervals that overlap: the kernel refuses them (nft_set_rbtree.c, nft_set_pipapo.c), but for one that has
no end, since it compares ends."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ...core.plan import Step
from ...errors import KernelError
from ...kinds.nft import Element, path
from .encode import ends_nowhere
from .text import Place, Shape

Shapes = Mapping[Place, Shape]


def open_ended(steps: Sequence[Step], forms: Shapes) -> Iterator[tuple[Step, Element]]:
    """Those that put an interval up to the greatest there is into a map of plain intervals."""
    for step in steps:
        r = step.resource
        if step.op != "-" and isinstance(r, Element) and has_no_end(r.item, forms.get(path(r))):
            yield step, r


def has_no_end(item: str, form: Shape | None) -> bool:
    """False also for what is no interval: that is told when it is written."""
    with suppress(ValueError):
        return bool(form and form.is_plain_interval and ends_nowhere(form.key.bounds(item)[1]))
    return False


def refuse_overlaps(steps: Sequence[Step], forms: Shapes, live: Sequence[Element]) -> None:
    """Raises KernelError for the first; `live` is what stands in the maps that get one."""
    gone = {s.resource.key for s in steps if s.op != "+"}
    new = [s.resource for s in steps if s.op != "-" and isinstance(s.resource, Element)]
    there = [*(r for r in live if r.key not in gone), *new]
    for step, r in open_ended(steps, forms):
        beside = [other for other in there if path(other) == path(r) and other.key != r.key]
        for other in beside:
            if reaches(other.item, r.item, forms[path(r)]):
                raise KernelError(str(step), errno.EEXIST, f"it overlaps with {other.item}", r.where)


def reaches(item: str, beyond: str, form: Shape) -> bool:
    """Whether an interval ends where another begins, or later; False also for what is none."""
    with suppress(ValueError):
        return form.key.bounds(item)[1] >= form.key.bounds(beyond)[0]
    return False

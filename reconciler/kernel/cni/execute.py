"""Sandboxes attached and detached: one beside the other, since a plugin may take its time."""

from collections.abc import Callable, Sequence

from ...core.plan import Step
from ...core.reconcile import Refusals
from ...kinds.cni import CniAttachment
from ..abreast import abreast
from .chain import attach, detach


def execute(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What plugins refused, by place, whether it stood before or not."""
    return abreast(steps, act, progress)


def act(step: Step) -> None:
    new, old = step.resource, step.old if isinstance(step.old, CniAttachment) else None
    assert isinstance(new, CniAttachment)
    if step.op == "-":
        detach(new)
    else:
        attach(new, kept(old, new), is_new=not (old and old.project))


def kept(old: CniAttachment | None, new: CniAttachment) -> Sequence[str]:
    """The addresses that it may keep, which its IPAM gave it for the same list of plugins."""
    return old.addresses if old and old.config == new.config and not new.has_wishes else ()

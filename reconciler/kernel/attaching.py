"""Whose programs do something to sandboxes that stand: plugins of CNI, and remote drivers of libnetwork."""

from collections.abc import Callable, Sequence

from ..core.plan import Step
from ..core.reconcile import Refusals
from ..kinds.cni import CniAttachment


def attach(steps: Sequence[Step], progress: Callable[[], None]) -> Refusals:
    """What was refused, by place: who has refused once is asked for nothing more."""
    from .cni import execute as cni  # of which most have none
    from .remote import execute as remote

    chains = [step for step in steps if isinstance(step.resource, CniAttachment)]
    refused = dict(cni.execute(chains, progress)) if chains else {}
    rest = [s for s in steps if not isinstance(s.resource, CniAttachment) and s.resource.place not in refused]
    return refused | (dict(remote.execute(rest, progress)) if rest else {})

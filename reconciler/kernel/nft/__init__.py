"""nftables, in the kernel's own bytes: read, compiled by libnftables, and written in one transaction."""

from collections.abc import Sequence

from ...core.plan import Step
from .foreign import blockers
from .kept import Ruleset
from .read import read, read_ruleset

__all__ = ["Ruleset", "blockers", "execute", "read", "read_ruleset"]


def execute(steps: Sequence[Step], known: Ruleset | None = None) -> Ruleset | None:
    """As one transaction, in the namespace that the thread is in; what stands then, where that is easily told
    by what was `known` before."""
    from .write import execute  # which no plan need pay for

    return execute(steps, known)

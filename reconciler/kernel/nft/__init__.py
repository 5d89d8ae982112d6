"""nftables, in the kernel's own bytes: read, compiled by libnftables, and written in one transaction."""

from collections.abc import Sequence

from ...core.plan import Step
from .foreign import blockers
from .read import read

__all__ = ["blockers", "execute", "read"]


def execute(steps: Sequence[Step]) -> None:
    """As one transaction, in the namespace that the thread is in."""
    from .write import execute  # which no plan need pay for

    execute(steps)

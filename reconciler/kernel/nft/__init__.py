"""nftables, in the kernel's own bytes: read, compiled by libnftables, and written in one transaction."""

from collections.abc import Iterator, Sequence

from ...core.plan import Step
from ...kinds.named import SET
from ...kinds.nft import Map
from .foreign import blockers
from .kept import About, KeptRuleset
from .read import read, read_ruleset

__all__ = ["About", "KeptRuleset", "blockers", "emptied", "execute", "read", "read_ruleset"]


def execute(steps: Sequence[Step], known: KeptRuleset | None = None) -> KeptRuleset | None:
    """As one transaction, in the namespace that the thread is in; what stands then, where that is easily told
    by what was `known` before."""
    from .write import execute  # which no plan need pay for

    return execute(steps, known)


def emptied(steps: Sequence[Step]) -> Iterator[str]:
    """The digests of the sets that these make which resolvers fill: there is nothing in them."""
    for r in (step.resource for step in steps if step.op != "-"):
        if isinstance(r, Map) and r.name.startswith(SET):
            yield r.name.removeprefix(SET).rpartition("-")[0]

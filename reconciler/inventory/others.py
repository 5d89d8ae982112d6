"""What sandboxes have that another one, which is near them, has to know of: learned once, and kept."""

from ..core.resource import State
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from .bykind import by_kind
from .facts import Claim, OtherSandboxes
from .learn import devices, macs
from .leases import leases
from .ownership import owners, sandboxes


def others_of(live: State) -> OtherSandboxes:
    """All that stands in this state."""
    live = by_kind(live)
    owner = owners(live)
    flows = ((owner(e) or e.declared_by, e.flow) for e in live.of(Element))
    return OtherSandboxes(
        sandboxes=dict(sandboxes(live)),
        identities={r.name: r.attached for r in live.of(Namespace) if r.attached},
        leases=leases(live),
        devices=devices(live, owner, frozenset()),
        claims=tuple(Claim(project, *flow) for project, flow in flows if project and flow),
        macs=tuple(macs(live, owner, frozenset())),
    )

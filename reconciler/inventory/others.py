"""What sandboxes have that another one, which is near them, has to know of: learned once, and kept."""

from ..core.bykind import by_kind
from ..core.resource import State
from ..kinds.namespace import Namespace
from .claims import claims
from .facts import OtherSandboxes
from .learn import devices, macs
from .leases import leases
from .ownership import owners, sandboxes


def others_of(live: State) -> OtherSandboxes:
    """All that stands in this state."""
    live = by_kind(live)
    owner = owners(live)
    return OtherSandboxes(
        sandboxes=dict(sandboxes(live)),
        identities={r.name: r.attached for r in live.of(Namespace) if r.attached},
        leases=leases(live),
        devices=devices(live, owner, frozenset()),
        claims=tuple(claims(live, owner)),
        macs=tuple(macs(live, owner, frozenset())),
    )

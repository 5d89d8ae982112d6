"""Who may reach whom, as it is written; cnm/policies.py decides what that comes to."""

from dataclasses import field

from ..errors import NOWHERE, Where
from ..values import value


@value
class PeerSpec:
    """One entry of `egress:` or `ingress:`: a peer, and the ports that it may be reached at, or reach."""

    kind: str  # container, network, label, prefix, host, outside; or name, of a container or of the outside
    name: str
    ports: tuple[tuple[int, int], ...] = ()  # both ends inclusive; () is all
    protocol: str = ""  # "" is all
    where: Where = field(default=NOWHERE, compare=False)


@value
class ExpectSpec:
    """One sentence of `expect:`: whoever the first is reaches whoever the second is, at its ports, or none
    of them does."""

    text: str
    source: PeerSpec
    target: PeerSpec
    reaches: bool
    where: Where = field(default=NOWHERE, compare=False)


@value
class PolicySpec:
    """One entry of `policies:`.  Who it is for may reach its egress and be reached by its ingress, and where
    one is written, by no policy, nobody else; None is where it is not."""

    name: str
    selected: tuple[PeerSpec, ...]  # `for:`
    egress: tuple[PeerSpec, ...] | None = None
    ingress: tuple[PeerSpec, ...] | None = None
    log: bool = False  # what is refused to them, and others for them, is told
    where: Where = field(default=NOWHERE, compare=False)

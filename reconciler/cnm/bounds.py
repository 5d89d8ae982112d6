"""What policies come to, as values alone (see policies.py)."""

from typing import NamedTuple

from ..errors import Where
from ..values import value

HOST_PEER, OUTSIDE = "host", "outside"  # peers that are no address
EGRESS, INGRESS, OPEN = "egress", "ingress", "open"


class Bound(NamedTuple):
    """An address of a container that reaches its egress alone, or is reached by its ingress alone."""

    project: str
    direction: str
    ip: str
    stands: bool  # it may have connections already
    where: Where


class Allowed(NamedTuple):
    """Packets that may begin a connection: to what a container may reach, from what may reach it, or from one
    network to another.  One end may be `host` or `outside`; both may be a prefix, or `first-last`."""

    project: str
    direction: str
    source: str
    destination: str
    protocol: str  # by name, or as numbers `0-255`
    ports: str  # `80`, or `0-65535`
    where: Where


class Denied(NamedTuple):
    """An interface of the host by which nobody asks what clouds tell of the machine."""

    project: str
    link: str
    where: Where


@value
class Policies:
    bound: tuple[Bound, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    denied: tuple[Denied, ...] = ()

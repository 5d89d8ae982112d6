"""Who is bound, and what policies come to, as values alone (see policies.py)."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ..errors import Where
from ..manifest.policy import PeerSpec, PolicySpec
from ..manifest.spec import ContainerSpec
from ..values import value

HOST_PEER, OUTSIDE = "host", "outside"  # peers that are no address
EGRESS, INGRESS, OPEN = "egress", "ingress", "open"
DIRECTIONS = EGRESS, INGRESS


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


class Deaf(NamedTuple):
    """A port of a bridge behind which nobody hears what is sent to a group."""

    project: str
    link: str
    where: Where


class Logged(NamedTuple):
    """An address of a container, of which it is told what is refused to it, and what it is refused."""

    project: str
    ip: str
    where: Where


@value
class Policies:
    bound: tuple[Bound, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    denied: tuple[Denied, ...] = ()
    deaf: tuple[Deaf, ...] = ()
    logged: tuple[Logged, ...] = ()
    logs: bool = False  # whether anybody on this host logs, another project's containers included


def sides(
    spec: ContainerSpec, policies: Sequence[PolicySpec], networks: Sequence[str]
) -> Iterator[tuple[str, tuple[PeerSpec, ...]]]:
    """The directions in which a container is bound, each with all that it may; networks by their keys."""
    for direction in DIRECTIONS:
        said = [getattr(one, direction) for one in binding(spec, policies, networks, direction)]
        if said:
            yield direction, tuple(chain.from_iterable(said))


def binding(
    spec: ContainerSpec, policies: Sequence[PolicySpec], networks: Sequence[str], direction: str
) -> list[ContainerSpec | PolicySpec]:
    """What says whom a container may reach, or be reached by: its own words first."""
    found: list[ContainerSpec | PolicySpec] = [spec]
    found += (one for one in policies if any(is_meant(peer, spec, networks) for peer in one.selected))
    return [one for one in found if getattr(one, direction) is not None]


def said_at(one: ContainerSpec | PolicySpec, direction: str) -> Where:
    """Where its list stands: at the first of what is in it."""
    return next((peer.where for peer in getattr(one, direction)), one.where)


def is_meant(peer: PeerSpec, spec: ContainerSpec, networks: Sequence[str]) -> bool:
    match peer.kind:
        case "label":
            key, _, text = peer.name.partition("=")
            return spec.labels.get(key) == text
        case "network":
            return peer.name in networks
    return peer.name == spec.name

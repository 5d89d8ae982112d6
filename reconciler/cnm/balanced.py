"""Services as they are balanced: values alone (see services.py)."""

from typing import NamedTuple

from ..values import value


class VirtualServer(NamedTuple):
    """An address behind which others stand, each with its weight: who has none takes nothing new."""

    ip: str
    backends: tuple[tuple[str, int], ...]
    by_client: bool = False  # whether a client's connections go to one, or each to any


@value
class BalancedService:
    """Several replicas behind one address a family, on one network."""

    project: str
    name: str
    network: str
    servers: tuple[VirtualServer, ...]

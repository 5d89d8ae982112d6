"""The virtual servers that a sandbox reaches: weights become intervals of the numbers that are drawn."""

from collections.abc import Iterator
from functools import cache

from ..cnm.balanced import VirtualServer
from ..cnm.shares import shares, width
from ..cnm.topology import Sandbox
from ..core.resource import Origin
from ..kinds.balancer import Balancer, Server


def lower(box: Sandbox, origin: Origin) -> Iterator[Balancer]:
    if box.servers:
        yield Balancer(ns=box.name, servers=tuple(map(server, box.servers)), origin=origin)


@cache
def server(one: VirtualServer) -> Server:
    """As many sandboxes have it."""
    widths = list(map(width, shares([weight for _, weight in one.backends])))
    backends = tuple((ip, width) for (ip, _), width in zip(one.backends, widths, strict=True))
    return one.ip, one.by_client and any(widths), backends

"""The virtual servers that a sandbox reaches: weights become intervals of numbers, one of which is drawn."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from ..cnm.topology import Sandbox, VirtualServer
from ..core.resource import Origin
from ..kinds.balancer import NUMBERS, Balancer, Server


def lower(box: Sandbox, origin: Origin) -> Iterator[Balancer]:
    if box.servers:
        yield Balancer(ns=box.name, servers=servers(box.servers), origin=origin)


@cache
def servers(known: tuple[VirtualServer, ...]) -> tuple[Server, ...]:
    """As many sandboxes have them."""
    return tuple((one.ip, tuple(parts(one))) for one in known)


def parts(one: VirtualServer) -> Iterator[tuple[str, int]]:
    found = shares([weight for _, weight in one.backends])
    return ((ip, share) for (ip, _), share in zip(one.backends, found, strict=True))


def shares(weights: Sequence[int]) -> Iterator[int]:
    """How many of all numbers each has."""
    total, before = sum(weights), 0
    for end in accumulate(weights):
        upto = NUMBERS * end // total if total else 0
        yield upto - before
        before = upto

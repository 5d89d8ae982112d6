"""What containers may, as rows of which no two overlap: one for all who may the same."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ..errors import Where
from ..family import family
from .bounds import EGRESS, HOST_PEER, OUTSIDE, Allowed
from .boxes import Box, Interval, disjoint
from .spans import addresses, interval, number_of, numbers, protocol_text
from .topology import Network

FEW = 16  # containers that have rows of their own, whatever they share: these are what people read


class Reach(NamedTuple):
    """With whom one may speak; `opens` is that one's network where nothing else leads there."""

    peer: str  # a prefix, `host` or `outside`
    protocol: Interval
    ports: Interval
    opens: Network | None
    where: Where


class Sharers(NamedTuple):
    """Addresses on one network, of one family, whose containers may the same, and what that is."""

    project: str
    direction: str
    network: Network
    ips: tuple[str, ...]
    reaches: tuple[Reach, ...]


def rows(sharers: Sharers, bound: Sequence[int]) -> Iterator[Allowed]:
    """`bound` are the numbers of all addresses that are bound in this direction, in order."""
    groups: dict[str, list[tuple[Box, Where]]] = defaultdict(list)
    for one in sharers.reaches:
        word = one.peer if one.peer in (HOST_PEER, OUTSIDE) else ""
        peer = (0, 0) if word else interval(one.peer)
        groups[word].append(((peer, one.protocol, one.ports), one.where))
    own = [*together(sharers.ips, bound)] if may_share(sharers) else sharers.ips
    for word, boxes in groups.items():
        for (peer, *what), where in disjoint(boxes):
            other, protocol, ports = word or addresses(peer), protocol_text(what[0]), numbers(what[1])
            for ip in own:
                ends = (ip, other) if sharers.direction == EGRESS else (other, ip)
                yield Allowed(sharers.project, sharers.direction, *ends, protocol, ports, where)


def may_share(sharers: Sharers) -> bool:
    """Whether all that lies between them is of this network, and it is known who is bound there: by its own
    project alone, on a bridge."""
    subnets = [cidr for cidr in sharers.network.extent if family(cidr) == family(sharers.ips[0])]
    return len(sharers.ips) > FEW and bool(sharers.network.bridge) and len(subnets) == 1


def together(ips: Sequence[str], bound: Sequence[int]) -> Iterator[str]:
    """Addresses as ranges: nobody else who lies in these is bound, and for him no row is asked."""
    own = sorted(map(number_of, ips))
    others = [bisect_left(bound, number) - rank for rank, number in enumerate(own)]
    for _, run in groupby(zip(others, own, strict=True), key=itemgetter(0)):
        within = [number for _, number in run]
        yield addresses((within[0], within[-1]))

"""Ways that policies open from one network to another.

An internal network has none, until a policy opens one: then those alone who are meant have a route to the
other network, by the host, which lets pass what is written and nothing else.  Who is on another network too
that is not internal speaks by that one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from ..errors import ManifestError, Where
from ..family import family
from ..manifest.policy import PeerSpec
from ..mistakes import NetworkLacks
from .bounds import EGRESS, OUTSIDE
from .boxes import Box
from .endpoint import SandboxSpec
from .ipam import Range
from .prefixes import alone
from .rows import Reach, Sharers
from .spans import ANY_PORT, ANY_PROTOCOL, interval
from .topology import Endpoint, Network

Pairs = Sequence[tuple[Network, Network]]  # a network, and one whose containers it lets in
Ways = Mapping[tuple[str, str], Set[str]]  # by a network and a prefix of it, what is led there


class Lead(NamedTuple):
    """From a part of an internal network to another network."""

    network: Network
    cidr: str
    to: Network
    where: Where


def speaking(networks: Iterable[Network]) -> list[Network]:
    """Of those that a container is on the ones by which it speaks with other networks."""
    known = sorted(networks, key=lambda one: one.name)
    return [one for one in known if not one.spec.internal] or known[:1]


def opens(sharers: Sharers, reach: Reach) -> bool:
    """Into another project's network only that opens a way: no two may say it of the same packets."""
    return reach.opens is not None and not (sharers.direction == EGRESS and reach.opens.external)


def openings(everybody: Iterable[Sharers]) -> Iterator[tuple[Box, Where]]:
    for one in everybody:
        ways = [reach for reach in one.reaches if opens(one, reach)]
        for ip, reach in product(one.ips, ways):
            ends = interval(alone(ip)), interval(reach.peer)
            towards = ends if one.direction == EGRESS else ends[::-1]
            yield (*towards, reach.protocol, reach.ports), reach.where


def between(pairs: Pairs) -> Iterator[tuple[Box, Where]]:
    """Networks whose containers may open connections to those of another."""
    for network, other in pairs:
        for source, destination in product(other.extent, network.extent):
            if family(source) == family(destination) and source != destination:
                yield (interval(source), interval(destination), ANY_PROTOCOL, ANY_PORT), network.spec.where


def leads(everybody: Iterable[Sharers], pairs: Pairs) -> Iterator[Lead]:
    """All that internal networks are to lead to, for what goes there and for what answers."""
    for one in everybody:
        for reach in (reach for reach in one.reaches if reach.opens):
            if one.network.spec.internal and reach.opens:
                yield from (Lead(one.network, alone(ip), reach.opens, reach.where) for ip in one.ips)
            if reach.opens and reach.opens.spec.internal and opens(one, reach):
                yield Lead(reach.opens, reach.peer, one.network, reach.where)
    for pair in pairs:
        for network, other in (pair, pair[::-1]):
            for cidr in network.extent if network.spec.internal else ():
                yield Lead(network, cidr, other, pair[0].spec.where)


def shut(found: Iterable[Lead]) -> Iterator[ManifestError]:
    """Internal networks that cannot lead anywhere."""
    told = {lead.where: lead.network for lead in found if nowhere(lead.network)}
    for where, network in told.items():
        message = (
            f"network {network.name} is internal, and no way leads from it to another network, nor into it"
        )
        yield NetworkLacks(f"{message}: {nowhere(network)}", "put both on one network", where)


def without_way(
    one: SandboxSpec, networks: Sequence[Network], peers: Iterable[PeerSpec]
) -> Iterator[ManifestError]:
    """What lies beyond all networks is reached from none that is internal."""
    if not all(network.spec.internal for network in networks):
        return
    near = [interval(cidr) for network in networks for cidr in network.extent]
    for peer in peers:
        low, high = interval(peer.name) if peer.kind == "prefix" else (-1, -1)
        if peer.kind == OUTSIDE or (low >= 0 and not any(low <= b and a <= high for a, b in near)):
            message = f"{one.name} is on internal networks alone, and no way leads from them to the outside"
            hint = f"put {one.name} on another network too, or leave it out of the policy"
            yield NetworkLacks(message, hint, peer.where)


def nowhere(network: Network) -> str:
    """Why this host is not the way from it; "" where it is."""
    if network.external:
        return "it is another project's"
    if network.carrier.everywhere or network.per_host:
        return "it goes over several hosts"
    return "" if all(subnet.gateway for subnet in network.subnets) else "it has no gateway"


def with_ways(networks: Sequence[Network], found: Iterable[Lead]) -> Sequence[Network]:
    """The networks, with routes for those in them who are led to others."""
    ways: dict[tuple[str, str], set[str]] = defaultdict(set)
    for lead in found:
        ways[lead.network.name, lead.cidr].update(lead.to.extent)
    if not ways:
        return networks
    homes: dict[str, list[Network]] = defaultdict(list)
    for network in (network for network in networks if network.inner):
        for end in network.endpoints:
            homes[end.sandbox].append(network)
    by = {sandbox: {one.name for one in speaking(those)} for sandbox, those in homes.items()}

    def led(network: Network) -> Network:
        ends = tuple(
            replace(end, routes=(*end.routes, *routes(network, end, ways)))
            if network.name in by.get(end.sandbox, ())
            else end
            for end in network.endpoints
        )
        return replace(network, endpoints=ends, opened=True)

    internal = {name for name, _ in ways}
    return [led(network) if network.name in internal else network for network in networks]


def routes(network: Network, end: Endpoint, ways: Ways) -> Iterator[tuple[str, str]]:
    """(prefix, gateway) of where this container is led."""
    near = (*(alone(ip) for ip, _ in end.addresses), *network.extent)
    to: set[str] = set().union(*(ways.get((network.name, cidr), ()) for cidr in near))
    for cidr in sorted(to):
        for ip in end.of_family(family(cidr))[:1]:
            yield from ((cidr, s.gateway) for s in network.subnets if s.gateway and Range.within(s.cidr, ip))

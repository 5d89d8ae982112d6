"""Bandwidth: a token bucket at the host's end of a pair for what goes to the container, and for what
comes from it one on a link beside that, where Linux can keep it waiting."""

from collections.abc import Iterator

from ..cnm.topology import Endpoint, Network, RateLimit
from ..core.resource import Origin, Resource
from ..kinds.names import beside
from ..kinds.ownership import HOST
from ..kinds.shaping import Ifb, Redirect, TokenBucket, token_bucket


def lower(network: Network) -> Iterator[Resource]:
    for end in network.endpoints:
        to, by = end.bandwidth
        origin = Origin(end.where, network.spec.driver)
        if to:
            yield bucket(end.host_link, to, origin)
        if by:
            yield from waiting_room(network, end, by, origin)


def waiting_room(network: Network, end: Endpoint, by: RateLimit, origin: Origin) -> Iterator[Resource]:
    """What comes in cannot wait where it comes in."""
    name = beside(end.host_link)
    yield Ifb(
        ns=HOST,
        name=name,
        project=network.project,
        sandbox=end.sandbox,
        end=end.ifname,
        mtu=network.mtu,
        origin=origin,
    )
    yield bucket(name, by, origin)
    yield Redirect(link=end.host_link, to=name, origin=origin)


def bucket(link: str, limit: RateLimit, origin: Origin) -> TokenBucket:
    return token_bucket(link, limit.rate, limit.burst, origin)

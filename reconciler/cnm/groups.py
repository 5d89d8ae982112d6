"""Who hears what is sent to a group: those alone whom all of their network may reach, as no packet to a group
names who is in it."""

from collections.abc import Iterable, Iterator

from ..family import family
from .bounds import INGRESS, Deaf
from .rows import Sharers
from .spans import ANY_PORT, ANY_PROTOCOL
from .topology import Network


def deaf(networks: Iterable[Network], everybody: Iterable[Sharers]) -> Iterator[Deaf]:
    """The ports of bridges behind which no group is heard."""
    closed = {
        (one.network.name, ip)
        for one in everybody
        if one.direction == INGRESS and one.network.bridge and not lets_all_in(one)
        for ip in one.ips
    }
    for network in networks if closed else ():
        for end in network.endpoints:
            if any((network.name, ip) in closed for ip, _ in end.addresses):
                yield Deaf(network.project, end.host_link, end.where)


def lets_all_in(one: Sharers) -> bool:
    """Whether its own network is listed, for whatever is sent."""
    anything = ANY_PROTOCOL, ANY_PORT
    heard = {reach.peer for reach in one.reaches if (reach.protocol, reach.ports) == anything}
    number = family(one.ips[0])
    return heard.issuperset(cidr for cidr in one.network.extent if family(cidr) == number)

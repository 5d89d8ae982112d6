"""routed: the routes to what a network has on other hosts, and what the firewall knows of it."""

from collections.abc import Iterator

from ..cnm.topology import Network
from ..core.resource import Origin, Resource
from ..kinds.ownership import HOST
from ..kinds.route import Route


def elsewhere(network: Network, origin: Origin) -> Iterator[Resource]:
    """What has no host, or has lost its route, goes nowhere: least of all to the host's default gateway."""
    division = network.division
    if division and division.peers:
        for cidr in division.subnets:
            yield Route(ns=HOST, dst=cidr, kind="unreachable", origin=origin)
        for one in division.peers:
            yield Route(ns=HOST, dst=one.cidr, link=one.link, via=one.via, origin=origin)


def items(network: Network) -> Iterator[tuple[str, str, str]]:
    """Elements of the firewall's maps: other hosts' slices, and the bridge that may exchange with them."""
    for one in network.division.peers if network.division else ():
        family = 6 if ":" in one.cidr else 4
        yield f"remote{family}", one.cidr, ""
        if network.spec.icc:
            yield f"remote_of{family}", f"{network.bridge} . {one.cidr}", ""

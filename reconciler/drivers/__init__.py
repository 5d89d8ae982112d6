"""Drivers turn a decided Topology into kernel values.  They are pure generators and never call the kernel."""

from collections.abc import Iterator, Set

from ..cnm.topology import Topology
from ..core.resource import Key, Resource, State
from ..kinds.link import LEAST_IPV6, Link
from ..kinds.sysctl import Sysctl
from . import sandbox
from .bridge import BridgeDriver
from .firewall import elements, routing_policy
from .host import HostNetwork
from .installed import Table
from .none import NoNetwork
from .overlay import OverlayDriver
from .stacked import IpvlanDriver, MacvlanDriver

BUILT_IN = (BridgeDriver(), MacvlanDriver(), IpvlanDriver(), OverlayDriver(), HostNetwork(), NoNetwork())
DRIVERS = Table(BUILT_IN)


def lower(topology: Topology) -> State:
    """Everything that the topology means for this host's kernel, by key."""
    wanted = {resource.key: resource for resource in resources(topology)}
    links = [r for r in wanted.values() if isinstance(r, Link)]
    bare = {r.key for r in links if r.mtu < LEAST_IPV6 or not topology.ipv6}
    return {key: r for key, r in wanted.items() if not bare or not of_ipv6(r, bare)}


def of_ipv6(r: Resource, links: Set[Key]) -> bool:
    """Whether it is an IPv6 setting of one of these links."""
    return isinstance(r, Sysctl) and r.name.startswith("net/ipv6/") and not links.isdisjoint(r.within)


def resources(topology: Topology) -> Iterator[Resource]:
    for box in topology.sandboxes:
        yield from sandbox.lower(box)
    for network in topology.networks:
        yield from DRIVERS[network.spec.driver].lower(network)
    yield from elements.lower(topology)
    yield from routing_policy.lower(topology.policy)

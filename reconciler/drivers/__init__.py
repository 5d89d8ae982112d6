"""Drivers turn a decided Topology into kernel values.  They are pure generators and never call the kernel."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from .. import engines
from ..cnm.driver import Driver
from ..cnm.topology import Network, Topology
from ..core.bykind import ByKind
from ..core.resource import Resource, State
from ..kinds.address import Address
from ..kinds.link import LEAST_IPV6, Link
from ..kinds.route import Route
from ..kinds.sysctl import Sysctl
from . import names, sandbox, shaping
from .firewall import elements, mesh, routing_policy

# By name, as an entry point says it: a plan imports the rooms of those alone that its networks name.
BUILT_IN = {
    "bridge": "bridge:BridgeDriver",
    "macvlan": "stacked.macvlan:MacvlanDriver",
    "ipvlan": "stacked.ipvlan:IpvlanDriver",
    "overlay": "overlay:OverlayDriver",
    "cni": "cni:CniDriver",
    "host": "unmade:HostNetwork",
    "none": "unmade:NoNetwork",
}


class DriverTable(Mapping[str, Driver]):
    """All drivers by name; installed ones are looked for when a name is not built in, which costs 20 ms.

    A name that nobody has is a KeyError, one whose driver cannot be used a ManifestError with no place.
    """

    def __getitem__(self, name: str) -> Driver:
        if name in BUILT_IN:
            return built_in(name)
        from .installed import installed

        return installed(name)

    def __iter__(self) -> Iterator[str]:
        from .installed import names

        yield from (*BUILT_IN, *sorted(names() - BUILT_IN.keys()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


DRIVERS = DriverTable()


@cache
def built_in(name: str) -> Driver:
    room, _, kind = BUILT_IN[name].partition(":")
    driver = getattr(import_module(f".{room}", __package__), kind)()
    assert isinstance(driver, Driver)
    return driver


def lower(topology: Topology) -> State:
    """Everything that the topology means for this host's kernel, by key."""
    wanted = ByKind()  # as it is asked for later: what is made into one is in memory twice
    for resource in resources(topology):
        wanted[resource.key] = resource
    bare = {r.key for r in wanted.of(Link) if r.mtu < LEAST_IPV6 or not topology.ipv6}
    if not bare:
        return wanted

    def is_void(r: Resource) -> bool:
        """Whether it is IPv6 of a link that has none."""
        return is_ipv6(r) and not bare.isdisjoint(r.within)

    return {key: r for key, r in wanted.items() if not is_void(r)}


def is_ipv6(r: Resource) -> bool:
    match r:
        case Sysctl(name=what):
            return what.startswith("net/ipv6/")
        case Address(ip=what) | Route(dst=what):
            return ":" in what
    return False


def lower_network(network: Network) -> Iterator[Resource]:
    try:
        driver = DRIVERS[network.spec.driver]
    except KeyError:
        from .remote import lower as lower_remote  # which few have

        return lower_remote(network)
    return driver.lower(network)


def resources(topology: Topology) -> Iterator[Resource]:
    for box in topology.sandboxes:
        yield from sandbox.lower(box)
    for network in topology.networks:
        yield from lower_network(network)
        yield from shaping.lower(network)
    yield from names.lower(topology.naming)
    yield from elements.lower(topology)
    yield from mesh.lower(topology)
    yield from mesh.ways(topology.policy)
    yield from routing_policy.lower(topology.policy)
    if topology.tasks:
        yield from engines.lower(topology.tasks)

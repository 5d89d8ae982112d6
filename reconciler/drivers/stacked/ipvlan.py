"""ipvlan: containers share the parent's MAC; in l3 and l3s they are routed, without a broadcast domain."""

from collections.abc import Iterator
from dataclasses import replace

from ...cnm.topology import Endpoint, Network
from ...core.resource import Origin, Resource
from ...kinds.stacked_link import Ipvlan
from ..endpoint import addressing, ipv6_switches
from .macvlan import anchor
from .parents import Parent


def lower(network: Network) -> Iterator[Resource]:
    parent = network.carrier
    assert isinstance(parent, Parent)
    if parent.isolated and not parent.external:
        yield anchor(network, parent, Origin(network.spec.where, "ipvlan"))
    for endpoint in network.endpoints:
        ns, name, origin = endpoint.sandbox, endpoint.ifname, Origin(endpoint.where, "ipvlan")
        yield Ipvlan(
            ns=ns,
            name=name,
            project=network.project,
            network=network.name,
            parent=parent.link,
            mode=parent.mode,
            flag=parent.flag,
            mtu=network.mtu,
            origin=origin,
        )
        yield from ipv6_switches(ns, name, origin, on=network.ipv6)
        yield from addressing(endpoint if parent.mode == "l2" else without_gateways(endpoint), origin)


def without_gateways(endpoint: Endpoint) -> Endpoint:
    """The same without gateways: the kernel looks up what leaves in the host's own routes."""
    return replace(endpoint, gateways=tuple(("", source) for _, source in endpoint.gateways))

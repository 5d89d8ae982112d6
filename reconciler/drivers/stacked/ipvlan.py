"""ipvlan: containers share the parent's MAC; in l3 and l3s they are routed, without a broadcast domain."""

from collections.abc import Iterator
from dataclasses import replace

from ...cnm.topology import Endpoint, Network
from ...core.resource import Origin, Resource
from ...kinds.stacked_link import Ipvlan
from ...manifest.options import COMMON, PARENT, Option
from ..endpoint import addressing
from .parents import Parent, Stacked, anchor


class IpvlanDriver(Stacked):
    """Containers share the MAC of the parent."""

    name = "ipvlan"
    options = (
        *COMMON,
        PARENT,
        Option("mode", "l2, l3 or l3s", ("ipvlan_mode",)),
        Option("flag", "bridge, private or vepa", ("ipvlan_flag",)),
    )

    def lower(self, network: Network) -> Iterator[Resource]:
        parent = network.carrier
        assert isinstance(parent, Parent)
        yield from anchor(network, parent, Origin(network.spec.where, self.name))
        for endpoint in network.endpoints:
            origin = Origin(endpoint.where, self.name)
            yield Ipvlan(
                ns=endpoint.sandbox,
                name=endpoint.ifname,
                project=network.project,
                network=network.name,
                parent=parent.link,
                mode=parent.mode,
                flag=parent.flag,
                mtu=network.mtu,
                origin=origin,
            )
            routed = endpoint if parent.mode == "l2" else without_gateways(endpoint)
            yield from addressing(routed, origin, ipv6=network.ipv6, lan=parent.lan())


def without_gateways(endpoint: Endpoint) -> Endpoint:
    """The same without gateways: the kernel looks up what leaves in the host's own routes."""
    return replace(endpoint, gateways=tuple(("", source) for _, source in endpoint.gateways))

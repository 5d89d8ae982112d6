"""macvlan: each container stands on the parent's LAN, with a MAC of its own; the host is not in between."""

from collections.abc import Iterator

from ...cnm.topology import Network
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.ownership import HOST
from ...kinds.stacked_link import Macvlan
from ...manifest.options import COMMON, PARENT, Option
from ..endpoint import LENGTHS, PlacedLink, addressing
from .parents import Parent, Stacked, anchor


class MacvlanDriver(Stacked):
    """Each container has a MAC of its own on the LAN."""

    name = "macvlan"
    options = (*COMMON, PARENT, Option("mode", "bridge, private, vepa or passthru", ("macvlan_mode",)))

    def lower(self, network: Network) -> Iterator[Resource]:
        parent, origin = network.carrier, Origin(network.spec.where, self.name)
        assert isinstance(parent, Parent)
        yield from anchor(network, parent, origin)
        if parent.shim and not parent.external:
            on = PlacedLink(HOST, parent.shim, origin)
            yield child(network, parent, on, network.mac)
            yield from shim(network, parent, on)
        for endpoint in network.endpoints:
            on = PlacedLink(endpoint.sandbox, endpoint.ifname, Origin(endpoint.where, self.name))
            yield child(network, parent, on, endpoint.mac)
            yield from addressing(endpoint, on.origin, ipv6=network.ipv6, lan=parent.lan())
            # Its neighbours learn at once who has the address: gratuitous ARP, unsolicited advertisements.
            yield on.sysctl("net/ipv4/conf/IFNAME/arp_notify", "1")
            if network.ipv6:
                yield on.sysctl("net/ipv6/conf/IFNAME/ndisc_notify", "1")


def child(network: Network, parent: Parent, on: PlacedLink, mac: str) -> Macvlan:
    return Macvlan(
        ns=on.ns,
        name=on.link,
        project=network.project,
        network=network.name,
        parent=parent.link,
        mode=parent.mode,
        mac=mac,
        mtu=network.mtu,
        origin=on.origin,
    )


def shim(network: Network, parent: Parent, on: PlacedLink) -> Iterator[Resource]:
    """A parent never talks to its own children: the host reaches each of them over a child of its own."""
    yield from on.ipv6_switches(on=any(family(ip) == 6 for ip in parent.addresses))
    for ip in parent.addresses:
        length = LENGTHS[family(ip)]
        yield on.address(ip, length, parent.lan())
        for endpoint in network.endpoints:
            yield from (on.route(f"{other}/{length}", src=ip) for other in endpoint.of_family(family(ip)))

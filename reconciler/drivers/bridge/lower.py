"""bridge: a Linux bridge on this host, one veth pair an endpoint, and the way out through the host's NAT."""

from collections.abc import Iterator

from ...cnm.ipam import Range
from ...cnm.topology import Endpoint, Network
from ...core.resource import Origin, Resource
from ...kinds.bridge_port import BridgePort
from ...kinds.link import NATIVE, STICKY_MAC, Bridge, HandedVeth, Veth, Vlans
from ...kinds.names import link_local
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ..endpoint import NOBODY, PlacedLink, addressing
from ..firewall.routing_policy import ways_back
from .lan import Lan
from .slices import routes_elsewhere


def lower(network: Network, station: str = STICKY_MAC) -> Iterator[Resource]:
    """`station` is how the bridge has the MACs of its endpoints: see kinds/link.py."""
    if not network.external:
        on = PlacedLink(HOST, network.bridge, Origin(network.spec.where, "bridge"))
        yield Bridge(
            ns=HOST,
            name=network.bridge,
            project=network.project,
            network=network.name,
            mac=network.mac,
            mtu=network.mtu,
            outer=not network.inner,
            filtering=bool(network.vlans),
            netfilter="ip ip6" if network.filtered else "",
            origin=on.origin,
        )
        yield from switch(network, on) if network.inner else machine(network, on)
    for endpoint in network.endpoints:
        yield from port(network, endpoint, station)


def switch(network: Network, on: PlacedLink) -> Iterator[Resource]:
    """What makes the host the router of its containers: the bridge's own addresses are their gateways."""
    yield from on.ipv6_switches(on=network.ipv6)
    # rp_filter asks for the way back without the operator's mark, which may lead elsewhere.
    yield on.sysctl("net/ipv4/conf/IFNAME/src_valid_mark", "0")
    if not network.spec.internal:
        # Lets 127.0.0.1:PORT be DNATed to a container; the firewall's raw chain guards it (CVE-2020-8558).
        yield on.sysctl("net/ipv4/conf/IFNAME/route_localnet", "1")
    if network.ipv6:
        # Without a link-local address the kernel solicits no neighbour for what it forwards (ndisc_send_ns).
        # On an overlay each host has its own, since they share a segment.
        yield on.address(link_local(network.mac) if network.carrier.everywhere else "fe80::1", 64)
    for subnet in network.subnets:
        if subnet.gateway:
            yield on.address(subnet.gateway, subnet.prefix)
        elif network.mode(subnet.family) == "isolated":  # or answers would leave by a default route
            yield Route(ns=HOST, dst=subnet.cidr, kind="unreachable", origin=on.origin)
    yield from routes_elsewhere(network, on.origin)
    yield from ways_back(network, on)


def machine(network: Network, on: PlacedLink) -> Iterator[Resource]:
    """What makes the host one more machine of the LAN, if it has addresses there at all."""
    assert isinstance(network.carrier, Lan)
    host = network.carrier.addresses
    tagged = tuple(tag for tag in network.vlans if tag > 1)
    yield from on.ipv6_switches(on=any(":" in ip for ip in host))
    yield BridgePort(link=network.carrier.link, bridge=on.link, vlans=words(NATIVE, tagged), origin=on.origin)
    for subnet in network.subnets:
        lan = network.carrier.lan()
        yield from (on.address(ip, subnet.prefix, lan) for ip in host if Range.within(subnet.cidr, ip))


def words(untagged: int, tagged: tuple[int, ...], native: int = NATIVE) -> Vlans:
    """The VLANs of a port; nothing where it has none but that which every port of the bridge begins in."""
    if untagged == native and not tagged:
        return ()
    vlans = {untagged: f"{untagged} pvid untagged"} if untagged else {}
    vlans |= {tag: str(tag) for tag in tagged}
    return tuple(vlans[tag] for tag in sorted(vlans))


def port(network: Network, endpoint: Endpoint, station: str) -> Iterator[Resource]:
    origin = Origin(endpoint.where, "bridge")
    pair = HandedVeth if endpoint.handed else Veth
    yield pair(
        ns=endpoint.sandbox,
        name=endpoint.ifname,
        project=network.project,
        host_name=endpoint.host_link,
        mac=endpoint.mac,
        bridge=network.bridge,
        mtu=network.mtu,
        hairpin=network.inner,
        # With br_netfilter what neighbours send to a published port goes straight to this one: see apart.py.
        isolated=not network.spec.icc and not endpoint.published,
        vlans=words(endpoint.vlan, endpoint.trunk, network.carrier.pvid),
        station=station,
        origin=origin,
    )
    if endpoint.handed:
        return
    lan = network.carrier.lan(endpoint.vlan) if isinstance(network.carrier, Lan) else NOBODY
    yield from addressing(endpoint, origin, ipv6=network.ipv6, lan=lan)

"""bridge: a Linux bridge on this host, one veth pair an endpoint, and the way out through the host's NAT."""

from collections.abc import Iterator
from ipaddress import IPv6Address

from ..cnm.ipam import Range
from ..cnm.topology import Endpoint, Network
from ..core.resource import Origin, Resource
from ..kinds.address import Address
from ..kinds.bridge_port import BridgePort
from ..kinds.link import STATIC_MAC, STICKY_MAC, Bridge, Veth, Vlans
from ..kinds.ownership import HOST
from ..kinds.route import Route
from ..kinds.sysctl import Sysctl
from .firewall.routing_policy import ways_back
from .routed import elsewhere

DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}


def lower(network: Network) -> Iterator[Resource]:
    if not network.standing:
        yield device(network)
        yield from switch(network) if network.inner else station(network)
    for endpoint in network.endpoints:
        yield from port(network, endpoint)


def device(network: Network) -> Bridge:
    return Bridge(
        ns=HOST,
        name=network.bridge,
        project=network.project,
        network=network.name,
        mac=network.mac,
        mtu=network.mtu,
        outer=not network.inner,
        filtering=bool(network.vlans),
        origin=Origin(network.spec.where, "bridge"),
    )


def switch(network: Network) -> Iterator[Resource]:
    """What makes the host the router of its containers: the bridge's own addresses are their gateways."""
    name, origin = network.bridge, Origin(network.spec.where, "bridge")
    yield from ipv6_switches(HOST, name, origin, on=network.ipv6)
    # rp_filter asks for the way back without the operator's mark, which may lead elsewhere.
    yield Sysctl(ns=HOST, name=f"net/ipv4/conf/{name}/src_valid_mark", value="0", link=name, origin=origin)
    if not network.spec.internal:
        # Lets 127.0.0.1:PORT be DNATed to a container; the firewall's raw chain guards it (CVE-2020-8558).
        yield Sysctl(
            ns=HOST, name=f"net/ipv4/conf/{name}/route_localnet", value="1", link=name, origin=origin
        )
    if network.ipv6:
        # Without a link-local address the kernel solicits no neighbour for what it forwards (ndisc_send_ns).
        # On an overlay each host has its own, since they share a segment.
        own = link_local(network.mac) if network.overlay else "fe80::1"
        yield Address(ns=HOST, link=name, ip=own, prefix=64, origin=origin)
    for subnet in network.subnets:
        if subnet.gateway:
            yield Address(ns=HOST, link=name, ip=subnet.gateway, prefix=subnet.prefix, origin=origin)
    yield from elsewhere(network, origin)
    yield from ways_back(network, origin)


def link_local(mac: str) -> str:
    """What a link makes of its MAC (RFC 4291, A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + interface))


def station(network: Network) -> Iterator[Resource]:
    """What makes the host one more machine of the LAN, if it has addresses there at all."""
    assert network.parent
    name, host, origin = network.bridge, network.parent.host, Origin(network.spec.where, "bridge")
    tagged = tuple(tag for tag in network.vlans if tag > 1)
    yield from ipv6_switches(HOST, name, origin, on=any(":" in ip for ip in host))
    yield BridgePort(link=network.parent.link, bridge=name, vlans=words(1, tagged), origin=origin)
    for subnet in network.subnets:
        for ip in host:
            if Range.within(subnet.cidr, ip):
                yield Address(ns=HOST, link=name, ip=ip, prefix=subnet.prefix, origin=origin)


def words(untagged: int, tagged: tuple[int, ...]) -> Vlans:
    """The VLANs of a port; nothing where it has none but the first, as every port."""
    if untagged == 1 and not tagged:
        return ()
    vlans = {untagged: f"{untagged} pvid untagged"} | {tag: str(tag) for tag in tagged}
    return tuple(vlans[tag] for tag in sorted(vlans))


def port(network: Network, endpoint: Endpoint) -> Iterator[Resource]:
    ns, name, origin = endpoint.sandbox, endpoint.ifname, Origin(endpoint.where, "bridge")
    yield Veth(
        ns=ns,
        name=name,
        project=network.project,
        host_name=endpoint.host_link,
        mac=endpoint.mac,
        bridge=network.bridge,
        mtu=network.mtu,
        hairpin=network.inner,
        # With br_netfilter what neighbours send to a published port goes straight to this one: see apart.py.
        isolated=not network.spec.icc and not endpoint.published,
        vlans=words(endpoint.vlan, endpoint.trunk),
        # FRR would tell the other hosts that a sticky one never moves (RFC 7432, 15.2).
        station=STATIC_MAC if network.overlay and network.overlay.evpn else STICKY_MAC,
        origin=origin,
    )
    yield from ipv6_switches(ns, name, origin, on=network.ipv6)
    yield from addressing(endpoint, origin)


def addressing(endpoint: Endpoint, origin: Origin) -> Iterator[Resource]:
    """What every driver with addresses of its own gives an endpoint: addresses, routes, sysctls."""
    ns, name = endpoint.sandbox, endpoint.ifname
    for ip, prefix in endpoint.addresses:
        yield Address(ns=ns, link=name, ip=ip, prefix=prefix, origin=origin)
    for gateway, source in endpoint.gateways:
        yield Route(
            ns=ns, dst=DEFAULTS[6 if ":" in source else 4], link=name, via=gateway, src=source, origin=origin
        )
    for prefix_, gateway in endpoint.routes:
        # With a source, since Linux drops every IPv4 route of a link with its last address.
        source = next(iter(endpoint.of_family(6 if ":" in gateway else 4)), "")
        yield Route(ns=ns, dst=prefix_, link=name, via=gateway, src=source, origin=origin)
    for setting, value in sorted(endpoint.sysctls.items()):
        path = setting.replace("IFNAME", name)  # Docker's word for the interface, whatever its name becomes
        yield Sysctl(ns=ns, name=path, value=value, link=name, origin=origin)


def ipv6_switches(ns: str, link: str, origin: Origin, *, on: bool) -> Iterator[Resource]:
    """IPv6 is off where the network has none (CVE-2024-32473); nobody's router advertisement is believed."""
    path = f"net/ipv6/conf/{link}"
    yield Sysctl(ns=ns, name=f"{path}/disable_ipv6", value="0" if on else "1", link=link, origin=origin)
    if on:
        yield Sysctl(ns=ns, name=f"{path}/accept_ra", value="0", link=link, origin=origin)

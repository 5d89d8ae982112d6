"""macvlan: each container stands on the parent's LAN, with a MAC of its own; the host is not in between."""

from collections.abc import Iterator

from ..cnm.topology import Network
from ..core.resource import Origin, Resource
from ..kinds.address import Address
from ..kinds.ownership import HOST
from ..kinds.route import Route
from ..kinds.stacked_link import Dummy, Macvlan
from ..kinds.sysctl import Sysctl
from .bridge import addressing, ipv6_switches


def lower(network: Network) -> Iterator[Resource]:
    parent, origin = network.parent, Origin(network.spec.where, "macvlan")
    assert parent
    if parent.isolated and not network.standing:
        yield anchor(network, origin)
    if parent.shim and not network.standing:
        yield child(network, HOST, parent.shim, network.mac, origin)
        yield from shim(network, origin)
    for endpoint in network.endpoints:
        ns, name, origin = endpoint.sandbox, endpoint.ifname, Origin(endpoint.where, "macvlan")
        yield child(network, ns, name, endpoint.mac, origin)
        yield from announcing(ns, name, origin, on=network.ipv6)
        yield from addressing(endpoint, origin)


def child(network: Network, ns: str, name: str, mac: str, origin: Origin) -> Macvlan:
    assert network.parent
    return Macvlan(
        ns=ns,
        name=name,
        project=network.project,
        network=network.name,
        parent=network.parent.link,
        mode=network.parent.mode,
        mac=mac,
        mtu=network.mtu,
        origin=origin,
    )


def anchor(network: Network, origin: Origin) -> Dummy:
    assert network.parent
    name = network.parent.link
    return Dummy(
        ns=HOST, name=name, project=network.project, network=network.name, mtu=network.mtu, origin=origin
    )


def announcing(ns: str, link: str, origin: Origin, *, on: bool) -> Iterator[Resource]:
    """Its neighbours learn at once who has the address now: gratuitous ARP and unsolicited advertisements."""
    yield from ipv6_switches(ns, link, origin, on=on)
    yield Sysctl(ns=ns, name=f"net/ipv4/conf/{link}/arp_notify", value="1", link=link, origin=origin)
    if on:
        yield Sysctl(ns=ns, name=f"net/ipv6/conf/{link}/ndisc_notify", value="1", link=link, origin=origin)


def shim(network: Network, origin: Origin) -> Iterator[Resource]:
    """A parent never talks to its own children: the host reaches each of them over a child of its own."""
    assert network.parent
    link, host = network.parent.shim, network.parent.host
    yield from ipv6_switches(HOST, link, origin, on=any(":" in ip for ip in host))
    for ip in host:
        yield Address(ns=HOST, link=link, ip=ip, prefix=128 if ":" in ip else 32, origin=origin)
        for endpoint in network.endpoints:
            for other in endpoint.of_family(6 if ":" in ip else 4):
                dst = f"{other}/{128 if ':' in other else 32}"
                yield Route(ns=HOST, dst=dst, link=link, src=ip, origin=origin)

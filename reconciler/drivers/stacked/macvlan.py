"""macvlan: each container stands on the parent's LAN, with a MAC of its own; the host is not in between."""

from collections.abc import Iterator

from ...cnm.topology import Network
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.address import Address
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ...kinds.stacked_link import Dummy, Macvlan
from ...kinds.sysctl import Sysctl
from ..endpoint import addressing, ipv6_switches
from .parents import Parent

LENGTHS = {4: 32, 6: 128}  # of an address as a prefix


def lower(network: Network) -> Iterator[Resource]:
    parent, origin = network.carrier, Origin(network.spec.where, "macvlan")
    assert isinstance(parent, Parent)
    if parent.isolated and not parent.external:
        yield anchor(network, parent, origin)
    if parent.shim and not parent.external:
        yield child(network, parent, (HOST, parent.shim, network.mac), origin)
        yield from shim(network, parent, origin)
    for endpoint in network.endpoints:
        ns, name, origin = endpoint.sandbox, endpoint.ifname, Origin(endpoint.where, "macvlan")
        yield child(network, parent, (ns, name, endpoint.mac), origin)
        yield from announcing(ns, name, origin, on=network.ipv6)
        yield from addressing(endpoint, origin)


def child(network: Network, parent: Parent, link: tuple[str, str, str], origin: Origin) -> Macvlan:
    ns, name, mac = link
    return Macvlan(
        ns=ns,
        name=name,
        project=network.project,
        network=network.name,
        parent=parent.link,
        mode=parent.mode,
        mac=mac,
        mtu=network.mtu,
        origin=origin,
    )


def anchor(network: Network, parent: Parent, origin: Origin) -> Dummy:
    return Dummy(
        ns=HOST,
        name=parent.link,
        project=network.project,
        network=network.name,
        mtu=network.mtu,
        origin=origin,
    )


def announcing(ns: str, link: str, origin: Origin, *, on: bool) -> Iterator[Resource]:
    """Its neighbours learn at once who has the address now: gratuitous ARP and unsolicited advertisements."""
    yield from ipv6_switches(ns, link, origin, on=on)
    yield Sysctl(ns=ns, name=f"net/ipv4/conf/{link}/arp_notify", value="1", link=link, origin=origin)
    if on:
        yield Sysctl(ns=ns, name=f"net/ipv6/conf/{link}/ndisc_notify", value="1", link=link, origin=origin)


def shim(network: Network, parent: Parent, origin: Origin) -> Iterator[Resource]:
    """A parent never talks to its own children: the host reaches each of them over a child of its own."""
    link, host = parent.shim, parent.addresses
    yield from ipv6_switches(HOST, link, origin, on=any(family(ip) == 6 for ip in host))
    for ip in host:
        length = LENGTHS[family(ip)]
        yield Address(ns=HOST, link=link, ip=ip, prefix=length, origin=origin)
        for endpoint in network.endpoints:
            for other in endpoint.of_family(family(ip)):
                yield Route(ns=HOST, dst=f"{other}/{length}", link=link, src=ip, origin=origin)

"""What stands on links, in sandboxes and on the host: addresses, routes, settings."""

from collections.abc import Iterator
from dataclasses import replace
from sys import intern
from typing import NamedTuple

from ..cnm.topology import Endpoint
from ..core.resource import Origin, Resource
from ..family import family
from ..kinds.address import Address
from ..kinds.ownership import DOCKER_RESOLVER
from ..kinds.route import LOCAL, Route
from ..kinds.sysctl import Sysctl

DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}
Segment = tuple[str, int]  # a link of the host, and a tag on it or 0
NOBODY: Segment = ("", 0)
LENGTHS = {4: 32, 6: 128}  # of an address as a prefix
RESOLVER = f"{DOCKER_RESOLVER}/32"


class PlacedLink(NamedTuple):
    """A link in its place, and why something is to stand on it."""

    ns: str
    link: str
    origin: Origin

    def address(self, ip: str, prefix: int, lan: Segment = NOBODY) -> Address:
        ns, link, origin = self
        return Address(ns=ns, link=link, ip=ip, prefix=prefix, lan=lan[0], tag=lan[1], origin=origin)

    def route(self, dst: str, via: str = "", src: str = "", *, onlink: bool = False) -> Route:
        ns, link, origin = self
        return Route(ns=ns, dst=dst, link=link, via=via, src=src, onlink=onlink, origin=origin)

    def sysctl(self, name: str, value: str) -> Sysctl:
        """`name` is a path below /proc/sys with the link as IFNAME, Docker's word for it."""
        path = intern(name.replace("IFNAME", self.link))  # as every container has them
        return Sysctl(ns=self.ns, name=path, value=value, link=self.link, origin=self.origin)

    def ipv6_switches(self, *, on: bool) -> Iterator[Sysctl]:
        """IPv6 is off where the network has none (CVE-2024-32473); no router advertisement is believed."""
        yield self.sysctl("net/ipv6/conf/IFNAME/disable_ipv6", "0" if on else "1")
        if on:
            yield self.sysctl("net/ipv6/conf/IFNAME/accept_ra", "0")


def addressing(
    endpoint: Endpoint, origin: Origin, *, ipv6: bool, lan: Segment = NOBODY
) -> Iterator[Resource]:
    """The addresses, routes and sysctls of an endpoint's link in its sandbox; `lan` leads to others who may
    have the same addresses."""
    on = PlacedLink(endpoint.sandbox, endpoint.ifname, origin)
    yield from on.ipv6_switches(on=ipv6)
    for ip, prefix in endpoint.addresses:
        yield on.address(ip, prefix, lan)
    for gateway, source in endpoint.gateways:
        yield on.route(DEFAULTS[family(source)], gateway, source)
    for dst, gateway in endpoint.routes:
        # With a source, since Linux drops every IPv4 route of a link with its last address.
        yield on.route(dst, gateway, next(iter(endpoint.of_family(family(gateway))), ""))
    for setting, value in sorted(endpoint.sysctls.items()):
        yield on.sysctl(setting, value)
    if endpoint.resolver:
        yield from docker_resolver(endpoint, on)


def docker_resolver(endpoint: Endpoint, on: PlacedLink) -> Iterator[Resource]:
    """Docker's resolver is at 127.0.0.11, and many a configuration names it: the gateway answers for it.  The
    firewall lets nothing else that is for loopback through to the container (firewall/guard.py)."""
    yield on.sysctl("net/ipv4/conf/IFNAME/route_localnet", "1")
    way = on.route(RESOLVER, endpoint.resolver, endpoint.of_family(4)[0], onlink=True)
    yield replace(way, table=LOCAL)

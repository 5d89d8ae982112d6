"""What endpoints have alike, whatever link they are: addresses, routes, sysctls."""

from collections.abc import Iterator

from ..cnm.topology import Endpoint
from ..core.resource import Origin, Resource
from ..family import family
from ..kinds.address import Address
from ..kinds.route import Route
from ..kinds.sysctl import Sysctl

DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}


def addressing(endpoint: Endpoint, origin: Origin) -> Iterator[Resource]:
    """The addresses, routes and sysctls of an endpoint's link in its sandbox."""
    ns, name = endpoint.sandbox, endpoint.ifname
    for ip, prefix in endpoint.addresses:
        yield Address(ns=ns, link=name, ip=ip, prefix=prefix, origin=origin)
    for gateway, source in endpoint.gateways:
        yield Route(ns=ns, dst=DEFAULTS[family(source)], link=name, via=gateway, src=source, origin=origin)
    for prefix_, gateway in endpoint.routes:
        # With a source, since Linux drops every IPv4 route of a link with its last address.
        source = next(iter(endpoint.of_family(family(gateway))), "")
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

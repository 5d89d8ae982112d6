"""The text of a sandbox's hosts and resolv.conf."""

from collections.abc import Iterable, Sequence

from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec
from .topology import Endpoint, Network

Attached = Sequence[tuple[Network, Endpoint]]

LOOPBACK = ("127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback")


def hosts(name: str, spec: ContainerSpec, attached: Attached, aliases: Iterable[tuple[str, str]] = ()) -> str:
    """Loopback, the container's own addresses, those of links by their aliases, and `extra_hosts`;
    host-gateway is the bridge's own address."""
    own = spec.hostname or name
    full = f"{own}.{spec.domainname} {own}" if spec.domainname else own
    lines = [*LOOPBACK]
    lines += [f"{ip} {full}" for _, endpoint in attached for ip, _ in endpoint.addresses]
    lines += [f"{ip} {alias}" for ip, alias in aliases]
    for extra, address in spec.extra_hosts:
        ips = host_gateways(attached) if address == "host-gateway" else [address]
        lines += [f"{ip} {extra}" for ip in ips]
    return "".join(f"{line}\n" for line in lines)


def host_gateways(attached: Attached) -> list[str]:
    """The host's own addresses that the container can reach, the best first."""
    leading: list[str] = []
    for network, end in attached:
        own = [gateway for gateway, _ in end.gateways] if network.inner else network.carrier.addresses
        leading += own if end.gateways else ()
    bridges = (network for network, _ in attached if network.inner)
    return leading or [s.gateway for network in bridges for s in network.subnets if s.gateway][:1]


def resolv(spec: ContainerSpec, facts: Facts, attached: Attached, nameserver: str) -> str:
    """Who answers for names, with Docker's `ndots:0`, so that a name without a dot is asked as it is.
    Without such a one the written servers, else the host's; a sandbox that cannot get out has none."""
    outward = any(endpoint.gateways for _, endpoint in attached)
    servers = (nameserver,) if nameserver else spec.dns or (facts.nameservers if outward else ())
    dots = any(option.startswith("ndots:") for option in spec.dns_opt)
    options = (*spec.dns_opt, *(["ndots:0"] if nameserver and not dots else []))
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(spec.dns_search)}"] if spec.dns_search else []
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(f"{line}\n" for line in lines)

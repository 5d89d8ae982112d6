"""The text of a sandbox's hosts and resolv.conf, as it is before names exist."""

from collections.abc import Sequence

from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec
from .topology import Endpoint, Network

Attached = Sequence[tuple[Network, Endpoint]]

LOOPBACK = ("127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback")


def hosts(name: str, spec: ContainerSpec, attached: Attached) -> str:
    """Loopback, the container's own addresses, and `extra_hosts`; host-gateway is the
    bridge's own address."""
    own = spec.hostname or name
    full = f"{own}.{spec.domainname} {own}" if spec.domainname else own
    lines = [*LOOPBACK]
    lines += [f"{ip} {full}" for _, endpoint in attached for ip, _ in endpoint.addresses]
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


def resolv(spec: ContainerSpec, facts: Facts, attached: Attached) -> str:
    """The written servers, else the host's; a sandbox that cannot get out has none."""
    outward = any(endpoint.gateways for _, endpoint in attached)
    servers = spec.dns or (facts.nameservers if outward else ())
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(spec.dns_search)}"] if spec.dns_search else []
    lines += [f"options {' '.join(spec.dns_opt)}"] if spec.dns_opt else []
    return "".join(f"{line}\n" for line in lines)

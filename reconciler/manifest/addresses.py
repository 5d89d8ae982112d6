"""Addresses that users fixed: inside their subnets, and each held once."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from ..errors import ManifestError, Where
from .spec import ContainerSpec, EndpointSpec, NetworkSpec, ProjectSpec, SubnetSpec

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
Held = dict[str, tuple[Where, str]]  # address or MAC -> where, and what holds it
WITH_BRIDGE = ("bridge", "overlay")


def address_mistakes(project: ProjectSpec) -> Iterator[ManifestError]:
    """Every mistake in `ipam` and in the fixed addresses of a project's containers."""
    held: dict[str, Held] = {}
    for network in project.networks:
        held[network.name] = reserved(network)
        for subnet in network.subnets:
            yield from subnet_mistakes(subnet)
    known = {network.name: Plan(network, prefixes(network), held[network.name]) for network in project.networks}
    for spec in project.containers:
        for end in spec.networks:
            plan = known.setdefault(end.network, Plan(NetworkSpec(name=end.network), (), {}))
            yield from fixed(spec, end, plan)


class Plan(NamedTuple):
    """A network's subnets, parsed, and which addresses and MACs are held."""

    network: NetworkSpec
    prefixes: tuple[tuple[Prefix, SubnetSpec], ...]
    held: Held


def prefixes(network: NetworkSpec) -> tuple[tuple[Prefix, SubnetSpec], ...]:
    return tuple((ip_network(subnet.subnet), subnet) for subnet in network.subnets)


def reserved(network: NetworkSpec) -> Held:
    """What the network itself takes."""
    held: Held = {}
    for subnet in network.subnets:
        for name, ip in subnet.aux_addresses.items():
            held[ip] = subnet.where, f"set aside for {name}"
        if subnet.gateway:
            held[subnet.gateway] = subnet.where, "the gateway"
        elif network.driver in WITH_BRIDGE and (first := first_free(subnet)):
            held.setdefault(first, (subnet.where, "the gateway, as none is written"))
    return held


def first_free(subnet: SubnetSpec) -> str:
    """The address that a bridge takes when none is written: the first that is not set aside."""
    hosts = ip_network(subnet.subnet).hosts()
    return next((str(ip) for ip in hosts if str(ip) not in subnet.aux_addresses.values()), "")


def subnet_mistakes(subnet: SubnetSpec) -> Iterator[ManifestError]:
    prefix = ip_network(subnet.subnet)
    named = [("ip_range", subnet.ip_range), ("gateway", subnet.gateway)]
    named += [(f"aux_addresses.{name}", ip) for name, ip in subnet.aux_addresses.items()]
    for key, value in named:
        if value and not contains(prefix, value):
            where = replace_path(subnet.where, key)
            yield ManifestError(f"{key} {value} is outside {prefix}", f"take one of {span(prefix)}", where)


def replace_path(where: Where, key: str) -> Where:
    return where._replace(path=f"{where.path}.{key}")


def contains(prefix: Prefix, value: str) -> bool:
    other = ip_network(value)
    return other.version == prefix.version and other.subnet_of(prefix)  # type: ignore[arg-type]


def span(prefix: Prefix) -> str:
    return f"{prefix[0]} to {prefix[-1]}"


def fixed(spec: ContainerSpec, end: EndpointSpec, plan: Plan) -> Iterator[ManifestError]:
    """The addresses that one endpoint asks for."""
    for family, text in ((4, end.ipv4_address), (6, end.ipv6_address)):
        if not text:
            continue
        if spec.replicas > 1:
            yield ManifestError(f"{spec.replicas} replicas cannot share {text}", "remove the address", end.where)
        elif not plan.network.external:
            yield from misplaced(ip_address(text), end, plan, family)
            yield from taken(text, spec, end, plan.held)
    if end.mac_address:
        yield from taken(end.mac_address, spec, end, plan.held)


def misplaced(ip: Address, end: EndpointSpec, plan: Plan, family: int) -> Iterator[ManifestError]:
    name = plan.network.name
    subnets = [(prefix, subnet) for prefix, subnet in plan.prefixes if prefix.version == family]
    if not subnets:
        hint = f"add one under `networks.{name}.ipam.config`"
        if family == 6 and not plan.network.enable_ipv6:
            hint = f"set `enable_ipv6: true` and a subnet on network {name}"
        yield ManifestError(f"{ip} needs a written subnet, and network {name} has none", hint, end.where)
        return
    home = next((prefix for prefix, _ in subnets if ip in prefix), None)
    if home is None:
        prefix, subnet = subnets[0]
        label = (subnet.where, "the network's subnet")
        yield ManifestError(f"{ip} is outside network {name}", f"take one of {span(prefix)}", end.where, label)
    elif ip in edges(home):
        yield ManifestError(f"{ip} is no host's address in {home}", "take another", end.where)


def edges(prefix: Prefix) -> tuple[Address, ...]:
    """Addresses that no host can have: the network's own and IPv4's broadcast; a /31 has none (RFC 3021)."""
    if prefix.num_addresses <= 2:
        return ()
    return (prefix[0], prefix[-1]) if prefix.version == 4 else (prefix[0],)


def taken(text: str, spec: ContainerSpec, end: EndpointSpec, held: Held) -> Iterator[ManifestError]:
    if text in held:
        where, holder = held[text]
        yield ManifestError(f"{text} is taken: {holder}", "choose another", end.where, (where, holder))
    held.setdefault(text, (end.where, f"{spec.name} has it"))

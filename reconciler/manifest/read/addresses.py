"""Addresses that users fixed: each inside its subnet, and held once."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ...errors import ManifestError, Where
from ..model.fields import MAC
from ..reserved import Address, Prefix, edges, first_free, is_link_local
from ..spec import ContainerSpec, EndpointSpec, NetworkSpec, ProjectSpec, SubnetSpec

Held = dict[str, tuple[Where, str]]  # address or MAC -> where, and what holds it
Locate = Callable[..., Where]  # a container, and the steps to a value of it
MOST_PROBES = 1024  # for a free address
BRIDGE_LINK_LOCAL = "fe80::1"
WITH_BRIDGE = ("bridge", "overlay")


def address_mistakes(project: ProjectSpec, locate: Locate) -> Iterator[ManifestError]:
    """Every mistake in the fixed addresses of a project's containers; `locate` finds the place of a value."""
    plans = {
        network.name: Plan(network, prefixes(network), reserved(network)) for network in project.networks
    }
    for spec in project.containers:
        for end in spec.networks:
            if end.network not in plans:
                plans[end.network] = Plan(NetworkSpec(name=end.network), (), {})
            for wish in wishes(spec, end, locate):
                yield from fixed(wish, plans[end.network])
        yield from route_mistakes(spec, plans, locate)


class Plan(NamedTuple):
    """A network's subnets, parsed, and which addresses and MACs are held."""

    network: NetworkSpec
    prefixes: tuple[tuple[Prefix, SubnetSpec], ...]
    held: Held


class Wish(NamedTuple):
    """An address or a MAC that one endpoint asks for, and where."""

    spec: ContainerSpec
    text: str
    where: Where


def wishes(spec: ContainerSpec, end: EndpointSpec, locate: Locate) -> Iterator[Wish]:
    for key in ("ipv4_address", "ipv6_address", "mac_address"):
        if text := getattr(end, key):
            yield Wish(spec, text, locate(spec, "networks", end.network, key))
    for index, text in enumerate(end.link_local_ips):
        yield Wish(spec, text, locate(spec, "networks", end.network, "link_local_ips", index))


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
        elif has_bridge_address(network, subnet) and (first := first_free(subnet)):
            held.setdefault(first, (subnet.where, "the gateway, as none is written"))
    if network.driver == "bridge" and network.enable_ipv6:
        held[BRIDGE_LINK_LOCAL] = network.where, "the bridge"
    return held


def has_bridge_address(network: NetworkSpec, subnet: SubnetSpec) -> bool:
    mode = network.gateway_mode_ipv6 if ":" in subnet.subnet else network.gateway_mode
    return network.driver in WITH_BRIDGE and mode != "isolated"


def span(prefix: Prefix) -> str:
    return f"{prefix[0]} to {prefix[-1]}"


def fixed(wish: Wish, plan: Plan) -> Iterator[ManifestError]:
    if MAC.fullmatch(wish.text):
        yield from taken(wish, plan)
    elif wish.spec.replicas > 1:
        message = f"{wish.spec.replicas} replicas cannot share {wish.text}"
        yield ManifestError(message, "remove the address", wish.where)
    elif not plan.network.external:
        yield from misplaced(wish, plan)
        yield from taken(wish, plan)


def misplaced(wish: Wish, plan: Plan) -> Iterator[ManifestError]:
    ip, name = ip_address(wish.text), plan.network.name
    if is_link_local(ip):
        if ip.version == 6 and not plan.network.enable_ipv6:
            yield ManifestError(f"{ip} needs IPv6", f"set `enable_ipv6: true` on network {name}", wish.where)
        return
    subnets = [(prefix, subnet) for prefix, subnet in plan.prefixes if prefix.version == ip.version]
    if not subnets:
        hint = f"add one under `networks.{name}.ipam.config`"
        if ip.version == 6 and not plan.network.enable_ipv6:
            hint = f"set `enable_ipv6: true` and a subnet on network {name}"
        yield ManifestError(f"{ip} needs a written subnet, and network {name} has none", hint, wish.where)
        return
    home = next((prefix for prefix, _ in subnets if ip in prefix), None)
    if home is None:
        prefix, subnet = subnets[0]
        label = (subnet.where, "the network's subnet")
        yield ManifestError(
            f"{ip} is outside network {name}", f"take one of {span(prefix)}", wish.where, label
        )
    elif ip in edges(home):
        yield ManifestError(f"{ip} is no host's address in {home}", "take another", wish.where)


def route_mistakes(spec: ContainerSpec, plans: dict[str, Plan], locate: Locate) -> Iterator[ManifestError]:
    """Each leads by a neighbour, somewhere else, and there once."""
    first: dict[str, Where] = {}
    for end in spec.networks:
        for index, (to, via) in enumerate(end.routes):
            at = locate(spec, "networks", end.network, "routes", index)
            if (where := first.setdefault(to, at)) is not at:
                yield ManifestError(f"two routes to {to}", "keep one of them", at, (where, "the other one"))
            if not plans[end.network].network.external:
                yield from misled(Wish(spec, via, at), to, end, plans[end.network])


def misled(wish: Wish, to: str, end: EndpointSpec, plan: Plan) -> Iterator[ManifestError]:
    if (":" in to) != (":" in wish.text):
        yield ManifestError(f"{wish.text} is no gateway to {to}", "both must be of one family", wish.where)
    elif any(str(prefix) == to for prefix, _ in plan.prefixes):
        yield ManifestError(f"{to} is network {end.network} itself", "leave the route out", wish.where)
    elif wish.text in (end.ipv4_address, end.ipv6_address, *end.link_local_ips):
        yield ManifestError(f"{wish.text} is the container's own address", "take its gateway's", wish.where)
    elif "." in wish.text and is_link_local(ip_address(wish.text)) and not has_link_local4(end):
        hint = "the container needs one of `link_local_ips` for it"
        yield ManifestError(f"{wish.text} is no neighbour", hint, wish.where)
    elif is_told(ip_address(wish.text), plan):
        yield from misplaced(wish, plan)


def is_told(ip: Address, plan: Plan) -> bool:
    """Whether the manifest says what subnets the network has, and not the pools."""
    written = any(prefix.version == ip.version for prefix, _ in plan.prefixes)
    return written or (ip.version == 6 and not plan.network.enable_ipv6)


def has_link_local4(end: EndpointSpec) -> bool:
    return any("." in ip for ip in end.link_local_ips)


def taken(wish: Wish, plan: Plan) -> Iterator[ManifestError]:
    held = plan.held
    if wish.text in held:
        where, holder = held[wish.text]
        message = f"{wish.text} is taken: {holder}"
        yield ManifestError(message, free_address(wish.text, plan), wish.where, (where, holder))
    held.setdefault(wish.text, (wish.where, f"{wish.spec.name} has it"))


def free_address(text: str, plan: Plan) -> str:
    """A hint with the next address of the subnet that nobody has asked for."""
    ip = None if MAC.fullmatch(text) else ip_address(text)
    home = next((prefix for prefix, _ in plan.prefixes if ip and ip in prefix), None)
    if ip and home:
        for step in range(1, MOST_PROBES):
            candidate = ip + step
            if candidate not in home or candidate in edges(home):
                break
            if str(candidate) not in plan.held:
                return f"{candidate} is free"
    return "choose another"

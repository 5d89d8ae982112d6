"""Fixed addresses and routes: what their text alone tells.  Whether an address is to be had, cnm decides."""

from collections.abc import Iterable, Iterator, Mapping, Set
from ipaddress import ip_address

from ...errors import ManifestError, Where
from ...family import family
from ...mistakes import Contradiction, WrongAddress
from ..reserved import is_link_local
from ..spec import ContainerSpec, EndpointSpec, NetworkSpec, ProjectSpec


def address_mistakes(project: ProjectSpec, known: Set[str]) -> Iterator[ManifestError]:
    """Every mistake in the fixed addresses of a project's containers, and in their routes; `known` are the
    networks of which something can be said."""
    networks = {name: NetworkSpec(name=name) for name in known}
    networks |= {network.name: network for network in project.networks if network.name in known}
    for spec in project.containers:
        ends = [end for end in spec.networks if end.network in networks]
        for end in ends:
            yield from fixed_mistakes(spec, end, networks[end.network])
        yield from route_mistakes(ends, networks)


def fixed_mistakes(spec: ContainerSpec, end: EndpointSpec, network: NetworkSpec) -> Iterator[ManifestError]:
    said = {"ipv4_address": end.ipv4_address, "ipv6_address": end.ipv6_address}
    said |= {f"link_local_ips[{index}]": ip for index, ip in enumerate(end.link_local_ips)}
    for path, ip in said.items():
        if ip and spec.replicas > 1:
            message = f"{spec.replicas} replicas cannot share {ip}"
            yield WrongAddress(message, "remove the address", end.at(path))
        elif ip and not network.external:
            mistakes = subnet_mistakes(ip, network)
            yield from (WrongAddress(message, hint, end.at(path)) for message, hint in mistakes)


def subnet_mistakes(text: str, network: NetworkSpec) -> Iterator[tuple[str, str]]:
    """What is wrong with an address of a family that the network has not, or of a subnet that nobody knows
    before it is chosen."""
    ip, name = ip_address(text), network.name
    if is_link_local(ip):
        if ip.version == 6 and not network.enable_ipv6:
            yield f"{ip} needs IPv6", f"set `enable_ipv6: true` on network {name}"
    elif not any(family(subnet.subnet) == family(text) for subnet in network.subnets):
        hint = f"add one under `networks.{name}.ipam.config`"
        if ip.version == 6 and not network.enable_ipv6:
            hint = f"set `enable_ipv6: true` and a subnet on network {name}"
        yield f"{ip} needs a written subnet, and network {name} has none", hint


def route_mistakes(
    ends: Iterable[EndpointSpec], networks: Mapping[str, NetworkSpec]
) -> Iterator[ManifestError]:
    """Each leads by a neighbour, somewhere else, and there once."""
    first: dict[str, Where] = {}
    routes = [(end, end.at(f"routes[{i}]"), *route) for end in ends for i, route in enumerate(end.routes)]
    for end, at, to, via in routes:
        if (where := first.setdefault(to, at)) is not at:
            yield Contradiction(f"two routes to {to}", "keep one of them", at, (where, "the other one"))
        if not networks[end.network].external:
            mistakes = gateway_mistakes(to, via, end, networks[end.network])
            yield from (WrongAddress(message, hint, at) for message, hint in mistakes)


def gateway_mistakes(to: str, via: str, end: EndpointSpec, network: NetworkSpec) -> Iterator[tuple[str, str]]:
    """What is wrong with a route by its words, and what to do."""
    if family(to) != family(via):
        yield f"{via} is no gateway to {to}", "both must be of one family"
    elif any(subnet.subnet == to for subnet in network.subnets):
        yield f"{to} is network {end.network} itself", "leave the route out"
    elif via in (end.ipv4_address, end.ipv6_address, *end.link_local_ips):
        yield f"{via} is the container's own address", "take its gateway's"
    elif "." in via and is_link_local(ip_address(via)) and not any("." in ip for ip in end.link_local_ips):
        yield f"{via} is no neighbour", "the container needs one of `link_local_ips` for it"
    elif ":" in via and not network.enable_ipv6:
        yield from subnet_mistakes(via, network)

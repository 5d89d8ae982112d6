"""routed: one network over several hosts without encapsulation.  Each host has a slice of the subnet, and the
others have a route to it via the host's own address (host-gw)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

from ...cnm.driver import Wanted
from ...cnm.hosts import this_host
from ...cnm.ipam import slot
from ...cnm.topology import HostSubnet, Network, PerHostSubnets
from ...core.resource import Origin, Resource
from ...family import family
from ...inventory.facts import Facts
from ...kinds.names import number
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ...manifest.reserved import Prefix, is_part
from ...manifest.spec import HostSpec, NetworkSpec, SubnetSpec
from ...mistakes import WrongTunnel, WrongValue

OPTIONS = {4: "host_prefix", 6: "host_prefix_ipv6"}
# A /24 is Kubernetes' node CIDR too; a /80 leaves the 2^32 addresses of ipam.SPREAD6.
LENGTHS = {4: 24, 6: 80}
LONGEST = {4: 30, 6: 126}  # with a gateway and a container


def is_divided(wanted: Wanted, number: int) -> bool:
    """Whether each host has a slice of what the network has of this family."""
    mode = wanted.spec.gateway_mode if number == 4 else wanted.spec.gateway_mode_ipv6
    return mode == "routed" and bool(wanted.project.hosts)


def per_host_subnets(wanted: Wanted, ranges: Sequence[SubnetSpec], facts: Facts) -> PerHostSubnets | None:
    """Every host's slices, alike on every host; None where the network is this host's alone."""
    here = this_host(wanted.project, facts)
    whole = [r for r in ranges if is_divided(wanted, family(r.subnet))]
    if here is None or not whole:
        return None
    refuse_shape(wanted.spec, whole)
    parts = [one for r in whole for one in slices(wanted, r, facts)]
    return PerHostSubnets(host=here.name, whole=tuple(r.subnet for r in whole), parts=tuple(parts))


def refuse_shape(spec: NetworkSpec, whole: Sequence[SubnetSpec]) -> None:
    families = [family(r.subnet) for r in whole]
    if len(families) > len(set(families)) or any(r.gateway or r.ip_range for r in whole):
        message = f"network {spec.name} needs one subnet a family, without a gateway and an ip_range"
        hint = "on a routed network each host has a slice of its own, and a gateway address in it"
        raise WrongTunnel(message, hint, spec.where)


def slices(wanted: Wanted, written: SubnetSpec, facts: Facts) -> Iterator[HostSubnet]:
    project, spec, name, _ = wanted
    whole = ip_network(written.subnet)
    length = length_of(spec, whole)
    count = 1 << (length - whole.prefixlen)
    if count < len(project.hosts):
        message = f"{whole} has {count} slices of /{length}, and there are {len(project.hosts)} hosts"
        hint = f"widen the subnet, or write a longer `{OPTIONS[whole.version]}` into its driver_opts"
        raise WrongTunnel(message, hint, written.where if written.where.line else spec.where)
    kept = {
        host.name: locked_slice(whole, length, facts.locked.get((name, f"@{host.name}"), ()))
        for host in project.hosts
    }
    chosen = choose(name, kept, count)
    for host in project.hosts:
        via = address_of(host, whole.version)
        link = "" if host.name == facts.name else link_to(host, via, facts)
        yield HostSubnet(host.name, str(slot(whole, length, chosen[host.name])), via, link)


def length_of(spec: NetworkSpec, whole: Prefix) -> int:
    option = OPTIONS[whole.version]
    text = spec.options.get(option) or str(LENGTHS[whole.version])
    longest = LONGEST[whole.version]
    if not text.isdecimal() or len(text) > 3 or not whole.prefixlen <= int(text) <= longest:
        hint = f"from {whole.prefixlen} to {longest}"
        raise WrongValue(f"{text[:60]} is no {option} for {whole}", hint, spec.where)
    return int(text)


def locked_slice(whole: Prefix, length: int, locked: Sequence[str]) -> int | None:
    """Which slice addresses.lock says; None where it says none, or none of these."""
    for cidr in locked:
        with suppress(ValueError):
            prefix = ip_network(cidr)
            if prefix.prefixlen == length and is_part(prefix, whole):
                return (int(prefix[0]) - int(whole[0])) >> (whole.max_prefixlen - length)
    return None


def choose(name: str, kept: Mapping[str, int | None], count: int) -> dict[str, int]:
    """What is locked stays; the others probe from where their names hash to, in the order of names."""
    chosen = {host: index for host, index in kept.items() if index is not None}
    used = set(chosen.values())
    for host in sorted(kept.keys() - chosen.keys()):
        start = number("slice", name, host)
        chosen[host] = next(i for step in range(count) if (i := (start + step) % count) not in used)
        used.add(chosen[host])
    return chosen


def address_of(host: HostSpec, number: int) -> str:
    """What routes to the host's slices go via."""
    for address in (host.address, host.address6):
        if address and family(address) == number:
            return address
    key = "address" if number == 4 else "address6"
    hint = f"a routed network needs it as the next hop: add `{key}:`"
    raise WrongTunnel(f"host {host.name} has no IPv{number} address", hint, host.where)


def link_to(host: HostSpec, via: str, facts: Facts) -> str:
    """The link that the other host is a neighbour on: Linux takes no gateway that is none (fib_check_nh)."""
    ip = ip_address(via)
    on = [p for p in map(ip_network, facts.onlink) if p.version == ip.version and ip in p]
    if via in facts.addresses or not on and facts.addresses:
        hint = "a routed network goes from host to host without a router between; use an overlay"
        raise WrongTunnel(f"host {host.name} at {via} is no neighbour of this one", hint, host.where)
    return facts.onlink[str(max(on, key=lambda p: p.prefixlen))] if on else ""


def routes_elsewhere(network: Network, origin: Origin) -> Iterator[Resource]:
    """What has no host, or has lost its route, goes nowhere: least of all to the host's default gateway."""
    per_host = network.per_host
    if per_host and per_host.elsewhere:
        for cidr in per_host.whole:
            yield Route(ns=HOST, dst=cidr, kind="unreachable", origin=origin)
        for one in per_host.elsewhere:
            yield Route(ns=HOST, dst=one.cidr, link=one.link, via=one.via, origin=origin)

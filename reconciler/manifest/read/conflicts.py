"""What two of a run want and only one can have: subnets, names of networks and bridges, host ports."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import NamedTuple

from ...errors import ManifestError, Where
from ..spec import ContainerSpec, NetworkSpec, PortSpec, ProjectSpec, SubnetSpec

MOST_HINTS = 50  # a free value is looked for through all that are taken
ANY4, ANY6 = "0.0.0.0", "::"


def conflicts(projects: Sequence[ProjectSpec]) -> Iterator[ManifestError]:
    networks = [
        (project, network) for project in projects for network in project.networks if not network.external
    ]
    yield from overlapping_subnets([network for _, network in networks])
    yield from equal_names(networks)
    yield from equal_ports(list(publications(projects)))


class Span(NamedTuple):
    """A subnet as numbers, so that a sort brings what overlaps together."""

    version: int
    first: int
    last: int
    subnet: SubnetSpec
    network: str


def overlapping_subnets(networks: Sequence[NetworkSpec]) -> Iterator[ManifestError]:
    spans = []
    for network in networks:
        for subnet in network.subnets:
            prefix = ip_network(subnet.subnet)
            spans.append(Span(prefix.version, int(prefix[0]), int(prefix[-1]), subnet, network.name))
    spans.sort(key=lambda s: (s.version, s.first, -s.last))
    widest: Span | None = None
    for number, span in enumerate(spans):
        meets = widest and widest.version == span.version and span.first <= widest.last
        if widest and meets:
            one, two = sorted((widest, span), key=lambda s: s.subnet.where)
            hint = free_subnet(two.subnet.subnet, spans) if number < MOST_HINTS else "choose another"
            yield overlap(one, two, hint)
        if not widest or not meets or span.last > widest.last:
            widest = span


def overlap(one: Span, two: Span, hint: str) -> ManifestError:
    mine, other = f"{two.subnet.subnet} of network {two.network}", f"{one.subnet.subnet} of {one.network}"
    label = (one.subnet.where, "the other one")
    return ManifestError(f"subnet {mine} overlaps {other}", hint, two.subnet.where, label)


def free_subnet(text: str, spans: Sequence[Span]) -> str:
    """A hint with the next subnet of the same length that nothing in this run has."""
    prefix = ip_network(text)
    size, start = prefix.num_addresses, int(prefix[0])
    for _ in range(256):
        start += size
        if start + size > 1 << prefix.max_prefixlen:
            break
        if not any(s.version == prefix.version and s.first < start + size and start <= s.last for s in spans):
            return f"{ip_network((start, prefix.prefixlen))} is free"
    return "choose another"


def equal_names(networks: Sequence[tuple[ProjectSpec, NetworkSpec]]) -> Iterator[ManifestError]:
    names: dict[str, Where] = {}
    bridges: dict[str, Where] = {}
    for project, network in networks:
        full = network.full_name or f"{project.name}_{network.name}"
        if full in names:
            hint = "set `external: true` on one of them to share it, or rename it"
            label = (names[full], "the other one")
            yield ManifestError(f"two networks are named {full}", hint, network.where, label)
        if network.bridge_name and network.bridge_name in bridges:
            label = (bridges[network.bridge_name], "the other one")
            yield ManifestError(
                f"two bridges are named {network.bridge_name}", "rename one", network.where, label
            )
        names.setdefault(full, network.where)
        bridges.setdefault(network.bridge_name, network.where)


class Publication(NamedTuple):
    """A range of host ports that one container takes on one address."""

    first: int
    last: int
    ip: str
    owner: str
    host: str
    port: PortSpec

    def meets(self, other: "Publication") -> bool:
        if self.host and other.host and self.host != other.host:
            return False
        return self.ip == other.ip or covers(self.ip, other.ip) or covers(other.ip, self.ip)


def covers(wide: str, ip: str) -> bool:
    """An empty address is any of both families, 0.0.0.0 any of IPv4, :: any of IPv6."""
    return not wide or (wide == ANY4 and ":" not in ip) or (wide == ANY6 and (":" in ip or not ip))


def publications(projects: Sequence[ProjectSpec]) -> Iterator[Publication]:
    """The fixed ones; replicas of one service are told apart later, where they share or choose, and so are
    services whose placement may keep them apart."""
    for project in projects:
        networks = {network.name: network for network in project.networks}
        for spec in project.containers:
            if spec.placement and spec.placement.constraints:
                continue
            default = binding(spec, networks)
            if default is not None:
                yield from published(project, spec, default)


def published(project: ProjectSpec, spec: ContainerSpec, default: str) -> Iterator[Publication]:
    owner = f"{project.name}/{spec.name}"
    for port in spec.ports:
        first, last = port.published or (0, 0)
        if first and last - first == port.target[1] - port.target[0]:
            yield Publication(first, last, port.host_ip or default, owner, spec.host, port)


def binding(spec: ContainerSpec, networks: dict[str, NetworkSpec]) -> str | None:
    """The host address of a container's ports that name none; None where it publishes nothing by NAT."""
    if spec.network_mode not in ("", "bridge"):
        return None
    keys = [end.network for end in spec.networks] or [spec.network_mode or "default"]
    joined = [networks.get(key) or NetworkSpec(name=key) for key in keys]
    able = [
        n
        for n in joined
        if not n.internal and not n.external and n.gateway_mode in ("nat", "nat-unprotected")
    ]
    able += [n for n in joined if n.external]
    return able[0].host_ip if able else None


def equal_ports(wanted: Sequence[Publication]) -> Iterator[ManifestError]:
    by_protocol: dict[str, list[Publication]] = defaultdict(list)
    for one in wanted:
        by_protocol[one.port.protocol].append(one)
    for protocol, group in sorted(by_protocol.items()):
        ordered = sorted(group, key=lambda p: (p.first, p.last, p.ip, p.port.where))
        for number, (one, two) in enumerate(meetings(ordered)):
            hint = free_port(two, ordered) if number < MOST_HINTS else "choose another port"
            yield clash(protocol, one, two, hint)


def meetings(ordered: Sequence[Publication]) -> Iterator[tuple[Publication, Publication]]:
    """Each publication with the first that it meets, in the order of the manifest."""
    active: list[Publication] = []
    for one in ordered:
        active = [other for other in active if other.last >= one.first]
        met = next((other for other in active if one.meets(other)), None)
        if met:
            yield (met, one) if met.port.where <= one.port.where else (one, met)
        else:
            active.append(one)


def clash(protocol: str, one: Publication, two: Publication, hint: str) -> ManifestError:
    number = max(one.first, two.first)
    ip = f"{two.ip}:" if two.ip else ""
    label = (one.port.where, f"{one.owner} publishes it")
    return ManifestError(f"host port {ip}{number}/{protocol} is published twice", hint, two.port.where, label)


def free_port(port: Publication, ordered: Sequence[Publication]) -> str:
    """A hint with the next host port, or range of as many, that nothing in this run has."""
    size = port.last - port.first
    first = port.last + 1
    for other in ordered:
        if other.first <= first + size and first <= other.last:
            first = other.last + 1
    last = first + size
    if last > 65535:
        return "choose another port"
    return f"{first}-{last} are free" if size else f"{first} is free"

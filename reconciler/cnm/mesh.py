"""`mode: ingress` over `hosts:`: a port of every host leads to the replicas of all.  Whom a host leads to and
from whom it takes connections follows from the manifest and addresses.lock alone.

A connection goes by the host of the replica and not to the replica itself, so that this one knows by which
host it came, and sends the answers there: the client's address is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..family import family
from ..inventory.facts import Facts
from ..kinds import names
from ..manifest.spec import ContainerSpec, HostSpec, ProjectSpec
from . import macs
from .endpoint import Addresses, SandboxSpec, endpoints
from .entrance import Departure, Door, Entrance, Mesh
from .hosts import is_here
from .own_addresses import absent_addresses
from .ports import Targets, homes_of, is_across_hosts, targets, unpublished_warnings
from .topology import Endpoint, Network

FIRST_MARK, MARKS = 1 << 25, 1 << 24  # of connections by another host; and so many of them
Attached = Sequence[tuple[Network, Endpoint]]
Published = tuple[ContainerSpec, Targets]


class Replicas(NamedTuple):
    """Whose ports this host has, in an order that is alike on all: what stands here, and of what stands
    elsewhere all that is meshed."""

    all: Sequence[Published]
    between: Mapping[str, Network]  # by project, the network of its hosts alone

    @property
    def here(self) -> list[Published]:
        return [(spec, to) for spec, to in self.all if not to.away]

    @property
    def elsewhere(self) -> list[Targets]:
        return [to for _, to in self.all if to.away]

    @property
    def meshed(self) -> Iterator[tuple[ContainerSpec, Targets]]:
        """Those that stand here, as far as other hosts lead there."""
        return ((spec, reachable(to)) for spec, to in self.here if is_meshed(spec) and to.host)

    def over(self, network: Network) -> Network:
        """That which other hosts' connections to a network come over."""
        return network if network.carrier.everywhere else self.between[network.project]

    @property
    def families(self) -> set[int]:
        """In which ports lead to replicas elsewhere."""
        return {number for to in self.elsewhere for number in to.homes}

    def warnings(self, networks: Sequence[Network], facts: Facts) -> Iterator[str]:
        yield from unpublished_warnings(self.here)
        yield from absent_addresses(self.here, networks, facts)
        for spec, to in self.here:
            lost = to.host and reachable(to).homes.keys() < to.homes.keys()
            for port in (port for port in spec.ports if lost and port.meshed):
                why = "its default route is on no routed network, and on no overlay with icc"
                yield f"{port.where}: other hosts do not lead to port {port.target[0]} of {to.sandbox}: {why}"


def is_meshed(spec: ContainerSpec) -> bool:
    return any(port.meshed for port in spec.ports)


def replicas(
    everywhere: Iterable[SandboxSpec],
    attached: Mapping[str, Attached],
    networks: Iterable[Network],
    given: Addresses,
    facts: Facts,
) -> Replicas:
    """`attached` are those that stand here."""
    by_key, found = {(network.project, network.key): network for network in networks}, []
    for one in everywhere:
        if not is_here(one.host, facts):
            if is_meshed(one.spec):
                to = reachable(aims(one, list(endpoints(one, by_key, given, facts))))
                found.append((one.spec, to._replace(away=True)))
        elif one.name in attached:
            found.append((one.spec, aims(one, attached[one.name])))
    return Replicas(found, {n.project: n for n in by_key.values() if n.spec.hosts_only})


def aims(one: SandboxSpec, attached: Attached) -> Targets:
    return targets(one.project.name, one.name, attached)._replace(host=one.host, weight=one.weight)


def reachable(to: Targets) -> Targets:
    """As far as other hosts lead there: where its default route is, by which it answers."""
    return to._replace(homes={number: home for number, home in to.homes.items() if leads(number, *home)})


def leads(number: int, network: Network, end: Endpoint) -> bool:
    answers = any(family(via) == number for via, _ in end.gateways)
    overlay = network.carrier.everywhere and network.spec.icc
    return answers and (overlay or is_across_hosts(network, number)) and not network.external


def mesh(replicas: Replicas, given: Addresses, projects: Iterable[ProjectSpec]) -> Mesh:
    """Where connections go from here, and where they come from."""
    hosts = {project.name: project.hosts for project in projects}
    ways = {way for to in replicas.elsewhere for way in ways_to(to, replicas, given, hosts[to.project])}
    return Mesh(
        ways=tuple(sorted(ways)),
        entrances=tuple(entrances(replicas, given, hosts)),
        doors=tuple(sorted({door for spec, to in replicas.meshed for door in doors(spec, to, replicas)})),
    )


def entrances(
    replicas: Replicas, given: Addresses, hosts: Mapping[str, Sequence[HostSpec]]
) -> Iterator[Entrance]:
    meshed = {n.name: n for _, to in replicas.meshed for n, _ in to.homes.values()}
    homes: dict[str, set[str]] = defaultdict(set)
    for network in meshed.values():
        homes[replicas.over(network).name].add(network.bridge)
    over = {network.name: network for network in map(replicas.over, meshed.values())}
    marks: set[int] = set()
    for name, network in sorted(over.items()):
        for number, host in enumerate(hosts[network.project]):
            if host.name != network.carrier.host:
                mark = next(mark for mark in candidates(name, host.name) if mark not in marks)
                marks.add(mark)
                yield Entrance(
                    bridge=network.bridge,
                    homes=tuple(sorted(homes[name])),
                    number=number,
                    mac=names.mac(network.id, macs.OWN, host.name),
                    gateways=tuple(ip for ip, _ in given.get((name, f"@{host.name}"), ())),
                    mark=mark,
                )


def doors(spec: ContainerSpec, to: Targets, replicas: Replicas) -> Iterator[Door]:
    """To a replica on this host whose network is another than others' connections come over."""
    for port in (port for port in spec.ports if port.meshed):
        for home in homes_of(port, to):
            over = replicas.over(home.network)
            if over is not home.network and not home.routed:
                yield Door(over.bridge, home.network.bridge, home.ip, port.protocol, port.target)


def ways_to(
    to: Targets, replicas: Replicas, given: Addresses, hosts: Sequence[HostSpec]
) -> Iterator[Departure]:
    """To a replica on another host, by the address that this one has on the network that it goes over."""
    for number, (network, end) in to.homes.items():
        over = replicas.over(network)
        known = [ip for host in hosts for ip in (host.address, host.address6) if ip and family(ip) == number]
        vias = (ip for ip, _ in given[over.name, f"@{to.host}"] if family(ip) == number)
        yield Departure(over.bridge, end.of_family(number)[0], next(vias), tuple(known))


def candidates(network: str, host: str) -> Iterator[int]:
    """The marks that it may have, the best first."""
    start = names.number("mesh", network, host)
    return (FIRST_MARK + (start + step) % MARKS for step in range(MARKS))

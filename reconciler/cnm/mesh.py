"""`mode: ingress` over `hosts:`: a port of every host leads to the replicas of all.  Whom a host leads to and
from whom it takes connections follows from the manifest and addresses.lock alone.

A connection goes by the host of the replica and not to the replica itself, so that this one knows by which
host it came, and sends the answers there: the client's address is kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..family import family
from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec, HostSpec, ProjectSpec
from . import macs, names
from .endpoint import Addresses, SandboxSpec, endpoints
from .entrance import Departure, Entrance, Mesh
from .hosts import is_here
from .ports import Targets, targets, unpublished_warnings
from .topology import Endpoint, Network

FIRST_MARK, MARKS = 1 << 25, 1 << 24  # of connections by another host; and so many of them
Attached = Sequence[tuple[Network, Endpoint]]
Published = tuple[ContainerSpec, Targets]


class Replicas(NamedTuple):
    """Whose ports this host has, in an order that is alike on all: what stands here, and of what stands
    elsewhere all that is meshed."""

    all: Sequence[Published]

    @property
    def here(self) -> list[Published]:
        return [(spec, to) for spec, to in self.all if not to.away]

    @property
    def elsewhere(self) -> list[Targets]:
        return [to for _, to in self.all if to.away]

    @property
    def meshed(self) -> Iterator[Network]:
        """The networks over which other hosts lead to those that stand here."""
        for spec, to in self.here:
            if is_meshed(spec) and to.host:
                yield from (network for network, _ in reachable(to).homes.values())

    @property
    def families(self) -> set[int]:
        """In which ports lead to replicas elsewhere."""
        return {number for to in self.elsewhere for number in to.homes}

    @property
    def warnings(self) -> Iterator[str]:
        yield from unpublished_warnings(self.here)
        for spec, to in self.here:
            lost = to.host and reachable(to).homes.keys() < to.homes.keys()
            for port in (port for port in spec.ports if lost and port.meshed and spec.is_service):
                why = "its default route is on no overlay whose containers reach each other"
                yield f"{port.where}: other hosts do not lead to port {port.target[0]} of {to.sandbox}: {why}"


def is_meshed(spec: ContainerSpec) -> bool:
    return spec.is_service and any(port.meshed for port in spec.ports)


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
    return Replicas(found)


def aims(one: SandboxSpec, attached: Attached) -> Targets:
    return targets(one.project.name, one.name, attached)._replace(host=one.host, weight=one.weight)


def reachable(to: Targets) -> Targets:
    """As far as other hosts lead there: where its default route is, by which it answers."""
    return to._replace(homes={number: home for number, home in to.homes.items() if leads(number, *home)})


def leads(number: int, network: Network, end: Endpoint) -> bool:
    answers = any(family(via) == number for via, _ in end.gateways)
    return answers and network.carrier.everywhere and network.spec.icc and not network.external


def mesh(replicas: Replicas, given: Addresses, projects: Iterable[ProjectSpec]) -> Mesh:
    """Where connections go from here, and where they come from."""
    hosts = {project.name: project.hosts for project in projects}
    ways = {way for to in replicas.elsewhere for way in ways_to(to, given, hosts[to.project])}
    meshed = {network.name: network for network in replicas.meshed}
    marks: dict[int, Entrance] = {}
    for _, network in sorted(meshed.items()):
        for number, host in enumerate(hosts[network.project]):
            if host.name != network.carrier.host:
                mark = next(mark for mark in candidates(network.name, host.name) if mark not in marks)
                marks[mark] = Entrance(
                    bridge=network.bridge,
                    number=number,
                    mac=names.mac(network.id, macs.OWN, host.name),
                    gateways=tuple(ip for ip, _ in given.get((network.name, f"@{host.name}"), ())),
                    mark=mark,
                )
    return Mesh(ways=tuple(sorted(ways)), entrances=tuple(marks.values()))


def ways_to(to: Targets, given: Addresses, hosts: Sequence[HostSpec]) -> Iterator[Departure]:
    """To a replica on another host, by the address that this one has on their network."""
    for number, (network, end) in to.homes.items():
        known = [ip for host in hosts for ip in (host.address, host.address6) if ip and family(ip) == number]
        vias = (ip for ip, _ in given[network.name, f"@{to.host}"] if family(ip) == number)
        yield Departure(network.bridge, end.of_family(number)[0], next(vias), tuple(known))


def candidates(network: str, host: str) -> Iterator[int]:
    """The marks that it may have, the best first."""
    start = names.number("mesh", network, host)
    return (FIRST_MARK + (start + step) % MARKS for step in range(MARKS))

"""Services with several replicas: one virtual address on each network, and who stands behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ..family import family
from ..inventory.facts import Facts
from .balanced import BalancedService, VirtualServer
from .driver import Joined
from .endpoint import Attachments, SandboxSpec
from .hosts import is_here
from .topology import Endpoint, Network, Sandbox
from .vips import has_vip, service_key

UNKNOWN, STARTING, HEALTHY = "", "starting", "healthy"  # what engines tell; of some nothing, or none runs


def replicas(network: Network, attachments: Attachments) -> Mapping[str, Attachments]:
    """By service, who is on this network."""
    found: dict[str, Attachments] = {}
    for one, end in attachments:
        if has_vip(network, one.spec):
            found.setdefault(service_key(one), []).append((one, end))
    return found


def services(networks: Iterable[Network], joined: Joined) -> Iterator[BalancedService]:
    for network in {network.name: network for network in networks}.values():
        for name, group in replicas(network, joined.attachments[network.name]).items():
            first, each = group[0][0], [one for one, _ in group]
            weights = {one.name: one.weight for one in each}
            weights |= dict.fromkeys(weights.keys() & joined.resting, 0)
            given = {one: [ip for ip, _ in joined.given.get((network.name, one), ())] for one in weights}
            yield BalancedService(
                project=first.project.name,
                name=first.spec.name,
                network=network.name,
                servers=tuple(
                    VirtualServer(ip, behind(ip, given, weights), by_client=first.spec.affinity == "client")
                    for ip, _ in joined.given.get((network.name, name), ())
                ),
            )


def of_others(networks: Iterable[Network], joined: Joined, facts: Facts) -> Iterator[BalancedService]:
    """Those of projects that are not in this run, as names tell of them: all replicas alike."""
    here = {project.name for project in joined.projects}
    known = {network.name for network in networks}
    for (network, key), vips in facts.vips.items():
        project, _, name = key.partition("/")
        if network in known and project not in here:
            ends = {ip: [ip] for ip in facts.backends[network, key]}
            servers = (VirtualServer(vip, behind(vip, ends, dict.fromkeys(ends, 1))) for vip in vips)
            yield BalancedService(project=project, name=name, network=network, servers=tuple(servers))


def own(known: Iterable[BalancedService], joined: Joined) -> tuple[BalancedService, ...]:
    """Those of projects of this run."""
    here = {project.name for project in joined.projects}
    return tuple(one for one in known if one.project in here)


def behind(
    vip: str, given: Mapping[str, Sequence[str]], weights: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """Those of its family, with their weights."""
    found = ((ip, weights[one]) for one, ips in given.items() for ip in ips if family(ip) == family(vip))
    return tuple(sorted(found))


def resting(specs: Iterable[SandboxSpec], facts: Facts) -> frozenset[str]:
    """Of services with several replicas, those that take nothing new: who is sick, or has ended, or has yet
    to show that it is well, as long as another has."""
    groups: dict[str, list[SandboxSpec]] = {}
    for one in specs if facts.conditions else ():
        groups.setdefault(service_key(one), []).append(one)
    return frozenset(chain.from_iterable(resting_of(group, facts) for group in groups.values() if group[1:]))


def resting_of(group: Sequence[SandboxSpec], facts: Facts) -> Iterator[str]:
    found = {one.name: condition(one, facts) for one in group}
    fine = {UNKNOWN, HEALTHY} if HEALTHY in found.values() else {UNKNOWN, STARTING}
    return (name for name, told in found.items() if told not in fine)


def condition(one: SandboxSpec, facts: Facts) -> str:
    """As its engine tells; who is yet to run, and is tested, is about to start.  Of who is on another host
    nothing is known."""
    if not is_here(one.host, facts):
        return UNKNOWN
    tested = one.spec.workload is not None and one.spec.workload.health is not None
    return facts.conditions.get(one.name, STARTING if tested else UNKNOWN)


def with_servers(
    sandboxes: Iterable[Sandbox],
    attached: Mapping[str, Iterable[tuple[Network, Endpoint]]],
    known: Sequence[BalancedService],
) -> Iterator[Sandbox]:
    """The sandboxes, each with the virtual servers that it reaches."""
    by_networks: dict[frozenset[str], tuple[VirtualServer, ...]] = {}
    for box in sandboxes:
        mine = frozenset(network.name for network, _ in attached[box.name])
        if mine not in by_networks:
            found = (one for service in known if service.network in mine for one in service.servers)
            by_networks[mine] = tuple(sorted(found))
        yield replace(box, servers=by_networks[mine]) if by_networks[mine] else box

"""Services with several replicas: one virtual address on each network, and who stands behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..family import family
from ..inventory.facts import Facts
from .driver import Joined
from .endpoint import Attachments, SandboxSpec
from .topology import BalancedService, Endpoint, Network, Sandbox, VirtualServer
from .vips import has_vip, service_key

USUAL_WEIGHT = 1
STARTING, HEALTHY = "starting", "healthy"


def replicas(network: Network, attachments: Attachments) -> Mapping[str, Attachments]:
    """By service, who is on this network."""
    found: dict[str, Attachments] = {}
    for one, end in attachments:
        if has_vip(network, one.spec):
            found.setdefault(service_key(one), []).append((one, end))
    return found


def services(networks: Iterable[Network], joined: Joined, facts: Facts) -> Iterator[BalancedService]:
    for network in {network.name: network for network in networks}.values():
        for name, group in replicas(network, joined.attachments[network.name]).items():
            names = [one.name for one, _ in group]
            weights = dict(zip(names, weighed([condition(one, facts) for one, _ in group]), strict=True))
            given = {one: [ip for ip, _ in joined.given.get((network.name, one), ())] for one in names}
            first = group[0][0]
            yield BalancedService(
                project=first.project.name,
                name=first.spec.name,
                network=network.name,
                servers=tuple(servers(joined.given.get((network.name, name), ()), given, weights)),
            )


def servers(
    vips: Iterable[tuple[str, int]], given: Mapping[str, Sequence[str]], weights: Mapping[str, int]
) -> Iterator[VirtualServer]:
    for vip, _ in vips:
        mine = ((ip, weights[one]) for one, ips in given.items() for ip in ips if family(ip) == family(vip))
        yield VirtualServer(vip, tuple(sorted(mine)))


def condition(one: SandboxSpec, facts: Facts) -> str:
    """As its engine tells; who is yet to run, and is tested, is about to start."""
    tested = one.spec.workload is not None and one.spec.workload.health is not None
    return facts.conditions.get(one.name, STARTING if tested else "")


def weighed(conditions: Sequence[str]) -> list[int]:
    """0 for who takes nothing new: who is sick, or has ended, or has yet to show that it is well, as long
    as another has.  `conditions` are as engines tell them, "" of what none runs."""
    well = any(one == HEALTHY for one in conditions)
    out = {STARTING} if well else set()
    fine = {"", HEALTHY, STARTING} - out
    return [USUAL_WEIGHT if one in fine else 0 for one in conditions]


def with_servers(
    sandboxes: Iterable[Sandbox],
    attached: Mapping[str, Iterable[tuple[Network, Endpoint]]],
    known: Sequence[BalancedService],
) -> Iterator[Sandbox]:
    """The sandboxes, each with the virtual servers that it reaches."""
    by_networks: dict[frozenset[str], tuple[VirtualServer, ...]] = {}
    for box in sandboxes if known else ():
        mine = frozenset(network.name for network, _ in attached[box.name])
        if mine not in by_networks:
            found = (one for service in known if service.network in mine for one in service.servers)
            by_networks[mine] = tuple(sorted(found))
        yield replace(box, servers=by_networks[mine])
    yield from sandboxes if not known else ()

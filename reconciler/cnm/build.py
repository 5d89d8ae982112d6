"""Manifest and facts in, Topology out: every name, address, gateway and port is decided here,
and nowhere later."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ..errors import Finding, ManifestError, ManifestErrors
from ..inventory.facts import Facts
from ..manifest.spec import Manifest
from ..mistakes import NameTaken
from . import attach, bandwidth, limits, macs, mesh, ownership, policies, services, zones
from .driver import Driver, Joined, Socket, by_driver
from .elsewhere import shared_addresses, with_others
from .endpoint import (
    Addresses,
    Attachments,
    SandboxSpec,
    addresses,
    endpoints,
    join,
    refuse_crowd,
    refuse_vlans,
    unmet_wishes,
    with_vlans,
)
from .expected import expected
from .files import hosts, resolv
from .handed import end_of
from .hosts import is_here, sandboxes_of
from .naming import Naming
from .network import full_names, networks_of
from .policy import policy, warnings
from .port_conflicts import port_findings
from .ports import publish, with_limits, with_ports
from .tasks import tasks
from .topology import Endpoint, Lock, Network, Port, Sandbox, Topology
from .undriven import undriven

RESERVED = ("host",)  # the place that is no sandbox and the project of what all share, in every key and plan


def build(manifest: Manifest, facts: Facts, drivers: Mapping[str, Driver]) -> Topology:
    """Decide everything.  Raises ManifestErrors with every conflict that was found."""
    topology, errors = decided(manifest, facts, drivers)
    if errors:
        raise ManifestErrors(errors)
    return topology


def decided(
    manifest: Manifest, facts: Facts, drivers: Mapping[str, Driver]
) -> tuple[Topology, list[ManifestError]]:
    """The topology, and the conflicts in it.  Raises ManifestErrors where there is none."""
    if errors := [*undriven(manifest, drivers), *reserved_names(manifest)]:
        raise ManifestErrors(errors)
    found: list[Finding] = []
    try:
        facts = ownership.with_lost_aliases(titles(manifest), facts)
        topology = topology_of(manifest, facts, drivers, found)
        topology = replace(topology, expected=tuple(expected(manifest, topology)))
    except ManifestError as error:
        if not any(mistakes(found)):
            raise
        raise ManifestErrors([*mistakes(found), error]) from None
    return topology, [*mistakes(found)]


def mistakes(found: Iterable[Finding]) -> Iterator[ManifestError]:
    return (one for one in found if isinstance(one, ManifestError))


def sentences(found: Iterable[Finding]) -> Iterable[str]:
    """Each once."""
    return dict.fromkeys(one for one in found if isinstance(one, str))


def topology_of(
    manifest: Manifest, facts: Facts, drivers: Mapping[str, Driver], found: list[Finding]
) -> Topology:
    """As far as it can be decided; `found` takes what cannot be as it is written, and what is to be told."""
    everywhere, wished = sandbox_specs(manifest, facts)
    here = [*attach.able(wished, facts, found)]
    bare = networks_of(manifest.projects, users_of(here), facts, drivers, found)
    attachments = join(bare, everywhere, here)
    given = addresses_of_all(bare, attachments, facts, found)
    joined = Joined(manifest.projects, attachments, given, services.resting(everywhere, facts))
    joined = with_others(joined, bare, everywhere, facts)
    bare = settled_networks(with_vlans(bare, attachments, facts), joined, facts, drivers)
    attached = ends_of(here, bare, given, facts)
    networks, bounded = policies.decide(with_endpoints(bare, attached), joined, attached, facts, found)
    used_by = by_driver(networks, drivers)
    listening = [one for driver, own in used_by.items() for one in driver.sockets(own)]
    replicas = mesh.replicas(everywhere, attached, bare, joined.given, facts)
    ports = tuple(with_limits(publish(replicas.all, facts, listening, joined.resting), facts))
    naming = zones.naming(networks, joined, attached, here, facts)
    balanced = (*services.services(networks, joined), *services.of_others(networks, joined, facts))
    networks = zones.with_resolvers(with_published(networks, ports), attached, naming)
    for findings in (
        naming.lack,
        ownership.findings(manifest, networks, facts),
        macs.findings(networks, facts),
        attach.findings(here, networks, facts),
        *(driver.findings(networks, facts) for driver in used_by),
        findings_on_ports(ports, here, networks, facts, listening),
        replicas.warnings(networks, facts),
    ):
        found += findings
    shared = policy(manifest.projects, networks, facts, replicas.families)
    return Topology(
        projects=tuple(project.name for project in manifest.projects),
        roots=facts.roots,
        networks=tuple(networks),
        sandboxes=tuple(services.with_servers(sandboxes(here, attached, naming, facts), attached, balanced)),
        tasks=tuple(tasks(manifest, facts, found)),
        ports=ports,
        services=services.own(balanced, joined),
        mesh=mesh.mesh(replicas, given, manifest.projects),
        naming=naming,
        policies=bounded,
        policy=shared,
        ipv6="IPv6" not in facts.missing,
        awaited=tuple(attach.awaited(wished, facts)),
        lock=lock_of(networks, joined),
        own_lock=own_lock_of(networks, given),
        warnings=(*warnings(networks, ports, shared, facts), *sentences(found)),
    )


def findings_on_ports(
    ports: Sequence[Port],
    here: Iterable[SandboxSpec],
    networks: Sequence[Network],
    facts: Facts,
    listening: Sequence[Socket],
) -> Iterator[Finding]:
    """Who has them, and who may use them."""
    yield from port_findings(ports, facts, listening)
    by_others = (port for network in networks for end in network.endpoints for port in end.ports)
    links = (link for network in networks for link in network.interfaces)
    yield from limits.findings((one.spec for one in here), by_others, links, facts)


def ends_of(
    here: Iterable[SandboxSpec], networks: Iterable[Network], given: Addresses, facts: Facts
) -> dict[str, list[tuple[Network, Endpoint]]]:
    """The endpoints of each sandbox, with their networks."""
    by_key = {(network.project, network.key): network for network in networks}
    found = ((one, endpoints(one, by_key, given, facts)) for one in here)
    whole = ((one, [*attach.beside_others(one, ends, facts)]) for one, ends in found)
    return {one.name: [*with_ports(one, ends)] for one, ends in whole}


def titles(manifest: Manifest) -> dict[str, str]:
    """The project of each network, by its full name."""
    return {name: project.name for project in manifest.projects for name in full_names(project)}


def sandbox_specs(manifest: Manifest, facts: Facts) -> tuple[list[SandboxSpec], list[SandboxSpec]]:
    """The sandboxes of all hosts, and those of this one; raises where a name is taken."""
    everywhere = [spec for project in manifest.projects for spec in sandboxes_of(project)]
    here = [spec for spec in everywhere if is_here(spec.host, facts)]
    if taken := [*taken_names(here, facts)]:
        raise ManifestErrors(taken)
    return everywhere, here


def users_of(here: Iterable[SandboxSpec]) -> dict[tuple[str, str], set[str]]:
    """By project and key of a network, the sandboxes that are on it."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in here:
        for end in one.endpoints:
            found[one.project.name, end.network].add(one.name)
    return found


def reserved_names(manifest: Manifest) -> Iterator[ManifestError]:
    for project in manifest.projects:
        if project.name in RESERVED:
            hint = "what all projects of a host share is called so; set `name:` to another"
            yield NameTaken(f"no project may be called {project.name}", hint, project.where)


def taken_names(specs: Sequence[SandboxSpec], facts: Facts) -> Iterator[ManifestError]:
    """`foo` + `bar-baz` and `foo-bar` + `baz` make one name, and a namespace may stand that is not ours."""
    seen: dict[str, SandboxSpec] = {}
    for one in specs:
        name, at, rename = one.name, one.spec.where, "rename the container, or"
        first = seen.setdefault(name, one)
        if first is not one:
            label, hint = "the first of that name", "rename one, or give it a `container_name`"
            message = f"two containers would have the sandbox {name}"
            yield NameTaken(message, hint, at, (first.spec.where, label))
        if name in facts.namespaces:
            message = f"the namespace {name} exists and is not ours"
            yield NameTaken(message, f"{rename} remove the namespace", at)
        if owner := facts.sandboxes.get(name):
            message = f"the sandbox {name} is project {owner}'s"
            yield NameTaken(message, f"{rename} give it a `container_name`", at)
        if name in RESERVED:
            yield NameTaken(f"no sandbox may be called {name}", "rename it", at)


def addresses_of_all(
    networks: Sequence[Network], attachments: Mapping[str, Attachments], facts: Facts, found: list[Finding]
) -> Addresses:
    """The addresses of everybody on every network, by (network, sandbox)."""
    given: Addresses = {}
    for network in {network.name: network for network in networks}.values():
        wishes = attachments[network.name]
        try:
            refuse_crowd(network, wishes)
            refuse_vlans(network, wishes, facts)
            bandwidth.refuse(network, (end for _, end in wishes), facts)
        except ManifestError as error:
            found.append(error)
        found += unmet_wishes(network, wishes)
        given |= addresses(network, wishes, facts, found)
    return given


def with_endpoints(
    bare: Sequence[Network], attached: dict[str, list[tuple[Network, Endpoint]]]
) -> list[Network]:
    """The networks with the endpoints that were attached to them."""
    ends: dict[int, list[Endpoint]] = defaultdict(list)
    for pairs in attached.values():
        for network, endpoint in pairs:
            ends[id(network)].append(endpoint)
    return [replace(network, endpoints=tuple(ends[id(network)])) for network in bare]


def settled_networks(
    networks: Sequence[Network], joined: Joined, facts: Facts, drivers: Mapping[str, Driver]
) -> list[Network]:
    """The networks with what their drivers decide, in the same order."""
    order = {(network.project, network.key): number for number, network in enumerate(networks)}
    used_by = by_driver(networks, drivers)
    found = chain.from_iterable(driver.settle(own, joined, facts) for driver, own in used_by.items())
    return sorted(found, key=lambda network: order[network.project, network.key])


def lock_of(networks: Sequence[Network], joined: Joined) -> Lock:
    """What hosts must agree on and no edit may move: lines of addresses.lock."""
    shared = {network.name for network in networks if network.carrier.everywhere}
    lock = {key: tuple(ip for ip, _ in ips) for key, ips in joined.given.items() if key[0] in shared}
    for network in networks:
        name, per_host = network.name, network.per_host
        lock |= {(name, key): values for key, values in network.carrier.locks.items()}
        if name in shared:
            lock[name, "@subnet"] = tuple(subnet.cidr for subnet in network.subnets)
        elif per_host:
            lock |= shared_addresses(network, per_host, joined)
            lock[name, "@subnet"] = per_host.whole
            for one in per_host.parts:
                lock[name, f"@{one.host}"] = (*lock.get((name, f"@{one.host}"), ()), one.cidr)
    return lock


def own_lock_of(networks: Sequence[Network], given: Addresses) -> Lock:
    """The same of what no other host knows of: for who wants that in git too."""
    others = (network.external or network.carrier.everywhere or network.per_host for network in networks)
    own = {n.name: n for n, other in zip(networks, others, strict=True) if not other and n.ranges}
    lock = {key: tuple(ip for ip, _ in ips) for key, ips in given.items() if key[0] in own}
    return lock | {(name, "@subnet"): tuple(r.subnet for r in n.ranges) for name, n in own.items()}


def with_published(networks: Sequence[Network], ports: Sequence[Port]) -> list[Network]:
    """The networks, with the endpoints told that ports of the host lead to."""
    reached = {(port.sandbox, port.ip) for port in ports if not port.routed}

    def marked(end: Endpoint) -> Endpoint:
        known = any((end.sandbox, ip) in reached for ip, _ in end.addresses)
        return replace(end, published=True) if known else end

    return [replace(network, endpoints=tuple(map(marked, network.endpoints))) for network in networks]


def sandboxes(
    here: Iterable[SandboxSpec], attached: Mapping[str, zones.Attached], naming: Naming, facts: Facts
) -> Iterator[Sandbox]:
    asked = {name: view for view in naming.views for name in view.sandboxes}
    foreign = attach.by_name(here, facts)
    for one in here:
        ends, view = attached[one.name], asked.get(one.name)
        yield Sandbox(
            project=one.project.name,
            name=one.name,
            hosts=hosts(one.name, one.spec, ends, zones.aliases_of_links(one, ends, naming.linked)),
            resolv=resolv(one.spec, facts, ends, zones.nameserver(view, ends) if view else ""),
            sysctls=one.spec.sysctls,
            attached=foreign.get(one.name),
            handed=end_of(one.spec),
            where=one.spec.where,
        )

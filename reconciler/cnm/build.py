"""Manifest and facts in, Topology out: every name, address, gateway and port is decided here,
and nowhere later."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ..errors import ManifestError, ManifestErrors
from ..inventory.facts import Facts
from ..manifest.spec import Manifest
from . import macs, ownership, sockets
from .driver import Driver, by_driver
from .endpoint import Addresses, Attachments, SandboxSpec, addresses, attach, join, refuse_crowd, unmet_wishes
from .files import hosts, resolv
from .hosts import is_local, sandboxes_of
from .network import networks_of, titles
from .pending import pending
from .policy import blocker_warnings, policy
from .ports import conflicts, publish, targets, unpublished_warnings
from .topology import Endpoint, Network, Port, Sandbox, Topology

RESERVED = ("host",)  # the place that is no sandbox and the project of what all share, in every key and plan


def build(manifest: Manifest, facts: Facts, drivers: Mapping[str, Driver]) -> Topology:
    """Decide everything.  Raises ManifestErrors with every conflict that was found."""
    if errors := [*pending(manifest, drivers), *reserved_names(manifest)]:
        raise ManifestErrors(errors)
    try:
        topology = topology_of(manifest, facts, drivers, errors)
    except ManifestError as error:
        if not errors:
            raise
        errors.append(error)
    if errors:
        raise ManifestErrors(errors)
    return topology


def topology_of(
    manifest: Manifest, facts: Facts, drivers: Mapping[str, Driver], errors: list[ManifestError]
) -> Topology:
    """As far as it can be decided; `errors` takes what cannot be as it is written."""
    projects = [project.name for project in manifest.projects]
    facts = ownership.with_lost_aliases(dict(titles(manifest.projects)), facts)
    everywhere = [spec for project in manifest.projects for spec in sandboxes_of(project)]
    here = [spec for spec in everywhere if is_local(spec, facts)]
    refuse_taken_names(here, facts)
    used = {(spec.project.name, end.network) for spec in here for end in spec.endpoints}
    bare = networks_of(manifest.projects, used, facts, drivers, errors)
    attachments = join(bare, everywhere, here)
    given = addresses_of_all(bare, attachments, facts, drivers, errors)
    bare = [drivers[n.spec.driver].settle(n, attachments[n.name], given, facts) for n in bare]
    attached = attach(bare, here, given)
    networks = together(manifest, with_endpoints(bare, attached), facts, drivers)
    used_by = by_driver(networks, drivers)
    listening = [one for driver, own in used_by.items() for one in driver.sockets(own)]
    heard = sockets.with_sockets(listening, facts)
    wanted = [(one.spec, targets(one.project.name, one.name, attached[one.name])) for one in here]
    ports = tuple(publish(wanted, heard))
    networks = with_published(networks, ports)
    clashes = (
        ownership.conflicts(networks, facts, projects),
        macs.conflicts(networks, facts),
        *(driver.conflicts(networks, facts) for driver in used_by),
        sockets.conflicts(listening, facts),
        conflicts(ports, heard),
    )
    errors += chain(*clashes)
    told = chain.from_iterable(driver.warnings(own, facts) for driver, own in used_by.items())
    return Topology(
        projects=tuple(projects),
        root=manifest.root,
        networks=tuple(networks),
        sandboxes=tuple(sandbox(spec, attached[spec.name], facts) for spec in here),
        ports=ports,
        policy=policy(manifest.projects, networks, facts),
        ipv6="IPv6" not in facts.missing,
        lock=dict(chain.from_iterable(d.locks(own, given).items() for d, own in used_by.items())),
        warnings=(*blocker_warnings(networks, ports, facts), *told, *unpublished_warnings(wanted)),
    )


def reserved_names(manifest: Manifest) -> Iterator[ManifestError]:
    for project in manifest.projects:
        if project.name in RESERVED:
            hint = "what all projects of a host share is called so; set `name:` to another"
            yield ManifestError(f"no project may be called {project.name}", hint, project.where)


def refuse_taken_names(specs: Sequence[SandboxSpec], facts: Facts) -> None:
    """`foo` + `bar-baz` and `foo-bar` + `baz` make one name, and a namespace may stand that is not ours."""
    errors: list[ManifestError] = []
    seen: dict[str, SandboxSpec] = {}
    for one in specs:
        if one.name in seen:
            label = (seen[one.name].spec.where, "the first of that name")
            errors.append(
                ManifestError(
                    f"two containers would have the sandbox {one.name}",
                    "rename one, or give it a `container_name`",
                    one.spec.where,
                    label,
                )
            )
        if one.name in facts.namespaces:
            errors.append(
                ManifestError(
                    f"the namespace {one.name} exists and is not ours",
                    "rename the container, or remove the namespace",
                    one.spec.where,
                )
            )
        if owner := facts.sandboxes.get(one.name):
            errors.append(
                ManifestError(
                    f"the sandbox {one.name} is project {owner}'s",
                    "rename the container, or give it a `container_name`",
                    one.spec.where,
                )
            )
        if one.name in RESERVED:
            errors.append(ManifestError(f"no sandbox may be called {one.name}", "rename it", one.spec.where))
        seen.setdefault(one.name, one)
    if errors:
        raise ManifestErrors(errors)


def addresses_of_all(
    networks: Sequence[Network],
    attachments: Mapping[str, Attachments],
    facts: Facts,
    drivers: Mapping[str, Driver],
    errors: list[ManifestError],
) -> Addresses:
    """The addresses of everybody on every network, by (network, sandbox)."""
    given: Addresses = {}
    for network in {network.name: network for network in networks}.values():
        wishes, driver = attachments[network.name], drivers[network.spec.driver]
        try:
            refuse_crowd(network, wishes)
            driver.refuse(network, wishes, facts)
        except ManifestError as error:
            errors.append(error)
        errors += unmet_wishes(network, wishes)
        given |= addresses(network, wishes, driver.requests(network, facts), facts, errors)
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


def together(
    manifest: Manifest, networks: Sequence[Network], facts: Facts, drivers: Mapping[str, Driver]
) -> list[Network]:
    """The networks with what is one for several of a driver."""
    order = {(network.project, network.key): number for number, network in enumerate(networks)}
    found = (
        network
        for driver, own in by_driver(networks, drivers).items()
        for network in driver.together(manifest.projects, own, facts)
    )
    return sorted(found, key=lambda network: order[network.project, network.key])


def with_published(networks: Sequence[Network], ports: Sequence[Port]) -> list[Network]:
    """The networks, with the endpoints told that ports of the host lead to."""
    reached = {(port.sandbox, port.ip) for port in ports if not port.routed}

    def marked(end: Endpoint) -> Endpoint:
        known = any((end.sandbox, ip) in reached for ip, _ in end.addresses)
        return replace(end, published=True) if known else end

    return [replace(network, endpoints=tuple(map(marked, network.endpoints))) for network in networks]


def sandbox(one: SandboxSpec, attached: list[tuple[Network, Endpoint]], facts: Facts) -> Sandbox:
    return Sandbox(
        project=one.project.name,
        name=one.name,
        hosts=hosts(one.name, one.spec, attached),
        resolv=resolv(one.spec, facts, attached),
        sysctls=one.spec.sysctls,
        where=one.spec.where,
    )

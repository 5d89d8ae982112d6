"""Manifest and facts in, Topology out: every name, address, gateway and port is decided here, and nowhere
later."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..errors import ManifestError, ManifestErrors
from ..inventory.facts import Facts
from ..manifest.spec import Manifest
from . import evpn, lan, macs, overlay, ownership, parents, routed, tunnels, vlans, wireguard
from .endpoint import Addresses, Joined, Member, addresses, attach, join, refuse_crowd, refuse_ends
from .files import hosts, resolv
from .hosts import is_local, members_of
from .network import networks_of, titles
from .pending import pending
from .policy import policy, warnings
from .ports import conflicts, publish, targets, unpublished
from .topology import Endpoint, Network, Port, Sandbox, Topology

RESERVED = ("host",)  # the place that is no sandbox and the project of what all share, in every key and plan


def build(manifest: Manifest, facts: Facts) -> Topology:
    """Decide everything.  Raises ManifestErrors with every conflict that was found."""
    if errors := [*pending(manifest), *reserved(manifest)]:
        raise ManifestErrors(errors)
    projects = [project.name for project in manifest.projects]
    facts = ownership.recognised(dict(titles(manifest.projects)), facts)
    everywhere = [member for project in manifest.projects for member in members_of(project)]
    members = [member for member in everywhere if is_local(member, facts)]
    refuse_taken_names(members, facts)
    used = {(member.project.name, end.network) for member in members for end in member.ends}
    bare = networks_of(manifest.projects, used, facts)
    joined = join(bare, everywhere, members)
    given = give(bare, joined, facts)
    bare = [overlay.settled(network, joined[network.name], given) for network in bare]
    bare = [vlans.settled(network, joined[network.name], facts) for network in bare]
    attached = attach(bare, members, given)
    networks = furnished(bare, attached)
    fabric = evpn.fabric_of(manifest.projects, networks, facts)
    doors = tuple(tunnels.doors(networks, fabric))
    heard = tunnels.heard(doors, facts)
    wanted = [(m.spec, targets(m.project.name, m.name, attached[m.name])) for m in members]
    ports = tuple(publish(wanted, heard))
    networks = published(networks, ports)
    clashes = (
        ownership.conflicts(networks, facts, projects),
        macs.conflicts(networks, facts),
        parents.conflicts(networks, facts),
        lan.conflicts(networks, facts),
        overlay.conflicts(networks, facts),
        wireguard.conflicts(networks, facts),
        tunnels.conflicts(doors, facts),
        conflicts(ports, heard),
    )
    if errors := list(chain(*clashes)):
        raise ManifestErrors(errors)
    return Topology(
        projects=tuple(projects),
        root=manifest.root,
        networks=tuple(networks),
        sandboxes=tuple(sandbox(member, attached[member.name], facts) for member in members),
        ports=ports,
        policy=policy(manifest.projects, networks, facts),
        fabric=fabric,
        ipv6="IPv6" not in facts.missing,
        lock={**overlay.lock_of(networks, given), **routed.lock_of(networks)},
        warnings=(*warnings(networks, ports, facts), *evpn.warnings(fabric), *unpublished(wanted)),
    )


def reserved(manifest: Manifest) -> Iterator[ManifestError]:
    for project in manifest.projects:
        if project.name in RESERVED:
            hint = "what all projects of a host share is called so; set `name:` to another"
            yield ManifestError(f"no project may be called {project.name}", hint, project.where)


def refuse_taken_names(members: Sequence[Member], facts: Facts) -> None:
    """`foo` + `bar-baz` and `foo-bar` + `baz` make one name, and a namespace may stand that is not ours."""
    errors: list[ManifestError] = []
    seen: dict[str, Member] = {}
    for member in members:
        if member.name in seen:
            label = (seen[member.name].spec.where, "the first of that name")
            errors.append(
                ManifestError(
                    f"two containers would have the sandbox {member.name}",
                    "rename one, or give it a `container_name`",
                    member.spec.where,
                    label,
                )
            )
        if member.name in facts.namespaces:
            errors.append(
                ManifestError(
                    f"the namespace {member.name} exists and is not ours",
                    "rename the container, or remove the namespace",
                    member.spec.where,
                )
            )
        if owner := facts.sandboxes.get(member.name):
            errors.append(
                ManifestError(
                    f"the sandbox {member.name} is project {owner}'s",
                    "rename the container, or give it a `container_name`",
                    member.spec.where,
                )
            )
        if member.name in RESERVED:
            errors.append(
                ManifestError(f"no sandbox may be called {member.name}", "rename it", member.spec.where)
            )
        seen.setdefault(member.name, member)
    if errors:
        raise ManifestErrors(errors)


def give(networks: Sequence[Network], joined: dict[str, Joined], facts: Facts) -> Addresses:
    """The addresses of everybody on every network."""
    given: Addresses = {}
    for network in {network.name: network for network in networks}.values():
        ends = joined[network.name]
        refuse_crowd(network, ends)
        refuse_ends(network, ends)
        vlans.refuse_vlans(network, ends, facts)
        given |= addresses(network, ends, overlay.gateway_requests(network, facts), facts)
    return given


def furnished(bare: Sequence[Network], attached: dict[str, list[tuple[Network, Endpoint]]]) -> list[Network]:
    """The networks with the endpoints that were attached to them."""
    ends: dict[int, list[Endpoint]] = defaultdict(list)
    for pairs in attached.values():
        for network, endpoint in pairs:
            ends[id(network)].append(endpoint)
    return [replace(network, endpoints=tuple(ends[id(network)])) for network in bare]


def published(networks: Sequence[Network], ports: Sequence[Port]) -> list[Network]:
    """The networks, with the endpoints told that ports of the host lead to."""
    reached = {(port.sandbox, port.ip) for port in ports if not port.routed}

    def told(end: Endpoint) -> Endpoint:
        known = any((end.sandbox, ip) in reached for ip, _ in end.addresses)
        return replace(end, published=True) if known else end

    return [replace(network, endpoints=tuple(map(told, network.endpoints))) for network in networks]


def sandbox(member: Member, attached: list[tuple[Network, Endpoint]], facts: Facts) -> Sandbox:
    return Sandbox(
        project=member.project.name,
        name=member.name,
        hosts=hosts(member.name, member.spec, attached),
        resolv=resolv(member.spec, facts, attached),
        sysctls=member.spec.sysctls,
        where=member.spec.where,
    )

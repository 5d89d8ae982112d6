"""One network, decided: its subnets, names and identifiers.  Endpoints come later."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import NamedTuple

from ..errors import ManifestError
from ..inventory.facts import Facts, Standing
from ..manifest.reserved import Prefix
from ..manifest.spec import NOWHERE, NetworkSpec, PoolSpec, ProjectSpec, SubnetSpec
from . import lan, names, overlay, ownership, routed
from .hosts import localised, this_host
from .ipam import POOLS4, POOLS6, Range, choose_subnet, gateway_of, overlap
from .parents import mtu_of, parent_of, require
from .topology import Network, Parent, Subnet

DRIVERS_WITHOUT_LINKS = ("host", "none")


class Taken(NamedTuple):
    """Prefixes that are in use: the host's own routes, and networks of ours."""

    routes: tuple[Prefix, ...]
    networks: list[Prefix]
    shared: list[Prefix]  # those of this run that every host decides alike

    @property
    def all(self) -> list[Prefix]:
        return [*self.routes, *self.networks]

    def against(self, prefix: Prefix) -> Prefix | None:
        """What forbids a written subnet: it may lie inside a wider route of the host, as a VPN's, but not
        hide a narrower."""
        hidden = (r for r in self.routes if overlap(prefix, r) and r.prefixlen >= prefix.prefixlen)
        return next((n for n in self.networks if overlap(prefix, n)), None) or next(hidden, None)


def networks_of(projects: Sequence[ProjectSpec], used: set[tuple[str, str]], facts: Facts) -> list[Network]:
    """Every network that is declared, or implied and used; `used` holds (project, network key).

    What was written comes first, so that pools go around it whatever the order of names.
    """
    wanted = [
        (project, spec)
        for project in projects
        for spec in with_implicit(project)
        if spec in project.networks or (project.name, spec.name) in used
    ]
    wanted.sort(key=lambda item: (not item[1].subnets, not is_shared(*item), item[0].name, item[1].name))
    routes = tuple(ip_network(route) for route in sorted(facts.routes))
    taken = Taken(routes, [ip_interface(cidr).network for cidr in foreign_subnets(projects, facts)], [])
    done: dict[str, Network] = {}
    for project, spec in wanted:
        if spec.driver not in DRIVERS_WITHOUT_LINKS and not spec.external:
            network = decide(project, spec, facts, taken)
            refuse_name(network, done)
            done[network.name] = network
            subnets = [ip_network(cidr) for cidr in network.extent]
            taken.networks.extend(subnets)
            taken.shared.extend(subnets)
    bridged = ownership.named(list(done.values()), facts, [project.name for project in projects])
    done = {network.name: network for network in bridged}
    outside = (external(project, spec, done, facts) for project, spec in wanted if spec.external)
    return [*bridged, *filter(None, outside)]


def refuse_name(network: Network, done: Mapping[str, Network]) -> None:
    """`a` + `b_c` and `a_b` + `c` make one name, and so may a network that nobody wrote down."""
    if other := done.get(network.name):
        raise ManifestError(
            f"two networks are named {network.name}",
            "set `external: true` on one of them to share it, or rename it",
            network.spec.where,
            (other.spec.where, "the other one"),
        )


def with_implicit(project: ProjectSpec) -> Iterator[NetworkSpec]:
    """Compose's `default`, and `bridge`, which takes docker0's place for `network_mode: bridge`."""
    yield from project.networks
    written = {spec.name for spec in project.networks}
    if "default" not in written:
        yield NetworkSpec(name="default", where=project.where)
    if not any(spec.default for spec in project.networks) and "bridge" not in written:
        yield NetworkSpec(name="bridge", default=True, where=project.where)


def titles(projects: Sequence[ProjectSpec]) -> Iterator[tuple[str, str]]:
    """The full name of every network that may be wanted, with its project."""
    for project in projects:
        yield from ((full_name(project, spec), project.name) for spec in with_implicit(project))


def is_shared(project: ProjectSpec, spec: NetworkSpec) -> bool:
    """Whether all hosts must agree on the network's subnets."""
    return spec.driver == "overlay" or any(routed.is_divided(project, spec, family) for family in (4, 6))


def foreign_subnets(projects: Sequence[ProjectSpec], facts: Facts) -> Iterator[str]:
    ours = {project.name for project in projects}
    for standing in facts.networks.values():
        if standing.project not in ours:
            yield from standing.subnets


def full_name(project: ProjectSpec, spec: NetworkSpec) -> str:
    if spec.external:
        return spec.full_name or spec.name
    return spec.full_name or names.network(project.name, spec.name)


def decide(project: ProjectSpec, spec: NetworkSpec, facts: Facts, taken: Taken) -> Network:
    name = full_name(project, spec)
    ident = names.network_id(name, facts.machine if spec.scope == "local" else "")
    spec = localised(spec, this_host(project, facts))
    if spec.enable_ipv6:
        require("IPv6", spec.where, facts)
    parent = standing_on(ident, spec, facts)
    carrier = overlay.overlay_of(project, spec, name, ident, facts)
    if parent and parent.isolated:
        spec = replace(spec, internal=True)
    for written in spec.subnets:
        # What stands on a link of the host shares the subnet of its LAN.
        refuse_overlap(written, name, taken._replace(routes=()) if parent else taken)
    ranges = tuple(subnet_specs(name, project, spec, facts, taken))
    division = routed.division_of(project, spec, name, ranges, facts)
    ranges = tuple(routed.own(division, ranges)) if division else ranges
    if parent:
        ranges = tuple(without(parent.host, written) for written in ranges)
    return Network(
        project=project.name,
        key=spec.name,
        name=name,
        id=ident,
        bridge=bridge_of(project, spec, ident, parent),
        parent=parent,
        overlay=carrier,
        division=division,
        mac=names.mac(ident, "bridge"),
        mtu=overlay.mtu_of(carrier, spec, facts) if carrier else mtu_of(parent, spec, facts),
        ranges=ranges,
        subnets=tuple(Subnet(cidr=r.subnet) for r in ranges) if carrier else subnets(spec, ranges),
        spec=spec,
        standing=lan.is_somebodys(parent),
        filterable=lan.filters(parent, facts),
    )


def standing_on(ident: str, spec: NetworkSpec, facts: Facts) -> Parent | None:
    match spec.driver:
        case "bridge":
            return lan.parent_of(spec, facts)
        case "macvlan" | "ipvlan":
            return parent_of(ident, spec, facts)
    return None


def bridge_of(project: ProjectSpec, spec: NetworkSpec, ident: str, parent: Parent | None) -> str:
    """As it would be called were it alone; see ownership.named."""
    if parent and parent.mode != "port":
        return parent.link if parent.mode == "unmanaged" else ""
    return spec.bridge_name or names.bridges(project.name, spec.name, ident)[0]


def without(addresses: Sequence[str], written: SubnetSpec) -> SubnetSpec:
    """The subnet, with those of the addresses that lie in it reserved."""
    inside = {f"host {ip}": ip for ip in addresses if Range.within(written.subnet, ip)}
    return replace(written, aux_addresses={**written.aux_addresses, **inside}) if inside else written


def subnet_specs(
    name: str, project: ProjectSpec, spec: NetworkSpec, facts: Facts, taken: Taken
) -> Iterator[SubnetSpec]:
    """The written subnets, and one from the pools for each family that is on and has none."""
    yield from spec.subnets
    families = {4: (spec.enable_ipv4, POOLS4), 6: (spec.enable_ipv6, POOLS6)}
    for family, (enabled, default) in families.items():
        if not enabled or any(of_family(s.subnet, family) for s in spec.subnets):
            continue
        pools = [pool for pool in project.pools if of_family(pool.base, family)] or default
        if spec.driver == "overlay" and project.hosts or routed.is_divided(project, spec, family):
            written = SubnetSpec(subnet=agreed(name, family, pools, facts, taken), where=spec.where)
            refuse_overlap(written, name, taken)
            yield written
            continue
        held = kept(facts.networks.get(name), family, pools, taken)
        yield SubnetSpec(
            subnet=str(held or choose_subnet(name, pools, taken.all, spec.where)), where=spec.where
        )


def agreed(name: str, family: int, pools: Sequence[PoolSpec], facts: Facts, taken: Taken) -> str:
    """The subnet that every host comes to, whatever stands on it: the locked one, or the first free of the
    pools among what the manifests say."""
    locked = (cidr for cidr in facts.locked.get((name, "@subnet"), ()) if of_family(cidr, family))
    return next(locked, "") or str(choose_subnet(name, pools, taken.shared, NOWHERE))


def of_family(prefix: str, family: int) -> bool:
    return (":" in prefix) == (family == 6)


def kept(standing: Standing | None, family: int, pools: Sequence[PoolSpec], taken: Taken) -> Prefix | None:
    """The subnet that the network has in the kernel, as long as it still comes from the pools."""
    for cidr in standing.subnets if standing else ():
        prefix = ip_interface(cidr).network
        if (
            of_family(cidr, family)
            and not any(overlap(prefix, other) for other in taken.all)
            and any(
                prefix.prefixlen == pool.size and overlap(prefix, ip_network(pool.base)) for pool in pools
            )
        ):
            return prefix
    return None


def refuse_overlap(written: SubnetSpec, name: str, taken: Taken) -> None:
    prefix = ip_network(written.subnet)
    if other := taken.against(prefix):
        raise ManifestError(
            f"subnet {prefix} of network {name} overlaps {other}, which is in use",
            "a route of the host or another network has it; choose another",
            written.where,
        )


def subnets(spec: NetworkSpec, ranges: Sequence[SubnetSpec]) -> tuple[Subnet, ...]:
    isolated = {4: spec.gateway_mode == "isolated", 6: spec.gateway_mode_ipv6 == "isolated"}
    return tuple(
        Subnet(cidr=r.subnet, gateway="" if isolated[6 if ":" in r.subnet else 4] else gateway_of(r))
        for r in ranges
    )


def external(
    project: ProjectSpec, spec: NetworkSpec, done: dict[str, Network], facts: Facts
) -> Network | None:
    """A network that must exist already: of another project in this run, or in the kernel.

    None where nothing is known of the host: then it may well be there.
    """
    name = full_name(project, spec)
    if name in done:
        return replace(done[name], project=project.name, key=spec.name, standing=True)
    standing = facts.networks.get(name)
    if standing is None and not facts.known:
        return None
    if standing is None:
        known = ", ".join(sorted(name for name in {*facts.networks, *done} if name[0] != "@")) or "none"
        raise ManifestError(
            f"external network {name} does not exist", f"networks there are: {known}", spec.where
        )
    ranges = tuple(
        SubnetSpec(subnet=str(ip_interface(cidr).network), gateway=str(ip_interface(cidr).ip))
        for cidr in standing.subnets
    )
    seen = NetworkSpec(name=spec.name, external=True, internal=standing.internal, where=spec.where)
    return Network(
        project=project.name,
        key=spec.name,
        name=name,
        id=names.network_id(name, facts.machine),
        bridge=standing.bridge,
        mac="",
        mtu=facts.mtu,
        ranges=ranges,
        subnets=subnets(seen, ranges),
        spec=seen,
        standing=True,
        filterable=standing.filtering,
    )

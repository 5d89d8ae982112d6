"""One network, decided: its subnets, names and identifiers.  Endpoints come later."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface

from ..errors import Finding, ManifestError, Where
from ..family import family
from ..inventory.facts import Facts
from ..kinds import names
from ..kinds.ownership import HOST
from ..manifest.spec import OFF, NetworkSpec, ProjectSpec, SubnetSpec
from ..mistakes import Contradiction, NameTaken, NetworkLacks, NoSuchName
from . import macs, mtu, ownership
from .carrier import Carrier
from .conflicts import hidden, overlaps
from .driver import Driver, Wanted
from .hosts import this_host, with_host_values
from .ipam import Range, gateway_of
from .prefixes import Prefixes
from .subnets import Taken, foreign_subnets, subnet_specs
from .topology import Network, PerHostSubnets, Subnet

TOGETHER = "apply it together with the project that declares it"
Used = Mapping[tuple[str, str], Collection[str]]  # by project and key of a network, the sandboxes on it


def networks_of(
    projects: Sequence[ProjectSpec],
    used: Used,
    facts: Facts,
    drivers: Mapping[str, Driver],
    findings: list[Finding],
) -> list[Network]:
    """Every network that is declared, or implied and used.

    What was written comes first, so that pools go around it whatever the order of names.
    """
    wanted = [
        Wanted(project, spec, name, names.network_id(name, facts.machine if spec.scope == "local" else ""))
        for project in projects
        for spec in specs_of(project, used)
        for name in [full_name(project, spec)]
    ]
    wanted.sort(key=lambda one: order(one, drivers[one.spec.driver], facts))
    on = {one.name: used.get((one.project.name, one.spec.name), ()) for one in wanted}
    taken = Taken.of(facts, foreign_subnets(projects, facts), on)
    done: dict[str, Network] = {}
    for one in wanted:
        if not one.spec.external and (network := decide(one, drivers[one.spec.driver], facts, taken)):
            findings += mtu.warnings(network)
            if done.setdefault(network.name, network) is not network:
                findings.append(same_name(network, done[network.name]))
            taken.take(network.extent)
    findings += overlaps(taken.overlaps, done.values(), taken.here, facts)
    findings += hidden(done.values(), taken.routes, facts)
    bridged = ownership.with_bridge_names(list(done.values()), facts, {project.name for project in projects})
    done = {network.name: network for network in bridged}
    outside = (external(one, done, facts) for one in wanted if one.spec.external)
    return [*bridged, *filter(None, outside)]


def order(wanted: Wanted, driver: Driver, facts: Facts) -> tuple[bool, bool, bool, str, str]:
    spec = wanted.spec
    shared = not spec.external and any(driver.is_shared(wanted, number) for number in (4, 6))
    return not spec.subnets, not shared, wanted.name not in facts.networks, wanted.project.name, spec.name


def same_name(network: Network, other: Network) -> ManifestError:
    """`a` + `b_c` and `a_b` + `c` make one name, and so may a network that nobody wrote down."""
    one, two = sorted((network.spec.where, other.spec.where))
    hint = "set `external: true` on one of them to share it, or rename it"
    return NameTaken(f"two networks are named {network.name}", hint, two, (one, "the other one"))


def specs_of(project: ProjectSpec, used: Used) -> Iterator[NetworkSpec]:
    """The networks that are written, and those implied ones that are used."""
    yield from project.networks
    for key in implied(project):
        if (project.name, key) in used:
            dns = () if project.names else (OFF,)
            yield NetworkSpec(name=key, default=key == "bridge", dns=dns, where=project.where)


def implied(project: ProjectSpec) -> Iterator[str]:
    """The keys of networks that nobody need write: Compose's `default`, and `bridge`, which takes docker0's
    place for `network_mode: bridge`."""
    written = {spec.name for spec in project.networks}
    if "default" not in written:
        yield "default"
    if "bridge" not in written and not any(spec.default for spec in project.networks):
        yield "bridge"


def full_name(project: ProjectSpec, spec: NetworkSpec) -> str:
    return spec.full_name or (spec.name if spec.external else names.network(project.name, spec.name))


def full_names(project: ProjectSpec) -> Iterator[str]:
    """Of every network that may be wanted."""
    yield from (full_name(project, spec) for spec in project.networks)
    yield from (names.network(project.name, key) for key in implied(project))


def decide(wanted: Wanted, driver: Driver, facts: Facts, taken: Taken) -> Network | None:
    """The network before anybody is on it; None where its driver makes none."""
    project, spec, name, ident = wanted
    spec = with_host_values(spec, this_host(project, facts))
    if spec.enable_ipv6:
        facts.require("IPv6", spec.where)
    if (carrier := driver.carrier(wanted._replace(spec=spec), facts.with_mtu_of(name))) is None:
        return None
    carrier = mtu.with_room_for_ipv6(carrier, wanted, facts)
    modes = modes_of(spec) if carrier.inner else set[str]()
    if len(modes) > 1 and "isolated" in modes and not spec.internal:
        message = f"network {name} is isolated in one family, and leads outside in the other"
        raise Contradiction(message, "isolate both, or set `internal: true`", spec.where)
    if carrier.isolated or modes == {"isolated"}:  # the host is no router, not even of what finds its MAC
        spec = replace(spec, internal=True)
    # What stands on a link of the host shares the subnet of its LAN.
    others = taken if carrier.inner else taken._replace(routes=Prefixes(), own=Prefixes())
    for written in spec.subnets:
        others.note(written, name)
    wanted = wanted._replace(spec=spec)
    ranges = tuple(subnet_specs(wanted, driver, facts, taken))
    per_host = driver.per_host(wanted, ranges, facts)
    ranges = tuple(with_reserved(carrier.addresses, written) for written in parts(per_host, ranges))
    return Network(
        project=project.name,
        key=spec.name,
        name=name,
        id=ident,
        carrier=carrier,
        per_host=per_host,
        mac=mac_of_host(wanted, carrier, facts),
        ranges=ranges,
        subnets=subnets(spec, ranges, carrier),
        spec=spec,
    )


def mac_of_host(wanted: Wanted, carrier: Carrier, facts: Facts) -> str:
    """Of the host's own link there."""
    if not carrier.on_lan:
        return names.mac(wanted.ident, macs.OWN)
    held = [facts.stations.get((HOST, link.name), "") for link in carrier.links]
    held += [facts.lans[wanted.name].mac] if wanted.name in facts.lans else []
    address = next(iter(carrier.addresses), "")
    return macs.on_lan(wanted.name, macs.OWN, address, next(filter(None, held), ""), facts.machine)


def parts(per_host: PerHostSubnets | None, ranges: Sequence[SubnetSpec]) -> Iterator[SubnetSpec]:
    """What this host gives addresses from."""
    mine = per_host.here if per_host else {}
    for written in ranges:
        if cidr := mine.get(written.subnet):
            aux = {name: ip for name, ip in written.aux_addresses.items() if Range.within(cidr, ip)}
            yield replace(written, subnet=cidr, aux_addresses=aux)
        else:
            yield written


def modes_of(spec: NetworkSpec) -> set[str]:
    """Of the families that it has."""
    modes = (spec.enable_ipv4, spec.gateway_mode), (spec.enable_ipv6, spec.gateway_mode_ipv6)
    return {mode for enabled, mode in modes if enabled}


def with_reserved(addresses: Sequence[str], written: SubnetSpec) -> SubnetSpec:
    """The subnet, with those of the addresses that lie in it reserved."""
    inside = {f"host {ip}": ip for ip in addresses if Range.within(written.subnet, ip)}
    return replace(written, aux_addresses={**written.aux_addresses, **inside}) if inside else written


def subnets(spec: NetworkSpec, ranges: Sequence[SubnetSpec], carrier: Carrier) -> tuple[Subnet, ...]:
    """With their gateways, of which none is guessed on a LAN.  Where endpoints of every host count, each host
    may have one of its own, which the driver asks for."""
    each = carrier.everywhere and not carrier.one_gateway
    isolated = {4: spec.gateway_mode == "isolated", 6: spec.gateway_mode_ipv6 == "isolated"}

    def gateway(r: SubnetSpec) -> str:
        if each or isolated[family(r.subnet)]:
            return ""
        if carrier.routers is None:
            return gateway_of(r)
        return r.gateway or router_of(r.subnet, carrier.routers)

    return tuple(Subnet(cidr=r.subnet, gateway=gateway(r)) for r in ranges)


def router_of(cidr: str, routers: Sequence[str]) -> str:
    """The router in the subnet; of IPv6 also one that advertises itself, by its link-local address."""
    near = "fe80::/10" if family(cidr) == 6 else cidr
    return next((ip for home in (cidr, near) for ip in routers if Range.within(home, ip)), "")


def outer(facts: Facts) -> set[str]:
    """The networks that stand where others give addresses too: on LANs, and those of plugins."""
    return {*facts.lans, *(one.network for one in facts.children)}


def absent(name: str, done: Collection[str], facts: Facts, where: Where) -> ManifestError:
    """Why nobody can join a network of this name from here."""
    known = ", ".join(sorted(one for one in {*facts.networks, *done} if one[0] != "@")) or "none"
    hint = f"networks that can be joined: {known}"
    if name in outer(facts):
        why = "is not behind this host: its addresses are a LAN's, or a plugin's"
        return NetworkLacks(f"external network {name} {why}", f"{TOGETHER}; {hint}", where)
    return NoSuchName(f"external network {name} does not exist", hint, where)


def external(wanted: Wanted, done: dict[str, Network], facts: Facts) -> Network | None:
    """A network that must exist already: of another project in this run, or in the kernel.

    None where nothing is known of the host: then it may well be there.
    """
    project, spec, name, ident = wanted
    if name in done:
        found = done[name]
        if found.spec.hosts_only:
            hint = "containers are reached by networks of their own"
            raise NetworkLacks(f"network {name} is for hosts alone", hint, spec.where)
        carrier = replace(found.carrier, external=True)
        return replace(found, project=project.name, key=spec.name, carrier=carrier)
    standing = facts.networks.get(name)
    if standing is None and not facts.known:
        return None
    if standing is None:
        raise absent(name, done, facts, spec.where)
    if standing.spans_hosts:
        message = f"network {name} spans several hosts, and what others give there is not known here"
        raise NetworkLacks(message, TOGETHER, spec.where)
    ranges = tuple(
        SubnetSpec(subnet=str(ip_interface(cidr).network), gateway=str(ip_interface(cidr).ip))
        for cidr in standing.subnets
    )
    carrier = Carrier(
        mtu=facts.with_mtu_of(name).mtu,
        bridge=standing.bridge,
        external=True,
        vlans=True,
        filters=standing.filtering,
    )
    seen = NetworkSpec(name=spec.name, external=True, internal=standing.internal, where=spec.where)
    return Network(
        project=project.name,
        key=spec.name,
        name=name,
        id=ident,
        carrier=carrier,
        mac="",
        ranges=ranges,
        subnets=subnets(seen, ranges, carrier),
        spec=seen,
    )

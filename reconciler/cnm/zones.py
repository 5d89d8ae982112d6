"""Names: what containers are called on each network, and who answers which of them.

A zone is what one project's containers are called on one network.  A view is what one set of containers is
told: the zones of their networks, and nothing else.  Who is on one network alone has that network's view.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, starmap

from ..errors import Finding
from ..family import family
from ..inventory.facts import Facts
from ..kinds import names
from ..kinds.ownership import DOCKER_RESOLVER, HOST, PAIR
from ..manifest.spec import OFF, ContainerSpec, ProjectSpec
from ..mistakes import NoRoom
from . import named
from .bounds import EGRESS
from .called import domain, lines_of
from .driver import Joined
from .endpoint import SandboxSpec
from .handed import end_of
from .naming import DnsView, Naming, Zone
from .topology import Endpoint, Network

Attached = Sequence[tuple[Network, Endpoint]]
# Of the host, for views.  A datagram is for who was last to bind its port, and dnsmasq lets others bind it:
# ports that take root, that IANA has assigned to nobody, and below those of RPC (min_resvport of sunrpc is
# 665).  Then what lies below the ports that are given to whoever asks for none.
RESERVED = ((225, 242), (249, 256), (272, 280), (288, 308), (325, 333), (334, 344))
PORTS = (*chain.from_iterable(starmap(range, RESERVED)), *range(15300, 20000))
DNS = 53
HOST_VIEW = "@host"  # no network and no sandbox is called so


def has_names(network: Network) -> bool:
    """Docker's default bridge has none."""
    return not network.spec.default and OFF not in network.spec.dns


def naming(
    networks: Sequence[Network],
    joined: Joined,
    attached: Mapping[str, Attached],
    here: Sequence[SandboxSpec],
    facts: Facts,
) -> Naming:
    """All that is decided of names."""
    hint = facts.missing.get("names") if any(has_names(n) and n.endpoints for n in networks) else ""
    known = () if hint else tuple(zones(filter(has_names, networks), joined))
    linked = told_by_links(networks, joined, here, known)
    keys = {one.name: [network.key for network, _ in attached[one.name]] for one in here}
    if hint:
        lack = f"containers do not find each other by name: {hint} (`dns: off` silences this)"
        return Naming(linked=linked, lack=(lack, *named.findings(here, keys, (), hint)))
    wanted = (*views(attached, here, known, facts), *host_views(joined.projects, networks))
    told, found = without_resolved([*with_ports(wanted, facts)], facts)
    deaf = tuple(blocked(facts)) if any(view.ns == HOST for view in found) else ()
    unnamed = named.findings(here, keys, found, "")
    return Naming(zones=known, views=tuple(found), linked=linked, lack=(*told, *deaf, *unnamed))


def blocked(facts: Facts) -> Iterator[Finding]:
    """Each chain of others that keeps questions from those that answer."""
    for one in facts.blockers:
        if one.hook == "input" and not one.accepts_dnat:
            yield f"{one} will drop what containers ask for names; let it accept `ct status dnat`"


def zones(networks: Iterable[Network], joined: Joined) -> Iterator[Zone]:
    """Of all hosts' containers, where a network counts them all."""
    for network in {n.name: n for n in networks}.values():
        lines: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        wildcards: dict[str, list[tuple[str, str]]] = defaultdict(list)
        every = (
            (one, line)
            for one, end in joined.attachments[network.name]
            for line in lines_of(network, one, end, rests=one.name in joined.resting)
        )
        for one, (holder, called, wild) in every:
            for ip, _ in joined.given.get((network.name, holder), ()):
                lines[one.project.name].append((ip, called))
                wildcards[one.project.name] += [(domain, ip) for domain in wild]
        for project, entries in lines.items():
            yield Zone(
                network=network.name,
                project=project,
                entries=tuple(sorted(set(entries))),
                wildcards=tuple(sorted(set(wildcards[project]))),
                where=network.spec.where,
            )


def views(
    attached: Mapping[str, Attached], specs: Sequence[SandboxSpec], known: Sequence[Zone], facts: Facts
) -> Iterator[DnsView]:
    """Who answers whom, before their ports are chosen."""
    told: dict[str, list[Zone]] = defaultdict(list)
    for zone in known:
        told[zone.project].append(zone)
    dotted = named.names_with_dots(specs)
    found = ((one, view_of(one, attached[one.name], told[one.project.name], facts, dotted)) for one in specs)
    own = [(one, view) for one, view in found if view]
    mine = {one.project.name for one in specs}
    lenders = {name: project for project, name in facts.resolvers if project not in mine}
    lenders |= {view.name: view.project for _, view in own if view.bridges}
    asking: dict[DnsView, list[str]] = defaultdict(list)
    for one, view in own:
        asking[lent(view, one, attached[one.name], lenders) or view].append(one.name)
    return (replace(view, sandboxes=tuple(names)) for view, names in asking.items())


def lent(view: DnsView, one: SandboxSpec, ends: Attached, lenders: Mapping[str, str]) -> DnsView | None:
    """The view of another project's network, for who is on that alone and wants nothing else told: each
    guest would else have a resolver of its own."""
    known = [network for network, _ in ends if has_names(network)]
    tells_more = view.wildcards or view.listed is not None
    if len(known) > 1 or not known[0].external or view.ns != HOST or tells_more:
        return None
    network, written = known[0], one.spec.dns or known[0].spec.dns
    lender = lenders.get(network.name, "")
    return replace(view, name=network.name, lender=lender, interfaces=()) if lender and not written else None


def with_ports(found: Iterable[DnsView], facts: Facts) -> Iterator[DnsView]:
    """Those that stand are kept."""
    taken = {*facts.resolvers.values(), *(listener.port for listener in facts.listeners)}
    free = (port for port in PORTS if port not in taken)
    for view in sorted(found, key=lambda view: (view.project, view.name)):
        if view.lender:
            yield view
            continue
        stood = facts.resolvers.get((view.project, view.name), 0)
        port = DNS if view.ns != HOST else stood or next(free, 0)
        if not port:
            message = f"no port of the host is left for who answers for names of project {view.project}"
            raise NoRoom(message, "write `dns: off` where nobody needs them", view.where)
        yield replace(view, port=port)


def host_views(projects: Iterable[ProjectSpec], networks: Sequence[Network]) -> Iterator[DnsView]:
    """What the host itself may ask of a project that wants it to: who is on its own bridges."""
    for project in projects:
        own = [n for n in networks if n.project == project.name and is_asked_by_host(n)]
        if project.host_names and own:
            yield DnsView(
                project=project.name,
                name=HOST_VIEW,
                networks=tuple(sorted(network.name for network in own)),
                interfaces=tuple(sorted(network.bridge for network in own)),
                link=own[0].bridge,
                ip=next(subnet.gateway for subnet in own[0].subnets if subnet.gateway),
                where=project.where,
            )


def is_asked_by_host(network: Network) -> bool:
    mine = bool(network.bridge and network.endpoints) and not network.external
    return mine and is_gateway(network) and has_names(network)


def is_gateway(network: Network) -> bool:
    """Whether the host is the containers' neighbour there, and their way out."""
    return network.inner and any(subnet.gateway for subnet in network.subnets)


def without_resolved(found: list[DnsView], facts: Facts) -> tuple[list[str], list[DnsView]]:
    """Where there is no systemd-resolved, what its operator may write instead, and that we write nothing."""
    hosted = [view for view in found if view.link]
    hint = facts.missing.get("host names") if hosted else ""
    if not hint:
        return [], found
    told = [
        f"the host does not know {domain(view.project)}: {hint}; its own resolver may forward that to"
        f" {view.ip} port {view.port} (dnsmasq: server=/{domain(view.project)}/{view.ip}#{view.port})"
        for view in hosted
    ]
    return told, [replace(view, link="") for view in found]


def view_of(
    one: SandboxSpec, ends: Attached, known: Iterable[Zone], facts: Facts, dotted: named.Dotted
) -> DnsView | None:
    """What a sandbox is told, before the port is chosen; None where it is on no network with names.
    `known` is of its project; `dotted` are names of containers, by project."""
    asked = [(network, end) for network, end in ends if has_names(network)]
    if not asked:
        return None
    project, where = one.project.name, one.spec.where
    networks = tuple(sorted(network.name for network, _ in asked))
    servers = servers_of(one.spec, asked)
    peers = named.egress(one, [network.key for network, _ in ends])
    near = [network for network, end in asked if is_near(network, end)]
    outward = any(leads_out(network) for network, _ in asked)
    listed = None if peers is None else named.listed(peers, dotted[project]) if near and outward else ()
    outward &= listed != ()
    own = (zone for zone in known if zone.network in networks)
    wildcards = tuple(sorted(chain.from_iterable(zone.wildcards for zone in own)))
    view = DnsView(
        project=project,
        name=f"@{one.name}",  # which no network is called
        networks=networks,
        servers=(servers or facts.servers) if outward else (),
        subnets=tuple(sorted({cidr for network, _ in asked if network.inner for cidr in network.extent})),
        wildcards=wildcards,
        listed=listed,
        where=where,
    )
    if not near and end_of(one.spec):  # nobody of ours can answer in there
        return None
    if not near:
        return replace(view, ns=one.name, servers=(servers or facts.nameservers) if outward else ())
    links = tuple(sorted({link for network in near for link in listened(network)}))
    only = near[0]
    if len(asked) == 1 and not only.external and not one.spec.dns and listed is None:
        return replace(view, name=only.name, bridges=only.interfaces, interfaces=links, where=only.spec.where)
    told = (f"{one.name} {one.itself} {one.below} {one.ports}" for one in listed or ())
    said = [*networks, "", *servers, "", *links, *(["", EGRESS, *told] if listed is not None else [])]
    return replace(view, name=names.digest("view", *said).hex()[:12], interfaces=links)


def servers_of(spec: ContainerSpec, asked: Attached) -> tuple[str, ...]:
    """As written for the container, or for a network of it."""
    return spec.dns or tuple(dict.fromkeys(chain.from_iterable(network.spec.dns for network, _ in asked)))


def leads_out(network: Network) -> bool:
    return not network.spec.internal


def is_near(network: Network, end: Endpoint) -> bool:
    """Whether the container has a neighbour in the host there."""
    return is_gateway(network) and end.vlan <= 1


def listened(network: Network) -> tuple[str, ...]:
    """The links by which questions come in; dnsmasq takes a star for any end of a name."""
    return (network.bridge,) if network.bridge else (f"{PAIR}*",)


def gateway_near(ends: Attached, number: int) -> tuple[str, Endpoint] | None:
    """Where a container's questions go, and by which endpoint: the way out before the others."""
    near = [(network, end) for network, end in ends if has_names(network) and is_near(network, end)]
    near.sort(key=lambda pair: not pair[1].gateways)
    for network, end in near:
        for subnet in network.subnets:
            if subnet.gateway and family(subnet.cidr) == number and end.of_family(number):
                return subnet.gateway, end
    return None


def nameserver(view: DnsView, ends: Attached) -> str:
    """The one in its resolv.conf: of two, glibc asks the first alone, and musl believes the quicker."""
    if view.ns != HOST:
        return DOCKER_RESOLVER
    found = gateway_near(ends, 4) or gateway_near(ends, 6)
    return found[0] if found else DOCKER_RESOLVER


def with_resolvers(
    networks: Sequence[Network], attached: Mapping[str, Attached], naming: Naming
) -> list[Network]:
    """The networks, with the endpoints told by which 127.0.0.11 is reached, as by Docker."""
    asking = [attached[name] for view in naming.views for name in view.sandboxes]
    found = filter(None, (gateway_near(ends, 4) for ends in asking))
    led = {(end.sandbox, end.ifname): gateway for gateway, end in found}

    def marked(end: Endpoint) -> Endpoint:
        gateway = led.get((end.sandbox, end.ifname), "")
        return replace(end, resolver=gateway) if gateway else end

    return [replace(network, endpoints=tuple(map(marked, network.endpoints))) for network in networks]


def told_by_links(
    networks: Iterable[Network], joined: Joined, here: Iterable[SandboxSpec], known: Sequence[Zone]
) -> tuple[Zone, ...]:
    """Whose names links tell: also those of networks where nobody answers, as on Docker's default bridge."""
    if not any(one.spec.links for one in here):
        return ()
    return (*known, *zones((n for n in networks if not has_names(n)), joined))


def aliases_of_links(one: SandboxSpec, ends: Attached, known: Sequence[Zone]) -> Iterator[tuple[str, str]]:
    """(address, name) of what Compose's `links: [SERVICE:ALIAS]` calls otherwise, for this one alone; also of
    SERVICE where nobody answers for it."""
    here = {network.name: has_names(network) for network, _ in ends}
    for link in one.spec.links:
        target, _, alias = link.partition(":")
        for zone in known:
            if zone.network in here and zone.project == one.project.name:
                told = dict.fromkeys((alias, "" if here[zone.network] else target))
                found = [ip for ip, called in zone.entries if target.lower() in called]
                yield from ((ip, name) for ip in found for name in told if name)

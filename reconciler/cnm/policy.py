"""What is the host's rather than a project's: forwarding, routing policy, and what others'
firewalls will say."""

from collections.abc import Iterator, Sequence, Set
from ipaddress import ip_address, ip_interface

from ..inventory.facts import Blocker, Facts
from ..manifest.spec import ProjectSpec
from .hosts import this_host
from .topology import HostPolicy, Network, Port


def policy(
    projects: Sequence[ProjectSpec], networks: Sequence[Network], facts: Facts, meshed: Set[int] = frozenset()
) -> HostPolicy:
    """Over every network of the host: those of this run, and those of other projects that stand; `meshed` are
    the families in which ports lead to other hosts."""
    own = {project.name for project in projects}
    others = [standing for standing in facts.networks.values() if standing.project not in own]
    mine = [network for network in networks if network.inner and not network.external]
    subnets = {subnet.cidr for network in mine for subnet in network.subnets}
    subnets |= {str(ip_interface(cidr).network) for standing in others for cidr in standing.subnets}
    internal = {link for network in mine if network.spec.internal for link in network.interfaces}
    internal |= {standing.bridge for standing in others if standing.internal}
    inside = {pair for network in mine for pair in ways_inside(network)}
    inside |= {(standing.bridge, cidr) for standing in others for cidr in standing.inside}
    outward = [network for network in mine if is_forwarded(network)]
    families = tuple(f for f in (4, 6) if any(s.family == f for network in outward for s in network.subnets))
    guards = tuple(
        f
        for f, on, kept in zip((4, 6), facts.forwarding, facts.guarded, strict=True)
        if kept or (not on and f in families)
    )
    routing = facts.forwards or any(is_router(project, facts) for project in projects)
    routing |= any(network.carrier.forwards for network in networks)
    return HostPolicy(
        subnets=tuple(sorted(subnets)),
        internal=tuple(sorted(internal)),
        inside=tuple(sorted(inside)),
        forwarding=families,
        forwarders=tuple(sorted(forwarders(networks))) if 4 in families else (),
        guards=guards if subnets and not routing else (),
        tagged=tuple(sorted({*facts.tagged, *(n.carrier.tagged for n in networks if n.carrier.tagged)})),
        meshed=tuple(sorted(facts.meshed | meshed)),
        advertised=facts.router_advertisements if 6 in families else (),
    )


def is_router(project: ProjectSpec, facts: Facts) -> bool:
    """Whether this host may forward what is no business of ours, as the project has it."""
    here = this_host(project, facts)
    return project.router or bool(here and here.router)


def forwarders(networks: Sequence[Network]) -> set[str]:
    """Whatever comes in by these links may have to be forwarded: what containers send out, and what a LAN
    answers.  IPv4 asks the link that it comes in by (ip_route_input_slow), IPv6 all of them at once."""
    ours = [network for network in networks if not network.external]
    inner = (network for network in ours if network.inner and is_forwarded(network))
    found = {link for network in inner if has_ipv4(network) for link in network.interfaces}
    outer = (network.carrier for network in ours if not network.inner)
    return found | {one.own_link for one in outer if any("." in ip for ip in one.addresses)}


def has_ipv4(network: Network) -> bool:
    return any(subnet.family == 4 for subnet in network.subnets)


def ways_inside(network: Network) -> Iterator[tuple[str, str]]:
    """(interface, prefix) of what its containers say to one another and the host must forward."""
    divided = network.per_host.whole if network.per_host and network.spec.internal else ()
    for link in network.interfaces if network.spec.icc else ():
        yield from ((link, cidr) for cidr in (network.extent if network.carrier.paired else divided))


def warnings(
    networks: Sequence[Network], ports: Sequence[Port], policy: HostPolicy, facts: Facts
) -> Iterator[str]:
    """Each chain of others that will drop what is declared; and the router guard, where there are several
    links that packets could be forwarded between."""
    if ways := list(what_others_judge(networks, facts)):
        forward = (one for one in facts.blockers if one.hook == "forward")
        yield from (blocker_warning(one, ports, ways) for one in forward if not one.passes)
    links = {link for ip, link in facts.addresses.items() if not ip_address(ip).is_link_local} - {"lo"}
    if policy.guards and len(links) > 1:
        families = " and ".join(f"IPv{number}" for number in policy.guards)
        what = f"{families} packets between links that are not ours ({', '.join(sorted(links))}) are dropped"
        yield f"router guard: {what}, since this host was no router; if it is one, write `router: true`"
    if facts.forwarding[0] and any(n.inner and is_forwarded(n) and has_ipv4(n) for n in networks):
        yield from map(deaf, sorted(ways_out(facts)))


def ways_out(facts: Facts) -> set[str]:
    """Links of the host that lead to IPv4 neighbours or routers, and from which nothing is forwarded."""
    known = facts.uplinks | {link for prefix, link in facts.onlink.items() if "." in prefix}
    return {link for link in known if link in facts.links and not facts.links[link].forwards}


def deaf(link: str) -> str:
    what = f"net.ipv4.conf.{link}.forwarding is 0"
    return f"{what}: what comes in by {link} reaches no container, the answers to containers included"


def is_forwarded(network: Network) -> bool:
    """Whether any of its packets cross the host, if only from one of its containers to another."""
    return not network.spec.internal or network.opened or bool(network.per_host) or network.carrier.paired


def what_others_judge(networks: Sequence[Network], facts: Facts) -> Iterator[str]:
    """Of what containers send, that which passes the forward chains of the host."""
    inner = [network for network in networks if network.inner]
    if any(map(is_forwarded, inner)):
        yield "out"
    if inner and facts.bridged:
        yield "to one another (br_netfilter)"


def blocker_warning(blocker: Blocker, ports: Sequence[Port], ways: Sequence[str]) -> str:
    sent = f"what containers send {' and '.join(ways)}"
    if blocker.accepts_dnat:
        return f"{blocker} will drop {sent}; published ports pass"
    published = ", ".join(sorted({f"{p.first}/{p.protocol}" for p in ports})[:8])
    what = f"published ports {published} and " if published else ""
    return f"{blocker} will drop {what}{sent}; let it accept `ct status dnat` and our bridges"

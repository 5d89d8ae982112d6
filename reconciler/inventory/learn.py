"""What our own live state tells to decisions: which addresses, ports, networks and names are held."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from ipaddress import ip_network

from ..core.bykind import ByKind, by_kind
from ..core.resource import State
from ..kinds.address import Address
from ..kinds.bridge_port import BridgePort
from ..kinds.cni import CniAttachment
from ..kinds.evpn import Router
from ..kinds.link import Bridge, HandedVeth, Link, NetworkLink, Veth
from ..kinds.maps import HAS_PORTS, LOGGED
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST, INSIDE, INTERNAL, MEMORY, SHARED, TABLE
from ..kinds.published import PUBLISH
from ..kinds.remote import RemoteEndpoint, RemoteNetwork
from ..kinds.resolver import Resolver
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.stacked_link import Ipvlan, Macvlan, Vlan
from ..kinds.wireguard import Wireguard
from .balanced import backends, conditions, vips
from .claims import claims
from .facts import Device, Facts, HeldMac, HostFacts, Listener, LiveNetwork, StackedNetwork, Tagged
from .leases import guards, homes_of, leases
from .ownership import Owner, owners, remote, roots, sandboxes

Homes = Mapping[tuple[str, str], str]  # by place and name, where links lead
# That the host was no router: each survives a flush of the other (drivers/firewall/routing_policy.py).
MEMORIES = tuple(
    {Rule.at(HOST, family, MEMORY, ""), Element.at("inet", TABLE, "unrouted", protocol)}
    for family, protocol in (("inet", "ipv4"), ("inet6", "ipv6"))
)


def know(host: HostFacts, live: State, projects: frozenset[str]) -> Facts:
    """The host's facts, completed by what stands of ours."""
    live = by_kind(live)
    elements = [(r, flow) for r in live.of(Element) if (flow := r.flow)]
    owner = owners(live)
    claimed, homes = claims(live, owner), homes_of(live, guards(live))
    others = tuple(children(live, owner, projects))
    bridged = networks(live, owner)
    used = {child.parent for child in others} | {device.parent for device in host.links.values()}
    known = replace(
        Facts.of(host),
        routes=host.routes | {e.item for e in remote(live) if owner(e) not in projects},
        listeners=listeners(host, live, owner, projects),
        conditions=conditions(live),
        vips=vips(live),
        backends=backends(live),
        leases=leases(live),
        ways=ways(live, homes),
        ifnames=ifnames(live, homes),
        stations=stations(live),
        instead=given_instead(live),
        networks=bridged[False],
        held=frozenset(r.ip for r in live.of(Address) if r.ns == HOST),
        subnets=frozenset(subnets(live, owner, projects)),
        mtus=mtus(live),
        lans=bridged[True],
        sandboxes={name: project for name, project in sandboxes(live) if project not in projects},
        identities={r.name: r.attached for r in live.of(Namespace) if r.attached},
        devices=devices(live, owner, projects),
        ports={(flow.protocol, e.value): flow.first for e, flow in elements if " . " in e.value},
        published=frozenset(claim for claim in claimed if claim.project in projects),
        bare=projects & bare(live),
        claims=tuple(claim for claim in claimed if claim.project not in projects),
        children=others,
        macs=tuple(macs(live, owner, projects)),
        logged=any(e.map.startswith(LOGGED) and owner(e) not in projects for e in live.of(Element)),
        meshed=meshed(live, owner, projects),
        vlans=vlans(live, owner, projects),
        tagged=tuple(tagged_link(r, host) for r in live.of(Vlan) if r.name in used),
        tunnels=tunnels(live, owner, projects),
        wireguard={r.port: owner(r) for r in live.of(Wireguard) if owner(r)},
        resolvers={(r.project, r.name): r.port for r in live.of(Resolver) if r.ns == HOST},
        router=next((r.project for r in live.of(Router) if r.project not in projects), ""),
        forwards=any(r.project not in projects for r in of_programs(live)),
        guarded=(not MEMORIES[0].isdisjoint(live), not MEMORIES[1].isdisjoint(live)),
    )
    return replace(known, **vars(host.others.joined(known))) if host.others else known


def tunnels(live: ByKind, owner: Owner, projects: frozenset[str]) -> dict[tuple[int, int], str]:
    theirs = (r for r in live.of(Vxlan) if owner(r) not in projects | {""})
    return {(r.port, r.vni): f"{r.network} of project {r.project}" for r in theirs}


def meshed(live: ByKind, owner: Owner, projects: frozenset[str]) -> frozenset[int]:
    families = {"mesh4": 4, "mesh6": 6}
    theirs = (e for e in live.of(Element) if e.map in families and owner(e) not in projects)
    return frozenset(families[e.map] for e in theirs)


def bare(live: ByKind) -> set[str]:
    """The projects whose sandboxes stand, while somebody flushed their firewall, or a map of their ports."""
    said = {(e.project, PUBLISH + e.item.partition(" . ")[2]) for e in live.of(Element) if e.map == HAS_PORTS}
    there = {(e.project, e.map) for e in live.of(Element)}
    return {project for _, project in sandboxes(live)} - roots(live).keys() | {who for who, _ in said - there}


def subnets(live: ByKind, owner: Owner, projects: frozenset[str]) -> set[str]:
    """Those of projects of this run, with a bridge or without: routes tell no project, and stay where the
    firewall is flushed."""
    told = {e.item: owner(e) for e in live.of(Element) if e.map in ("subnets4", "subnets6")}
    kept = {r.dst for r in live.of(Route) if r.kind == "prohibit"}
    return {cidr for cidr in kept | told.keys() if told.get(cidr, "") in projects | {""}}


def devices(live: ByKind, owner: Owner, projects: frozenset[str]) -> dict[str, str]:
    """The links of the host that other projects have, with these; 802.1Q links are everybody's."""
    ends = {r.host_name: owner(r) for r in live.of(Veth)}
    ends |= {r.name: owner(r) for r in live.of(HandedVeth)}
    found = ends | {r.name: owner(r) for r in live.of(Link) if r.ns == HOST}
    return {name: project for name, project in found.items() if project not in projects | {SHARED, ""}}


def listeners(host: HostFacts, live: ByKind, owner: Owner, projects: frozenset[str]) -> frozenset[Listener]:
    """The host's sockets.  Those of other projects' tunnels are told by name, and this run's are left out:
    they are yet to be decided."""
    ends: list[Vxlan | Wireguard | Router] = [*live.of(Vxlan), *live.of(Wireguard), *live.of(Router)]
    tunnels = {socket(r): owner(r) for r in ends}
    ours = {(one.protocol, one.port) for one in tunnels}
    ours |= {(protocol, r.port) for r in live.of(Resolver) if r.ns == HOST for protocol in ("tcp", "udp")}
    theirs = {one for one, project in tunnels.items() if project not in projects | {""}}
    theirs |= {
        Listener("udp", "::", device.port, f"{name}, which is not ours,")
        for name, device in host.links.items()
        if device.kind == "vxlan"
    }
    return frozenset(theirs | {one for one in host.listeners if (one.protocol, one.port) not in ours})


def socket(tunnel: Vxlan | Wireguard | Router) -> Listener:
    match tunnel:
        case Vxlan(port=port, network=network):
            return Listener("udp", "::", port, f"network {network}")
        case Wireguard(port=port, project=project):
            return Listener("udp", "::", port, f"WireGuard of project {project}")
    return Listener("tcp", tunnel.address, tunnel.port, f"BGP of project {tunnel.project}")


def ifnames(live: ByKind, homes: Homes) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """What links are called, by where they lead; of pairs without a bridge, by their addresses."""
    ends = {(r.ns, r.name): r.host_name for r in live.of(Veth)}
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = defaultdict(tuple)
    for (ns, name), home in sorted(homes.items()):
        found[ns, home] += ((name, ends.get((ns, name), "")),)
    for r in live.of(Address):
        if (end := ends.get((r.ns, r.link))) and homes[r.ns, r.link] == "":
            found[r.ns, r.ip] += ((r.link, end),)
    return found


def stations(live: ByKind) -> dict[tuple[str, str], str]:
    ends: list[Veth | Macvlan] = [*live.of(Veth), *live.of(Macvlan)]
    return {(r.ns, r.name): r.mac for r in ends}


def ways(live: ByKind, homes: Homes) -> dict[tuple[str, str], tuple[str, ...]]:
    """The gateways that each sandbox has on each network."""
    found = defaultdict[tuple[str, str], tuple[str, ...]](tuple)
    for r in live.of(Route):
        if r.ns != HOST and r.via and r.dst.endswith("/0"):
            found[r.ns, homes.get((r.ns, r.link), "")] += (r.via,)
    return found


def networks(live: ByKind, owner: Owner) -> dict[bool, dict[str, LiveNetwork]]:
    """The networks that stand, and those of them that stand on a LAN, whose subnets are not ours,
    or are a plugin's; of pairs without a bridge each is one."""
    addresses: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for one in live.of(Address):
        if one.ns == HOST and not one.ip.startswith("fe80:"):
            addresses[one.link] += (f"{one.ip}/{one.prefix}",)
    inside: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for rule in live.of(Rule):
        if rule.priority == INSIDE:
            inside[rule.iif] += (rule.dst,)
    internal = {r.item for r in live.of(Element) if r.map == "internal"}
    internal |= {r.iif for r in live.of(Rule) if r.priority == INTERNAL}
    spanning = {r.bridge for r in live.of(Vxlan)}
    found: dict[bool, dict[str, LiveNetwork]] = {False: {}, True: {}}
    for r in live.of(Bridge):
        project, known = owner(r), found[r.outer]
        told = r.project == project and r.network and r.network not in known
        known[r.network if told else f"@{r.name}"] = LiveNetwork(
            project,
            r.name,
            addresses[r.name],
            r.name in internal,
            inside[r.name],
            r.filtering,
            r.mac,
            r.name in spanning,
        )
    for name, end, subnets in pairs(live):
        found[False][f"@{name}"] = LiveNetwork(owner(end), name, subnets, name in internal, inside[name])
    found[True] |= of_plugins(live)
    return found


def of_programs(live: ByKind) -> Iterator[CniAttachment | RemoteNetwork]:
    """What others' programs forward for, by means of their own."""
    yield from live.of(CniAttachment)
    yield from live.of(RemoteNetwork)


def given_instead(live: ByKind) -> dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    ends = (r for r in live.of(RemoteEndpoint) if r.addresses != r.chosen)
    return {(r.ns, r.network): (r.addresses, r.chosen) for r in ends}


def of_plugins(live: ByKind) -> dict[str, LiveNetwork]:
    """Of one whose own record is lost, or illegible, those of its endpoints tell."""
    found = {r.network: LiveNetwork(r.project, "", r.chosen) for r in live.of(RemoteEndpoint) if r.project}
    return found | {
        r.name: LiveNetwork(r.project, "", r.subnets) for r in live.of(RemoteNetwork) if r.project
    }


def mtus(live: ByKind) -> dict[str, int]:
    """Of the links of each network, by its full name; 0 where they are not of one MTU."""
    ports: dict[str, set[int]] = defaultdict(set)
    for end in live.of(Veth):
        ports[end.bridge].add(0 if end.mtus_differ else end.mtu)
    found: dict[str, set[int]] = defaultdict(set)
    for r in live.of(NetworkLink):
        found[r.network] |= {r.mtu, *(ports[r.name] if isinstance(r, Bridge) else ())}
    return {name: min(sizes) if len(sizes) == 1 else 0 for name, sizes in found.items()}


def tagged_link(r: Vlan, host: HostFacts) -> Tagged:
    """Of one of ours that somebody stands on who is not of this run."""
    return Tagged(r.name, r.parent, r.tag, r.mtu, host.links.get(r.parent, Device()).up)


def pairs(live: ByKind) -> Iterator[tuple[str, Veth, tuple[str, ...]]]:
    """The host ends of pairs that never had a bridge, with the subnets that routing policy keeps for them."""
    ends = {(r.ns, r.name): r for r in live.of(Veth) if not r.bridge}
    kept = {r.dst for r in live.of(Route) if r.kind == "prohibit"} if ends else set()
    lengths = {int(cidr.partition("/")[2]) for cidr in kept}
    subnets: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in live.of(Address) if ends else ():
        if (one.ns, one.link) in ends and one.prefix in (32, 128):
            subnets[one.ns, one.link] |= kept.intersection(around(one.ip, lengths))
    for end, r in ends.items():
        yield r.host_name, r, tuple(sorted(subnets[end]))


def around(ip: str, lengths: Set[int]) -> Iterator[str]:
    """The prefixes of these lengths that an address lies in."""
    most = 128 if ":" in ip else 32
    return (str(ip_network(f"{ip}/{length}", strict=False)) for length in lengths if length <= most)


def vlans(live: ByKind, owner: Owner, projects: frozenset[str]) -> dict[str, frozenset[int]]:
    """What endpoints of other projects name: a bridge that ceases to filter would let them meet."""
    named: dict[str, frozenset[int]] = defaultdict(frozenset)
    for r in live.of(Veth):
        if r.vlans and owner(r) not in projects:
            named[r.bridge] |= {int(vlan.split()[0]) for vlan in r.vlans}
    return named


def children(live: ByKind, owner: Owner, projects: frozenset[str]) -> Iterator[StackedNetwork]:
    """The networks of other projects that stand on parents."""
    seen = set()
    stacked: list[Macvlan | Ipvlan] = [*live.of(Macvlan), *live.of(Ipvlan)]
    for r in stacked:
        if owner(r) not in projects:
            driver, flag = ("ipvlan", r.flag) if isinstance(r, Ipvlan) else ("macvlan", "")
            seen.add(StackedNetwork(r.project, r.network, r.parent, driver, r.mode, flag))
    for port in live.of(BridgePort):
        bridge = live.get(Link.at(HOST, port.bridge))
        if isinstance(bridge, Bridge) and owner(bridge) not in projects:
            name = bridge.network if owner(bridge) else bridge.name
            seen.add(StackedNetwork(owner(bridge), name, port.link, "bridge", "port"))
    yield from sorted(seen)


def macs(live: ByKind, owner: Owner, projects: frozenset[str]) -> Iterator[HeldMac]:
    """Those of other projects on bridges, and with macvlan on parents."""
    ends: list[Veth | Macvlan] = [*live.of(Veth), *live.of(Macvlan)]
    for r in ends:
        segment = r.bridge if isinstance(r, Veth) else r.parent
        if segment and owner(r) not in projects:
            yield HeldMac(segment, r.mac, r.ns, owner(r))

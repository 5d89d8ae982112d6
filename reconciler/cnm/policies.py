"""Who may reach whom, by address: what `egress:`, `ingress:`, `policies:` and `allow_networks` come to here.

A container that any egress is written for reaches its egress alone, and one with an ingress is reached by its
ingress alone; where both ends are bound, both must say so.  What is said of two containers of a project opens
the way between them, also from one network to another, which is shut else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import NamedTuple

from ..errors import Finding, ManifestError, Where
from ..family import family
from ..inventory.facts import Facts
from ..manifest.policy import PeerSpec
from ..manifest.spec import ProjectSpec
from ..mistakes import Contradiction, NetworkLacks
from .bounds import EGRESS, HOST_PEER, OPEN, OUTSIDE, Allowed, Bound, Denied, Policies, is_meant, sides
from .boxes import Box, Interval, disjoint
from .driver import Joined
from .drops import logged, unheard
from .endpoint import SandboxSpec
from .prefixes import alone
from .spans import ANY_PORT, ANY_PROTOCOL, PROTOCOLS, addresses, interval, numbers, protocol_text
from .topology import Endpoint, Network

Attached = Mapping[str, Sequence[tuple[Network, Endpoint]]]
DENY = "deny"


class Reach(NamedTuple):
    """One address of a container, and with whom it may speak there; `opens` is that one's network where
    nothing else leads from the one to the other."""

    ip: str
    peer: str
    protocol: Interval
    ports: Interval
    opens: Network | None
    where: Where


class Prefix(NamedTuple):
    """Where peers are, and as above."""

    cidr: str
    opens: Network | None = None


def decide(
    networks: Sequence[Network], joined: Joined, attached: Attached, facts: Facts, found: list[Finding]
) -> tuple[list[Network], Policies]:
    """The networks, those told whose bridges show the firewall what one container says to the next, and what
    policies say; `found` takes what none can be enforced for."""
    bound: list[Bound] = []
    may: list[Allowed] = []
    found += homeless(joined.projects)
    known_ends = joined.attachments
    on_networks = {one.name: one for ends in known_ends.values() for one, _ in ends}
    here = [on_networks[name] for name, ends in attached.items() if ends]
    tagged = {name: {tag for _, end in ends for tag in end.trunk} for name, ends in known_ends.items()}
    for project in joined.projects:
        known = ProjectPeers(project, networks, joined)
        found += not_let_in(known)
        opened: list[tuple[Box, Where]] = [*between(known)]
        for one, direction, peers, where in bound_of(project, here):
            ends = attached[one.name]
            reaches = [*reaching(ends, peers, known)]
            found += (*unable(one, ends, tagged, facts), *shut(one, ends, reaches))
            bound += bounds(one, direction, ends, facts, where)
            may += rows(project.name, direction, reaches)
            opened += (opening(direction, reach) for reach in reaches if opens(direction, reach))
        for (source, destination, *what), where in disjoint(opened):
            ends_of = addresses(source), addresses(destination)
            may.append(allowed(project.name, OPEN, ends_of, what, where))
    found += unheard(networks)
    denied, loud = tuple(denials(networks, joined.projects)), tuple(logged(here, attached, facts))
    loud_here = bool(loud) or facts.logged
    policies = Policies(bound=tuple(bound), allowed=tuple(may), denied=denied, logged=loud, logs=loud_here)
    return with_netfilter(networks, policies), policies


def bound_of(
    project: ProjectSpec, here: Iterable[SandboxSpec]
) -> Iterator[tuple[SandboxSpec, str, tuple[PeerSpec, ...], Where]]:
    """Who of this host is bound, in which direction, by what he may all the same, and by which place."""
    for one in (one for one in here if one.project is project):
        for said in sides(one.spec, project.policies, [end.network for end in one.endpoints]):
            yield one, *said


def homeless(projects: Iterable[ProjectSpec]) -> Iterator[ManifestError]:
    """Who has the network of somebody else, where that one's policies act."""
    for project in projects:
        for spec in project.containers:
            mode = spec.network_mode
            if (mode == "host" or ":" in mode) and any(sides(spec, project.policies, ())):
                message = f"{spec.name} has no network of its own, and policies act on networks"
                hint = "there is no policy for the host itself" if mode == "host" else f"write it for {mode}"
                yield Contradiction(message, hint, spec.where)


def unable(
    one: SandboxSpec, ends: Sequence[tuple[Network, Endpoint]], tagged: Mapping[str, Set[int]], facts: Facts
) -> Iterator[ManifestError]:
    """Where the host does not see all that the container says and hears.  `tagged` are the VLANs of trunks:
    br_netfilter passes over a frame that comes with a tag or goes with one (IS_IP)."""
    hint = "leave it out of the policy, or choose another network"
    for network, end in ends:
        why = ""
        if not network.inner:
            why = f"what it says on network {network.name} passes no firewall of this host"
        elif network.external and network.bridge:
            why = f"the bridge of network {network.name} is another project's"
        elif end.trunk:
            why = f"what it says in tagged VLANs of network {network.name} passes no firewall"
        elif end.vlan in tagged[network.name]:
            why = f"somebody else is in its VLAN of network {network.name} with tags, past every firewall"
        elif network.bridge:
            facts.require("bridge netfilter", end.where)
        if why:
            yield NetworkLacks(f"no policy can act on {one.name}: {why}", hint, end.where)


def bounds(
    one: SandboxSpec, direction: str, ends: Sequence[tuple[Network, Endpoint]], facts: Facts, where: Where
) -> Iterator[Bound]:
    for network, end in ends:
        stood = facts.leases.get((one.name, network.home), ())
        for ip, _ in end.addresses:
            yield Bound(one.project.name, direction, ip, ip in stood, where)


class ProjectPeers:
    """What the peers of one project are, by address."""

    def __init__(self, project: ProjectSpec, networks: Iterable[Network], joined: Joined):
        self.project, self.joined = project, joined
        self.networks = {one.key: one for one in networks if one.project == project.name and one.inner}

    def let_in(self) -> Iterator[tuple[Network, Network]]:
        """The networks with those whose containers may come, as far as their packets pass here."""
        for network in self.networks.values():
            others = (self.networks.get(key) for key in network.spec.allow_networks)
            yield from ((network, other) for other in others if other)

    @cached_property
    def sandboxes(self) -> list[tuple[SandboxSpec, list[tuple[Network, list[str]]]]]:
        """Those of all hosts, with their networks and addresses there."""
        homes: dict[str, tuple[SandboxSpec, list[tuple[Network, list[str]]]]] = {}
        for network in self.networks.values():
            for one, _ in self.joined.attachments[network.name]:
                ips = [ip for ip, _ in self.joined.given.get((network.name, one.name), ())]
                if one.project is self.project and ips:
                    homes.setdefault(one.name, (one, []))[1].append((network, ips))
        return [*homes.values()]

    def prefixes(self, peer: PeerSpec, on: Network, own: set[str], version: int) -> Iterator[Prefix]:
        """As they are seen from an address on this network; `own` are all that one is on."""
        match peer.kind:
            case "host" | "outside":
                yield Prefix(peer.kind)
            case "prefix":
                yield from (Prefix(cidr) for cidr in (peer.name,) if family(cidr) == version)
            case "network":
                other = self.networks.get(peer.name)
                if other and (other.name == on.name or other.name not in own):
                    near = [cidr for cidr in other.extent if family(cidr) == version]
                    yield from (Prefix(cidr, None if other.name in own else other) for cidr in near)
            case _:
                yield from self.of_containers(peer, on, own, version)

    def of_containers(self, peer: PeerSpec, on: Network, own: set[str], version: int) -> Iterator[Prefix]:
        for one, homes in self.sandboxes:
            apart = own.isdisjoint(home.name for home, _ in homes)
            for home, ips in homes if is_meant(peer, one.spec, ()) else ():
                if apart or home.name == on.name:
                    yield from (
                        Prefix(alone(ip), home if apart else None) for ip in ips if family(ip) == version
                    )


def reaching(
    ends: Sequence[tuple[Network, Endpoint]], peers: Sequence[PeerSpec], known: ProjectPeers
) -> Iterator[Reach]:
    own = {network.name for network, _ in ends}
    places = [(network, ip) for network, end in ends for ip, _ in end.addresses]
    for peer, (network, ip) in product(peers, places):
        there = known.prefixes(peer, network, own, family(ip))
        for (other, opens), ports in product(there, peer.ports or (ANY_PORT,)):
            yield Reach(ip, other, protocol(peer, ip), ports, opens, peer.where)


def shut(
    one: SandboxSpec, ends: Sequence[tuple[Network, Endpoint]], reaches: Iterable[Reach]
) -> Iterator[ManifestError]:
    """What no policy opens: from an internal network, or into one, there is no way."""
    within = {ip: network for network, end in ends if network.spec.internal for ip, _ in end.addresses}
    told: dict[Where, Network] = {}
    for reach in reaches:
        near = within.get(reach.ip) or reach.opens
        if reach.opens and near and near.spec.internal:
            told.setdefault(reach.where, near)
    for where, network in told.items():
        yield internal(network, f"put both on one network, or {one.name} on another too", where)


def protocol(peer: PeerSpec, ip: str) -> Interval:
    if not peer.protocol:
        return ANY_PROTOCOL
    number = PROTOCOLS[peer.protocol][family(ip) == 6]
    return number, number


def rows(project: str, direction: str, reaches: Iterable[Reach]) -> Iterator[Allowed]:
    """Of one container, so that no two overlap."""
    groups: dict[tuple[str, str], list[tuple[Box, Where]]] = defaultdict(list)
    for one in reaches:
        word = one.peer if one.peer in (HOST_PEER, OUTSIDE) else ""
        peer = (0, 0) if word else interval(one.peer)
        groups[one.ip, word].append(((peer, one.protocol, one.ports), one.where))
    for (ip, word), boxes in groups.items():
        for (peer, *what), where in disjoint(boxes):
            ends = ip, word or addresses(peer)
            yield allowed(project, direction, ends if direction == EGRESS else ends[::-1], what, where)


def allowed(
    project: str, direction: str, ends: tuple[str, str], what: Sequence[Interval], where: Where
) -> Allowed:
    """From the first of the ends to the second, by what protocols to what ports."""
    return Allowed(project, direction, *ends, protocol_text(what[0]), numbers(what[1]), where)


def opens(direction: str, reach: Reach) -> bool:
    """Into another project's network only that opens a way: no two may say it of the same packets."""
    return reach.opens is not None and not (direction == EGRESS and reach.opens.external)


def opening(direction: str, reach: Reach) -> tuple[Box, Where]:
    ends = interval(alone(reach.ip)), interval(reach.peer)
    return (*(ends if direction == EGRESS else ends[::-1]), reach.protocol, reach.ports), reach.where


def between(known: ProjectPeers) -> Iterator[tuple[Box, Where]]:
    """Networks whose containers may open connections to those of another."""
    for network, other in known.let_in():
        for source, destination in product(other.extent, network.extent):
            if family(source) == family(destination) and source != destination:
                yield (interval(source), interval(destination), ANY_PROTOCOL, ANY_PORT), network.spec.where


def not_let_in(known: ProjectPeers) -> Iterator[ManifestError]:
    """What `allow_networks` cannot open."""
    for network, other in known.let_in():
        shut = next((one for one in (network, other) if one.spec.internal), None)
        if network.external:
            message = f"network {network.name} is another project's"
            yield NetworkLacks(message, "write `allow_networks` there", network.spec.where)
        elif shut:
            yield internal(shut, "leave `allow_networks` out", network.spec.where)
    for spec in (spec for spec in known.project.networks if spec.allow_networks):
        far = [key for key in (spec.name, *spec.allow_networks) if key not in known.networks]
        if far:
            message = f"packets of network {far[0]} do not pass this host's firewall"
            yield NetworkLacks(message, "leave `allow_networks` out", spec.where)


def internal(network: Network, hint: str, where: Where) -> NetworkLacks:
    message = f"network {network.name} is internal: no way leads from it to another network, nor into it"
    return NetworkLacks(message, hint, where)


def denials(networks: Iterable[Network], projects: Iterable[ProjectSpec]) -> Iterator[Denied]:
    said = {project.name: project.metadata for project in projects}
    for network in networks:
        if not network.inner or network.external:
            continue
        if (network.spec.metadata or said[network.project]) == DENY:
            yield from (Denied(network.project, link, network.spec.where) for link in network.interfaces)


def with_netfilter(networks: Sequence[Network], policies: Policies) -> list[Network]:
    bound = {one.ip for one in policies.bound}

    def is_bound(network: Network) -> bool:
        return any(ip in bound for end in network.endpoints for ip, _ in end.addresses)

    return [replace(n, filtered=True) if n.bridge and is_bound(n) else n for n in networks]

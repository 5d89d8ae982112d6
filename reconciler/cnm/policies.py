"""Who may reach whom, by address: what `egress:`, `ingress:`, `policies:` and `allow_networks` come to here.

A container that any egress is written for reaches its egress alone, and one with an ingress is reached by its
ingress alone; where both ends are bound, both must say so.  What is said of two containers of a project opens
the way between them, also from one network to another, which is shut else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import chain

from ..errors import Finding, ManifestError, Where
from ..family import family
from ..inventory.facts import Facts
from ..manifest.network_mode import is_borrowed
from ..manifest.policy import PeerSpec
from ..manifest.spec import ProjectSpec
from ..mistakes import Contradiction, NetworkLacks
from .bounds import DIRECTIONS, EGRESS, OPEN, Allowed, Bound, Denied, Policies, binding, said_at, sides
from .boxes import Interval, disjoint
from .driver import Joined
from .drops import logged, unheard
from .endpoint import SandboxSpec
from .groups import deaf
from .opened import Lead, between, leads, openings, shut, speaking, with_ways, without_way
from .peers import ProjectPeers
from .rows import Reach, Sharers, rows
from .spans import ANY_PORT, ANY_PROTOCOL, PROTOCOLS, number_of, texts
from .topology import Endpoint, Network

Attachments = Sequence[tuple[Network, Endpoint]]
Attached = Mapping[str, Attachments]
Sharing = tuple[str, tuple[PeerSpec, ...], tuple[Where, ...], frozenset[str]]
DENY = "deny"


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
    everybody: list[Sharers] = []
    ways: list[Lead] = []
    for project in joined.projects:
        known = ProjectPeers(project, networks, joined)
        found += not_let_in(known)
        let_in, mine = [*known.let_in()], len(everybody)
        sharing: dict[Sharing, list[Attachments]] = defaultdict(list)
        for one, direction, peers in bound_of(project, here):
            ends = attached[one.name]
            found += unable(one, ends, tagged, facts)
            if direction == EGRESS and ends:
                found += without_way(one, [network for network, _ in ends], peers)
            bound += bounds(one, direction, ends, facts)
            sharing[shared(direction, peers, ends)].append(ends)
        for (direction, peers, *_), members in sharing.items():
            everybody += sharers_of(direction, peers, members, known)
        ways += leads(everybody[mine:], let_in)
        for box, where in disjoint([*between(let_in), *openings(everybody[mine:])]):
            may.append(Allowed(project.name, OPEN, *texts(box), where))
    standing = {way: sorted({number_of(b.ip) for b in bound if b.direction == way}) for way in DIRECTIONS}
    may += (row for one in everybody for row in rows(one, standing[one.direction]))
    found += (*shut(ways), *unheard(networks))
    networks = with_ways(networks, ways)
    policies = Policies(
        bound=tuple(bound),
        allowed=tuple(may),
        denied=tuple(denials(networks, joined.projects)),
        deaf=tuple(deaf(networks, everybody)),
        logged=(loud := tuple(logged(here, attached, facts))),
        logs=bool(loud) or facts.logged,
    )
    return with_netfilter(networks, policies), policies


def bound_of(
    project: ProjectSpec, here: Iterable[SandboxSpec]
) -> Iterator[tuple[SandboxSpec, str, tuple[PeerSpec, ...]]]:
    """Who of this host is bound, in which direction, and by what he may all the same."""
    for one in (one for one in here if one.project is project):
        for said in sides(one.spec, project.policies, [end.network for end in one.endpoints]):
            yield one, *said


def homeless(projects: Iterable[ProjectSpec]) -> Iterator[ManifestError]:
    """Who has the network of somebody else, where that one's policies act."""
    for project in projects:
        for spec in project.containers:
            mode = spec.network_mode
            if is_borrowed(mode) and any(sides(spec, project.policies, ())):
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
    one: SandboxSpec, direction: str, ends: Sequence[tuple[Network, Endpoint]], facts: Facts
) -> Iterator[Bound]:
    keys = [end.network for end in one.endpoints]
    where = said_at(binding(one.spec, one.project.policies, keys, direction)[0], direction)
    for network, end in ends:
        stood = facts.leases.get((one.name, network.home), ())
        for ip, _ in end.addresses:
            yield Bound(one.project.name, direction, ip, ip in stood, where)


def shared(direction: str, peers: tuple[PeerSpec, ...], ends: Attachments) -> Sharing:
    """What those have alike who may the same, and are told so at the same places."""
    own = frozenset(network.name for network, _ in ends)
    return direction, peers, tuple(peer.where for peer in peers), own


def sharers_of(
    direction: str, peers: Sequence[PeerSpec], members: Iterable[Attachments], known: ProjectPeers
) -> Iterator[Sharers]:
    places: dict[tuple[str, int], list[str]] = defaultdict(list)
    on: dict[str, Network] = {}
    for network, end in chain.from_iterable(members):
        on[network.name] = network
        for ip, _ in end.addresses:
            places[network.name, family(ip)].append(ip)
    for (name, number), ips in places.items():
        reaches = tuple(reaching(peers, on[name], on, number, known))
        yield Sharers(known.project.name, direction, on[name], tuple(ips), reaches)


def reaching(
    peers: Iterable[PeerSpec], on: Network, own: Mapping[str, Network], number: int, known: ProjectPeers
) -> Iterator[Reach]:
    """As `on` one of a container's `own` networks."""
    speaks = {one.name for one in speaking(own.values())}
    for peer in peers:
        what, ports = protocol(peer, number), peer.ports or (ANY_PORT,)
        for other, opens in known.prefixes(peer, on, own.keys(), number):
            if not opens or on.name in speaks:
                yield from (Reach(other, what, one, opens, peer.where) for one in ports)


def protocol(peer: PeerSpec, number: int) -> Interval:
    if not peer.protocol:
        return ANY_PROTOCOL
    code = PROTOCOLS[peer.protocol][number == 6]
    return code, code


def not_let_in(known: ProjectPeers) -> Iterator[ManifestError]:
    """What `allow_networks` cannot open."""
    for network, _ in known.let_in():
        if network.external:
            message = f"network {network.name} is another project's"
            yield NetworkLacks(message, "write `allow_networks` there", network.spec.where)
    for spec in (spec for spec in known.project.networks if spec.allow_networks):
        far = [key for key in (spec.name, *spec.allow_networks) if key not in known.networks]
        if far:
            message = f"packets of network {far[0]} do not pass this host's firewall"
            yield NetworkLacks(message, "leave `allow_networks` out", spec.where)


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

"""What stands in the kernel, ours or anybody's, as a draft."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

from ..core.resource import State
from ..kinds.balancer import Balancer
from ..kinds.cni import CniAttachment
from ..kinds.link import Bridge
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..kinds.published import is_shared
from ..kinds.remote import RemoteEndpoint
from ..kinds.resolver import Resolver
from ..kinds.workload import Workload
from .containers import Published, between, in_words, short_form, spans
from .draft import CONTAINERS, NETWORKS, SERVICES, Draft, Entry, compact, named_apart
from .live_ends import endpoint, extra_hosts, hostname, hosts, turn
from .live_names import Called, aliases, called
from .live_networks import Networks, home, networks
from .names import key_of, project_of
from .standing import End, Forward, ProjectState

HOST_VIEW = "@host"  # the resolver that the host itself asks
UNTOLD = "What was said of `labels`, `links`, `dns`, `sysctls`, and of what runs,"
MOST_WEIGHT = 10  # beside which others' are told
FOREIGN = "live"  # what a project of what is nobody's is called


def draft(of: ProjectState, lost: Sequence[str] = ()) -> Draft:
    found, known = networks(of), called(of)
    single: list[Entry] = []
    replicas: dict[str, dict[str, Entry]] = defaultdict(dict)
    for space in of.namespaces:
        one, service = container(of, space, found, known)
        if service:
            replicas[service][space.name] = one
        else:
            single.append(one)
    services = [
        with_vip(of, service_of(of, key, those), found, known) for key, those in sorted(replicas.items())
    ]
    quiet = not any(r.project == of.project for r in of.all.of(Resolver)) and bool(of.project)
    return Draft(
        project=project_of(of.project) or FOREIGN,
        entries={
            NETWORKS: tuple(named_apart(found.entries)),
            SERVICES: tuple(services),
            CONTAINERS: tuple(named_apart(single)),
        },
        top=compact(dns="off" if quiet and of.namespaces else "", host_names=has_host_names(of)),
        head=tuple(head(of)),
        lost=(*lost, *beside(of)),
    )


def has_host_names(of: ProjectState) -> bool:
    return bool(of.project) and any(
        r.name == HOST_VIEW and r.project == of.project for r in of.all.of(Resolver)
    )


def is_something(state: State) -> bool:
    """Whether anything stands that could be told."""
    return any(isinstance(r, Namespace) for r in state.values())


def head(of: ProjectState) -> Iterator[str]:
    if of.project:
        yield f"What stands of project {of.project}, by `reconcile --import live`."
        yield f"{UNTOLD} is in nothing that stands, and so not in here."
        return
    yield "What stands and is nobody's, by `reconcile --import live`."
    names = [f"ip netns del {quote(one.name)}" for one in of.namespaces]
    links = [f"ip link del {quote(one.name)}" for one in of.bridges]
    if names or links:
        yield "Before it can be applied on the same host, these make room, with their firewall:"
        yield from (f"  {line}" for line in (*names, *links))


def beside(of: ProjectState) -> Iterator[str]:
    """What leads to nobody who is told here, or nobody who has a name is on."""
    known = {one.name for one in of.bridges}
    for bridge in of.all.of(Bridge) if not of.project else ():
        if bridge.name not in known:
            yield f"bridge {bridge.name}: no namespace that has a name is on it"
    for one in of.forwards:
        if one.ip not in of.homes:
            yield f"port {one.first}/{one.protocol}, which leads to {one.ip}: no sandbox has that address"


def container(
    of: ProjectState, space: Namespace, found: Networks, known: Mapping[tuple[str, str], Called]
) -> tuple[Entry, str]:
    """With the service that it is a replica of; "" of a single one."""
    ends = of.ends.get(space.name, [])
    names = {end.key: naming(of, end, found, known) for end in ends}
    told = next((one for one in names.values() if one.key), Called())
    service = told.key if told.service else ""
    own = space.name.removeprefix(f"{of.project}-") if of.project else space.name
    key = service or told.key or own
    lost = [f"link {link.name}" for link in of.links(space.name)] if not of.project else []
    lost += [f"{r.engine} {r.image} runs in it" for r in of.all.of(Workload) if r.sandbox == space.name]
    lost += [f"its place on network {r.network}, which plugins have made" for r in plugged(of, space.name)]
    if space.attached:
        lost.append(f"what it is attached to: {space.attached}")
    said = compact(
        container_name="" if service or space.name == f"{of.project}-{key}" else space.name,
        hostname=hostname(of, space.name),
        extra_hosts=extra_hosts(of, space.name),
        **joined(of, space.name, ends, found, names),
        ports=ports_of(of, {space.name}),
    )
    return Entry(key=key_of(key), said=said, lost=tuple(lost)), service


def plugged(of: ProjectState, name: str) -> Iterator[CniAttachment | RemoteEndpoint]:
    yield from (r for r in of.all.of(CniAttachment) if r.ns == name)
    yield from (r for r in of.all.of(RemoteEndpoint) if r.ns == name)


def naming(of: ProjectState, end: End, found: Networks, known: Mapping[tuple[str, str], Called]) -> Called:
    full = full_name(of, found, end)
    ips = [one.ip for one in of.addresses.get((end.ns, end.name), ())]
    return next((known[full, ip] for ip in ips if (full, ip) in known), Called())


def full_name(of: ProjectState, found: Networks, end: End) -> str:
    key = found.keys.get(home(end), "")
    entry = next((one for one in found.entries if one.key == key), None)
    return str(entry.said.get("name", f"{of.project}_{key}")) if entry else ""


def joined(
    of: ProjectState, name: str, ends: Sequence[End], found: Networks, names: Mapping[str, Called]
) -> dict[str, Any]:
    placed = [(found.keys[home(end)], end) for end in ends if home(end) in found.keys]
    if not placed:
        return {"network_mode": "none"}
    ips = [row[0] for row in hosts(of, name)]
    standing = [key for key, _ in sorted(placed, key=lambda one: turn(of, one[1], ips))]
    usual = {key: f"eth{number}" for number, key in enumerate(standing)}
    moved = standing != sorted(standing)  # else their names put them into the order that they have
    said = {}
    for key, end in placed:
        own = {name, hostname(of, name)}
        more = aliases(names[end.key], of.project, full_name(of, found, end), own)
        said[key] = endpoint(of, end, more, named=end.name != usual[key])
        said[key] |= {"priority": len(standing) - standing.index(key)} if moved else {}
    leading = [key for key, end in placed if of.ways.get((end.ns, end.name))]
    if leading and len(placed) > 1:
        said[leading[0]]["gw_priority"] = 1
    return {"networks": said}


def ports_of(of: ProjectState, sandboxes: set[str]) -> list[Any]:
    mine = [one for one in of.forwards if of.homes.get(one.ip) in sandboxes]
    families = {6 if ":" in ip else 4 for ip, home in of.homes.items() if home in sandboxes}
    flat = {port for one in mine for port in each(one, families, mine)}
    return [in_words(span) for span in spans(sorted(flat))]


def each(one: Forward, families: set[int], mine: Sequence[Forward]) -> Iterator[Published]:
    """A port each; one that is of a single family though the container has both says so."""
    same = {other.family for other in mine if (other.protocol, other.first) == (one.protocol, one.first)}
    alone = "" if same >= families else "0.0.0.0" if one.family == 4 else "::"
    for more in range(one.last - one.first + 1):
        host = one.first + more if one.first else 0
        yield Published(one.protocol, one.host_ip or (alone if host else ""), one.target + more, host)


def service_of(of: ProjectState, key: str, replicas: Mapping[str, Entry]) -> Entry:
    """Replicas have what they share; addresses of several cannot be written, and stay while they stand."""
    one, lost = next(iter(replicas.values())), list[str]()
    said: dict[str, Any] = {**one.said}
    if any(is_limited(of, forward) for forward in of.forwards if of.homes.get(forward.ip) in replicas):
        lost.append("the limits of its ports (allow_from, host_if, rate, max_conns, hours)")
    if len(replicas) > 1:
        said.pop("hostname", None)
        ends = {name: unpinned(end) for name, end in said.get("networks", {}).items()}
        numbers, by_client = shares(of, replicas)
        weights = whole(numbers)
        if weights is None:
            lost.append("the weights of its replicas")
        said = {"scale": len(replicas), **said, **compact(networks=ends, ports=shared_ports(of, {*replicas}))}
        said |= compact(weights=weights, affinity="client" if by_client else "")
    return Entry(key=key_of(key), said=said, lost=(*one.lost, *lost))


def is_limited(of: ProjectState, port: Forward) -> bool:
    """Whether not everybody may use a port."""
    flows = (limit.flow for r in of.all.of(Element) if (limit := r.limits))
    mine = (flow for flow in flows if flow.protocol == port.protocol)
    number = port.first or port.target  # on a routed network it is the container's own
    return any(flow.ip in (port.host_ip, port.ip) and flow.first <= number <= flow.last for flow in mine)


def with_vip(of: ProjectState, one: Entry, found: Networks, known: Mapping[tuple[str, str], Called]) -> Entry:
    """The names of a service's one address are its aliases."""
    full = {entry.key: str(entry.said.get("name", f"{of.project}_{entry.key}")) for entry in found.entries}
    names = {net: names for (net, _), names in known.items() if names.key == one.key and not names.service}
    ends = {
        key: {**end, **compact(aliases=aliases(names[full[key]], of.project, full[key], set()))}
        for key, end in one.said.get("networks", {}).items()
        if full.get(key) in names
    }
    return replace(one, said={**one.said, "networks": {**one.said["networks"], **ends}}) if ends else one


def shares(of: ProjectState, replicas: Collection[str]) -> tuple[dict[str, int], bool]:
    """How many of the numbers that are drawn lead to each replica, by its own number; and whether it is told
    by the client's address: as a port of the host says, or the service's own address."""
    ports = [(r.value.partition(" . ")[0], r.part) for r in of.all.of(Element) if is_shared(r.map)]
    servers = [server for r in of.all.of(Balancer) for server in r.servers]
    behind = [one for _, _, group in servers for one in group]
    drawn, told = ({of.homes.get(ip, ""): part for ip, part in some if part} for some in (ports, behind))
    parts = {name: part for name, part in (told | drawn).items() if name in replicas}
    numbers = {name.rpartition("-")[2]: parts.get(name, 0) for name in replicas} if parts else {}
    sticky = {ip for ip, part in ports if not part}
    sticky |= {ip for _, by_client, group in servers if by_client for ip, _ in group}
    return numbers, any(of.homes.get(ip, "") in replicas for ip in sticky)


def whole(parts: Mapping[str, int]) -> dict[str, int] | None:
    """Their weights; {} where all have the same, None where those are no small numbers."""
    least = min((part for part in parts.values() if part), default=0)
    if least and max(parts.values()) - min(parts.values()) <= 1:
        return {}
    for times in range(1, MOST_WEIGHT):
        exact = {name: part * times / least for name, part in parts.items()} if least else {}
        if all(abs(one - round(one)) < times / 100 for one in exact.values()):
            return {name: round(one) for name, one in exact.items()}
    return None


def shared_ports(of: ProjectState, sandboxes: set[str]) -> list[Any]:
    """A port that each replica has of its own is one out of a range."""
    doors: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    homes: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for one in of.forwards:
        if (home := of.homes.get(one.ip)) in sandboxes and one.first and one.first == one.last:
            doors[one.protocol, one.host_ip, one.target].add(one.first)
            homes[one.protocol, one.host_ip, one.first].add(home)
    said: list[Any] = []
    for (protocol, host_ip, target), ports in doors.items():
        alone = all(len(homes[protocol, host_ip, port]) == 1 for port in ports)
        if alone and len(ports) == len(sandboxes) == max(ports) - min(ports) + 1:
            said.append(short_form(host_ip, between(min(ports), max(ports)), str(target), protocol))
    return said or ports_of(of, sandboxes)


PINS = ("ipv4_address", "ipv6_address", "mac_address")


def unpinned(end: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in end.items() if name not in PINS}

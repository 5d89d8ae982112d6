"""What stands in the kernel, ours or anybody's, as a draft."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.resource import State
from ..kinds.cni import CniAttachment
from ..kinds.file import File
from ..kinds.link import Bridge, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Element, is_shared
from ..kinds.remote import RemoteEndpoint
from ..kinds.resolver import Resolver
from ..kinds.workload import Workload
from .containers import Published, between, in_words, spans
from .draft import CONTAINERS, NETWORKS, SERVICES, Draft, Entry, compact, named_apart
from .live_names import Called, aliases, called
from .live_networks import Networks, home, networks
from .names import key_of, project_of
from .standing import End, Forward, ProjectState

HOST_VIEW = "@host"  # the resolver that the host itself asks
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
    services = [service_of(of, key, those) for key, those in sorted(replicas.items())]
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
        return
    yield "What stands and is nobody's, by `reconcile --import live`."
    names = [f"ip netns del {one.name}" for one in of.namespaces]
    links = [f"ip link del {one.name}" for one in of.bridges]
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
    in_order = [key for key, _ in sorted(placed)]
    usual = {key: f"eth{number}" for number, key in enumerate(in_order)}
    said = {}
    for key, end in placed:
        own = {name, *(hostname(of, name),)}
        more = aliases(names[end.key], of.project, full_name(of, found, end), own)
        said[key] = endpoint(of, end, more, named=end.name != usual[key])
    leading = [key for key, end in placed if of.ways.get((end.ns, end.name))]
    if leading and len(placed) > 1:
        said[leading[0]]["gw_priority"] = 1
    return {"networks": said}


def endpoint(of: ProjectState, end: End, more: Iterable[str], *, named: bool) -> dict[str, Any]:
    ips = [one.ip for one in of.addresses.get((end.ns, end.name), ())]
    untagged, tagged = vlans(end)
    return compact(
        interface_name=end.name if named else "",
        ipv4_address=next((ip for ip in ips if ":" not in ip), ""),
        ipv6_address=next((ip for ip in ips if ":" in ip), ""),
        mac_address=getattr(end, "mac", ""),
        aliases=[*more],
        vlan=untagged,
        trunk=tagged,
    )


def vlans(end: End) -> tuple[int, list[int]]:
    rows = [row.split() for row in end.vlans] if isinstance(end, Veth) else []
    untagged = next((int(number) for number, *flags in rows if "pvid" in flags), 0)
    return untagged, [int(number) for number, *flags in rows if not flags]


def hostname(of: ProjectState, name: str) -> str:
    """As its hosts file has it, where that is not its name."""
    file = next((r for r in of.all.of(File) if r.ns == name and r.path.endswith("/hosts")), None)
    rows = [line.split() for line in file.content.splitlines()] if file else []
    found = next((row[1] for row in rows if len(row) > 1 and of.homes.get(row[0]) == name), "")
    return "" if found == name else found


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
    if len(replicas) > 1:
        said.pop("hostname", None)
        ends = {name: unpinned(end) for name, end in said.get("networks", {}).items()}
        numbers, by_client = shares(of, {*replicas})
        if len(numbers) > 1 and max(numbers) - min(numbers) > 1:
            lost.append("the weights of its replicas")
        said = {"scale": len(replicas), **said, **compact(networks=ends, ports=shared_ports(of, {*replicas}))}
        said |= {"affinity": "client"} if by_client else {}
    return Entry(key=key_of(key), said=said, lost=(*one.lost, *lost))


def shares(of: ProjectState, sandboxes: set[str]) -> tuple[set[int], bool]:
    """How many numbers lead to each replica, and whether it is by the client's address that one is told."""
    found = [r for r in of.all.of(Element) if is_shared(r.map)]
    mine = [r for r in found if of.homes.get(r.value.partition(" . ")[0]) in sandboxes]
    return {r.part for r in mine if r.part}, any(not r.part for r in mine)


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
            at = f"[{host_ip}]:" if ":" in host_ip else f"{host_ip}:" * bool(host_ip)
            kind = f"/{protocol}" * (protocol != "tcp")
            said.append(f"{at}{between(min(ports), max(ports))}:{target}{kind}")
    return said or ports_of(of, sandboxes)


PINS = ("ipv4_address", "ipv6_address", "mac_address")


def unpinned(end: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in end.items() if name not in PINS}

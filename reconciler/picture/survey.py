"""What a state holds of what is drawn: live and desired are one type, and are looked at alike."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from ipaddress import ip_network

from ..core.bykind import by_kind
from ..core.resource import Resource, State
from ..kinds.address import Address
from ..kinds.cni import CniAttachment
from ..kinds.link import Bridge, HandedVeth, NetworkLink, Veth
from ..kinds.maps import BOUND
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..kinds.overlay import Vxlan
from ..kinds.ownership import HOST
from ..kinds.published import REACHABLE, Flow
from ..kinds.remote import RemoteEndpoint, RemoteNetwork
from ..kinds.stacked_link import ChildLink, Dummy
from ..kinds.workload import Workload
from .model import Allowance, Lane, PortLabel, Rail, Stop
from .permits import Permits

# What sets of the firewall say of a network, by its bridge, and of a container, by its address.
OF_NETWORKS = {
    "internal": "internal: no way out and none in, but those that policies open",
    "host_open": "its containers may reach the host",
    "routed": "reached at its containers' own addresses, by the ports that they publish",
    "unprotected": "reached at its containers' own addresses, by every port",
}
OF_CONTAINERS = {
    "host_users": "may reach the host",
    BOUND[0]: "reaches only what its policies list (egress)",
    BOUND[1]: "is reached only by whom its policies list (ingress)",
}
Ends = dict[tuple[str, str], str]  # (container, link there) -> network


class Survey:
    """The networks and containers of some projects."""

    def __init__(self, state: State, projects: frozenset[str] | None):
        self.state, self.projects = by_kind(state), projects

    def is_asked(self, project: str) -> bool:
        return self.projects is None or project in self.projects

    @cached_property
    def bridges(self) -> dict[str, str]:
        """The networks of the host's links."""
        return {r.name: r.network for r in self.state.of(NetworkLink) if r.ns == HOST}

    @cached_property
    def ends(self) -> Ends:
        """Which networks the links of containers lead to; a bridge of somebody else's has its own name."""
        found = {(r.ns, r.name): r.network for r in self.state.of(ChildLink) if r.ns != HOST}
        found |= {(r.ns, r.name): r.network for r in self.state.of(CniAttachment)}
        found |= {(r.ns, r.name): r.network for r in self.state.of(RemoteEndpoint)}
        veths = list(self.state.of(Veth))
        found |= {(r.ns, r.name): self.bridges.get(r.bridge, r.bridge) for r in veths if r.bridge}
        return found | {(r.ns, r.name): self.paired(r) for r in veths if not r.bridge}

    def paired(self, veth: Veth) -> str:
        """The network of a pair without a bridge, as far as who declared it tells."""
        driver = veth.origin.driver if veth.origin else ""
        return f"{veth.project} {driver or 'pairs'}"

    @cached_property
    def at(self) -> dict[str, tuple[str, str]]:
        """Where the addresses of containers are."""
        return {r.ip: (r.ns, r.link) for r in self.state.of(Address) if r.ns != HOST}

    @cached_property
    def sandboxes(self) -> dict[str, Namespace | HandedVeth]:
        handed = {r.ns: r for r in self.state.of(HandedVeth)}
        return handed | {r.name: r for r in self.state.of(Namespace)}

    @cached_property
    def lanes(self) -> dict[str, Lane]:
        mine = {name: r for name, r in self.sandboxes.items() if self.is_asked(r.project)}
        return {
            name: Lane(
                name=name,
                project=r.project,
                stops=tuple(self.stops.get(name, ())),
                ports=tuple(self.ports.get(name, ())),
                where=place(r),
                notes=tuple(self.notes.get(name, ())),
                bound=self.bound.get(name, ()),
                allows=tuple(self.allowances.get(name, ())),
            )
            for name, r in mine.items()
        }

    @cached_property
    def policed(self) -> Permits:
        named = {cidr: name for name, cidrs in self.subnets.items() for cidr in cidrs}
        return Permits(self.state, {ip: ns for ip, (ns, _) in self.at.items()}, named)

    @cached_property
    def bound(self) -> dict[str, tuple[str, ...]]:
        return self.policed.bound()

    @cached_property
    def allowances(self) -> dict[str, list[Allowance]]:
        return self.policed.allowances()

    @cached_property
    def stops(self) -> dict[str, list[Stop]]:
        addresses: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ip, end in self.at.items():
            addresses[end] += [] if ip.startswith("fe80:") else [ip]
        plugged: tuple[CniAttachment | RemoteEndpoint, ...]
        plugged = (*self.state.of(CniAttachment), *self.state.of(RemoteEndpoint))
        for r in plugged:
            addresses[r.ns, r.name] += [ip.partition("/")[0] for ip in r.addresses]
        found: dict[str, list[Stop]] = defaultdict(list)
        for (ns, link), network in sorted(self.ends.items()):
            ips = sorted(addresses[ns, link], key=lambda ip: (":" in ip, ip))
            found[ns].append(Stop(network, link, tuple(ips)))
        return found

    @property
    def flows(self) -> Iterator[tuple[Element, Flow]]:
        return ((r, r.flow) for r in self.state.of(Element) if r.flow)

    @cached_property
    def ports(self) -> dict[str, list[PortLabel]]:
        """By container; of both families once."""
        found: dict[str, dict[PortLabel, None]] = defaultdict(dict)
        for r, flow in sorted(self.flows, key=lambda pair: (pair[1].protocol, pair[1].first, pair[1].family)):
            ip, _, target = r.value.partition(" . ")
            ns, link = self.at.get(ip, ("", ""))
            ports = f"{flow.first}-{flow.last}" if flow.last > flow.first else str(flow.first)
            label = PortLabel(flow.door, target or ports, self.ends.get((ns, link), ""))
            found[ns][label] = None
        return {ns: list(labels) for ns, labels in found.items()}

    @cached_property
    def notes(self) -> dict[str, list[str]]:
        """What else is to be known of containers."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.state.of(Workload):
            found[one.sandbox or one.name].append(" ".join(filter(None, (one.engine, one.image, one.state))))
        for r in sorted(self.state.of(Element), key=lambda r: (r.item, r.map)):
            ip, *rest = r.item.split(" . ")
            direct = r.map.startswith(REACHABLE) and len(rest) == 2
            words = f"reached directly: {rest[1]}/{rest[0]}" if direct else OF_CONTAINERS.get(r.map[:-1], "")
            if words and (end := self.at.get(ip)):
                found[end[0]].append(words)
        return {ns: list(dict.fromkeys(words)) for ns, words in found.items()}

    @cached_property
    def rails(self) -> dict[str, Rail]:
        """Those of the projects, and whatever their containers are on beside."""
        used = {stop.network: lane.project for lane in self.lanes.values() for stop in lane.stops}
        made = {r.name: r for r in self.made if self.is_asked(r.project) or r.name in used}
        return {name: Rail(name=name, project="") for name in used if name not in made} | made

    @property
    def made(self) -> Iterator[Rail]:
        """The networks that are ours."""
        links: dict[str, list[NetworkLink]] = defaultdict(list)
        for link in self.state.of(NetworkLink):
            links[link.network].append(link)
        for name, those in links.items():
            first = min(those, key=lambda r: (r.ns != HOST, r.key))
            yield Rail(
                name=name,
                project=first.project,
                driver=driver(those),
                subnets=tuple(self.subnets.get(name, ())),
                internal="internal" in self.said.get(name, ()) or any(isinstance(r, Dummy) for r in those),
                where=place(first),
                notes=tuple(words for key, words in OF_NETWORKS.items() if key in self.said.get(name, ())),
            )
        for r in self.state.of(RemoteNetwork):
            subnets = (str(ip_network(one, strict=False)) for one in r.subnets)
            yield Rail(
                name=r.name, project=r.project, driver=r.driver, subnets=tuple(subnets), where=place(r)
            )

    @cached_property
    def said(self) -> dict[str, set[str]]:
        """By network, the sets of the firewall that its bridge is in."""
        found: dict[str, set[str]] = defaultdict(set)
        for r in self.state.of(Element):
            if r.map in OF_NETWORKS:
                found[self.bridges.get(r.item.split(" . ")[0], "")].add(r.map)
        return found

    @cached_property
    def subnets(self) -> dict[str, list[str]]:
        """By network, IPv4 first: of its gateways, or else of its containers' addresses."""
        gateways: dict[str, set[str]] = defaultdict(set)
        others: dict[str, set[str]] = defaultdict(set)
        for r in self.state.of(Address):
            if r.ip.startswith("fe80:") or (r.ns == HOST and r.prefix in (32, 128)):
                continue
            cidr = str(ip_network(f"{r.ip}/{r.prefix}", strict=False))
            if r.ns == HOST:
                gateways[self.bridges.get(r.link, "")].add(cidr)
            else:
                others[self.ends.get((r.ns, r.link), "")].add(cidr)
        return {name: ordered(gateways.get(name) or others[name]) for name in {**others, **gateways}}


def ordered(cidrs: Iterable[str]) -> list[str]:
    return sorted(cidrs, key=lambda cidr: (":" in cidr, cidr))


def driver(links: Iterable[NetworkLink]) -> str:
    """What the network is made with, as the kinds of its links tell."""
    kinds = {type(link) for link in links}
    if Vxlan in kinds:
        return "overlay"
    child = next((link for link in links if isinstance(link, ChildLink)), None)
    if child:
        return type(child).__name__.lower() + f" on {child.parent}" * (Dummy not in kinds)
    return "bridge" if Bridge in kinds else ""


def place(r: Resource) -> str:
    return f"{r.where.file}:{r.where.line}" if r.where and r.where.file else ""

"""A state as packets meet it: namespaces, bridges with their ports, parents of a LAN, what is outside."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any, NamedTuple

from ..core.bykind import ByKind, by_kind
from ..core.resource import State
from ..family import family
from ..inventory.facts import Device, HostFacts
from ..kinds.address import Address
from ..kinds.balancer import Balancer, contents
from ..kinds.bridge_port import BridgePort
from ..kinds.link import NATIVE, Bridge, HandedVeth, Link, Veth, Vlans
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element
from ..kinds.overlay import FdbEntries, Neighbours, Vxlan
from ..kinds.ownership import HOST, OUTER
from ..kinds.published import Flow
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.stacked_link import ChildLink, Dummy, Ipvlan, Macvlan, Vlan
from ..kinds.sysctl import FORWARDING, Sysctl
from .chains import Firewall
from .routes import IS_LOCAL, MAIN, UNICAST, Asking, NextHop, Routing

UPLINK = (
    "uplink"  # what a host has that nothing is known of, with addresses of the documentation's (RFC 5737)
)
UNKNOWN_HOST: dict[str, Any] = {
    "addresses": {"192.0.2.1": UPLINK, "2001:db8::1": UPLINK},
    "gateways": {UPLINK: ("192.0.2.2", "2001:db8::2")},
    "onlink": {"192.0.2.0/24": UPLINK, "2001:db8::/64": UPLINK},
}
FORWARD = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}


class BridgeEnd(NamedTuple):
    """A port of a bridge; behind it is a container, another host, or a LAN."""

    name: str
    veth: Veth | None = None
    vxlan: Vxlan | None = None
    vlans: Vlans = ()

    @property
    def isolated(self) -> bool:
        return bool(self.veth and self.veth.isolated) or bool(self.vxlan and self.vxlan.isolated)

    @property
    def untagged(self) -> int:
        """The VLAN of frames without a tag."""
        return next((int(vlan.split()[0]) for vlan in self.vlans if "pvid" in vlan), NATIVE)

    @property
    def all_vlans(self) -> set[int]:
        return {int(vlan.split()[0]) for vlan in self.vlans} or {NATIVE}


class Namespaced:
    """A namespace, as its packets meet it."""

    def __init__(self, name: str, world: "World"):
        self.name, self.world = name, world

    @cached_property
    def firewall(self) -> Firewall:
        if self.name == HOST:
            return Firewall((*self.world.state.of(Chain), *self.world.state.of(Element)))
        balancer = self.world.state.get(Balancer.at(self.name))
        return Firewall(contents(balancer.servers) if isinstance(balancer, Balancer) else ())

    @cached_property
    def own(self) -> dict[str, str]:
        """Its addresses, each with its link."""
        own = {r.ip: r.link for r in self.world.addresses.get(self.name, ())}
        return {**(self.world.facts.addresses if self.name == HOST else {}), **own}

    @cached_property
    def routing(self) -> Routing:
        rules = (rule for rule in self.world.state.of(Rule) if rule.ns == self.name)
        return Routing(rules, [*self.connected(), *self.world.routes.get(self.name, ())], self.own)

    def connected(self) -> Iterator[Route]:
        """The routes that come with addresses, and those of the host that are none of ours."""
        for r in self.world.addresses.get(self.name, ()):
            if r.connected:
                dst = str(ip_network(f"{r.ip}/{r.prefix}", strict=False))
                yield Route(ns=self.name, dst=dst, link=r.link, src=r.ip)
        if self.name != HOST:
            return
        facts = self.world.facts
        for prefix, link in facts.onlink.items():
            yield Route(ns=HOST, dst=prefix, link=link, src=self.address_of(link, family(prefix)))
        for link, vias in facts.gateways.items():
            for via in vias:
                number = family(via)
                yield Route(ns=HOST, dst=DEFAULTS[number], link=link, via=via)

    def address_of(self, link: str, number: int) -> str:
        mine = (ip for ip, on in self.own.items() if on == link and family(ip) == number)
        return next((ip for ip in mine if not ip.startswith("fe80")), "")

    def find(self, dst: str, asking: Asking) -> NextHop:
        return self.routing.find(dst, asking)

    # what rules ask

    def group(self, link: str) -> int | None:
        return self.world.groups.get(link, 0) if link else None

    def kind(self, link: str) -> str | None:
        return self.world.kinds.get(link, "") if link else None

    def type_of(self, ip: str, link: str = "") -> int:
        if not self.routing.is_local(ip):
            return UNICAST
        return IS_LOCAL if not link or self.own.get(ip, "lo") == link else UNICAST

    def leads_to(self, ip: str, link: str) -> bool:
        found = self.find(ip, Asking())
        return found.kind == "unicast" and found.link == link


def beside(facts: HostFacts) -> HostFacts:
    """With an uplink, on a host that has none, or of which nothing is known."""
    addresses = {**facts.addresses, **UNKNOWN_HOST["addresses"]}
    return replace(facts, **{**UNKNOWN_HOST, "addresses": addresses})


class World:
    """Everything that a packet could meet, by a state, wanted or live, and by what the host has."""

    def __init__(self, state: State, facts: HostFacts):
        self.state: ByKind = by_kind(state)
        known = facts.gateways or any(link != "lo" for link in facts.addresses.values())
        self.facts = facts if known else beside(facts)
        self.places: dict[str, Namespaced] = {}

    def place(self, name: str) -> Namespaced:
        if name not in self.places:
            self.places[name] = Namespaced(name, self)
        return self.places[name]

    @cached_property
    def sandboxes(self) -> dict[str, Namespace]:
        return {r.name: r for r in self.state.of(Namespace)}

    @cached_property
    def addresses(self) -> dict[str, list[Address]]:
        found: dict[str, list[Address]] = defaultdict(list)
        for r in self.state.of(Address):
            found[r.ns].append(r)
        for handed in self.state.of(HandedVeth):
            found[handed.ns] += self.handed_over(handed)
        return found

    def handed_over(self, veth: HandedVeth) -> Iterator[Address]:
        """What its guard lets it send from: all else that is there is somebody else's."""
        for e in self.state.of(Element):
            link, _, ip = e.item.partition(" . ")[0], "", e.item.rpartition(" . ")[2]
            if e.map == "own4" and link == veth.host_name:
                yield Address(ns=veth.ns, link=veth.name, ip=ip, prefix=32, connected=False)

    @cached_property
    def routes(self) -> dict[str, list[Route]]:
        found: dict[str, list[Route]] = defaultdict(list)
        for r in self.state.of(Route):
            found[r.ns].append(replace(r, table=MAIN) if r.table == "254" else r)
        return found

    @cached_property
    def holders(self) -> dict[str, list[tuple[str, str]]]:
        """Who has an address, and on which link."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, held in self.addresses.items():
            for r in held if name != HOST else ():
                found[r.ip].append((name, r.link))
        return found

    # links

    @cached_property
    def groups(self) -> dict[str, int]:
        return {r.host_end: r.group for r in self.state.of(Link) if r.host_end and not r.ungrouped}

    @cached_property
    def kinds(self) -> dict[str, str]:
        words = {Bridge: "bridge", Vxlan: "vxlan", Macvlan: "macvlan", Vlan: "vlan", Dummy: "dummy"}
        ours = {r.host_end: words.get(type(r), "veth") for r in self.state.of(Link) if r.host_end}
        return {**{name: device.kind for name, device in self.facts.links.items()}, **ours}

    @cached_property
    def bridges(self) -> dict[str, list[BridgeEnd]]:
        """By name, whosesoever, their ports."""
        found: dict[str, list[BridgeEnd]] = {r.name: [] for r in self.state.of(Bridge)}
        for name, device in self.facts.links.items():
            if device.kind == "bridge":
                found.setdefault(name, [])
            if device.master:
                found.setdefault(device.master, []).append(BridgeEnd(name))
        for veth in (veth for veth in self.state.of(Veth) if veth.bridge):
            found.setdefault(veth.bridge, []).append(BridgeEnd(veth.host_name, veth, vlans=veth.vlans))
        for vxlan in self.state.of(Vxlan):
            found.setdefault(vxlan.bridge, []).append(BridgeEnd(vxlan.name, vxlan=vxlan))
        for port in self.state.of(BridgePort):
            known = [one for one in found.setdefault(port.bridge, []) if one.name != port.link]
            found[port.bridge] = [*known, BridgeEnd(port.link, vlans=port.vlans)]
        return found

    @cached_property
    def veths(self) -> dict[tuple[str, str], Veth]:
        """By both ends."""
        inside = {(r.ns, r.name): r for r in self.state.of(Veth)}
        return inside | {(HOST, r.host_name): r for r in self.state.of(Veth)}

    @cached_property
    def attached(self) -> dict[str, list[Link]]:
        """By sandbox, its links."""
        found: dict[str, list[Link]] = defaultdict(list)
        for link in (*self.state.of(Veth), *self.stacked.values()):
            found[link.ns].append(link)
        return found

    @cached_property
    def published(self) -> dict[str, list[tuple[Flow, int]]]:
        """By a container's address, the host's ports that lead there, with its own, or 0 for the same."""
        found: dict[str, list[tuple[Flow, int]]] = defaultdict(list)
        for e in self.state.of(Element):
            if flow := e.flow:
                ip, _, port = e.value.partition(" . ")
                found[ip].append((flow, int(port or 0)))
        return found

    @cached_property
    def children(self) -> dict[str, list[ChildLink]]:
        """By their parent."""
        found: dict[str, list[ChildLink]] = defaultdict(list)
        for child in (*self.state.of(Macvlan), *self.state.of(Ipvlan)):
            found[child.parent].append(child)
        return found

    @cached_property
    def stacked(self) -> dict[tuple[str, str], ChildLink]:
        return {(child.ns, child.name): child for those in self.children.values() for child in those}

    def has(self, child: ChildLink, ip: str) -> bool:
        if child.ns == HOST:
            return self.place(HOST).own.get(ip) == child.name
        return (child.ns, child.name) in self.holders.get(ip, ())

    def is_outer(self, bridge: str) -> bool:
        """Whether machines of a LAN are among its neighbours."""
        ours = self.state.get(Link.at(HOST, bridge))
        return not isinstance(ours, Bridge) or ours.group == OUTER

    def shows(self, bridge: str) -> bool:
        """Whether the chains of inet see what it forwards."""
        ours = self.state.get(Link.at(HOST, bridge))
        return self.facts.bridged or bool(getattr(ours, "netfilter", ""))

    def filters_vlans(self, bridge: str) -> bool:
        ours = self.state.get(Link.at(HOST, bridge))
        return bool(getattr(ours, "filtering", self.facts.links.get(bridge, Device()).filtering))

    @cached_property
    def remotes(self) -> dict[tuple[str, str], str]:
        """By bridge and address, the MAC of who is known to be there."""
        return {
            (r.link, entry.split(" ")[0]): entry.split(" ")[1]
            for r in self.state.of(Neighbours)
            for entry in r.entries
        }

    @cached_property
    def forwarding_entries(self) -> dict[str, dict[str, str]]:
        """By VXLAN link, where each MAC is."""
        pairs = {r.link: [entry.split(" ") for entry in r.entries] for r in self.state.of(FdbEntries)}
        return {link: dict(those) for link, those in pairs.items()}

    def setting(self, name: str, ns: str = HOST) -> str:
        """Of the sysctls that are known; "" for another."""
        found = self.state.get(Sysctl.at(ns, name))
        return found.value if isinstance(found, Sysctl) else ""

    def forwards(self, number: int, link: str) -> bool:
        """Whether the host passes on what comes in by this link."""
        whole = self.setting(FORWARD[number]) or str(int(self.facts.forwarding[number == 6]))
        # To switch it on is to switch it on for every link (inet_forward_change).
        if whole != "1" or number == 6 or not self.facts.forwarding[0]:
            return whole == "1"
        here = self.setting(FORWARDING.format(link))
        return here == "1" if here else self.facts.links.get(link, Device()).forwards

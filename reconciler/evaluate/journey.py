"""The way of a packet in the kernel's order, hook by hook: out of a namespace, over links, into another."""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import Unjudged
from ..family import family
from ..kinds.link import NATIVE, Bridge, HandedVeth, Link
from ..kinds.ownership import HOST
from ..kinds.stacked_link import ChildLink, Dummy
from .chains import Hop, Passing
from .packet import Packet, Tracked
from .routes import Asking, NextHop
from .world import BridgeEnd, Namespaced, World

OUTSIDE = "outside"
LOCALNET = "net/ipv4/conf/{}/route_localnet"
NOT_FURTHER = {
    "prohibit": "the routing policy lets nothing in that the firewall has not admitted",
    "unreachable": "there is no route",
    "blackhole": "a route leads nowhere",
}


class Stopped(Exception):
    """It goes no further: by a rule, or for what these words say."""

    def __init__(self, words: str, hop: Hop | None = None):
        super().__init__(words)
        self.words, self.hop = words, hop


class Arrival(NamedTuple):
    """Where a packet has come to: a namespace, another host, or outside by a link."""

    place: str
    link: str = ""


class Journey:
    """Of one connection: its first packet and the answer meet the same conntrack."""

    def __init__(self, world: World, draw: int = 0):
        self.world, self.draw, self.most = world, draw, 1
        self.trail: list[Hop] = []
        self.tracked: dict[str, Tracked] = {}
        self.host = world.place(HOST)

    # what a namespace sends and receives

    def send(self, place: Namespaced, packet: Packet) -> Arrival:
        packet.place, packet.iif = place, ""
        way = self.routed(place, packet, "lo")
        packet.src = packet.src or self.source(place, way, packet)
        packet.oif, before = way.link, (packet.dst, packet.mark)
        self.hook(place, "output", packet)
        if (packet.dst, packet.mark) != before:
            way = self.routed(place, packet, "lo")
            self.refuse_loopback(way, packet)
        return self.depart(place, way, packet)

    def depart(self, place: Namespaced, way: NextHop, packet: Packet) -> Arrival:
        packet.oif = way.link
        self.hook(place, "postrouting", packet)
        if way.kind == "local":
            return self.receive(place, "lo", packet)
        return self.transmit(place, way.link, way.via or packet.dst, packet)

    def receive(self, place: Namespaced, link: str, packet: Packet, *, seen: bool = False) -> Arrival:
        """`seen` where br_netfilter has shown it to prerouting already."""
        packet.place, packet.iif, packet.oif = place, link, ""
        packet.mark = packet.mark if seen or link == "lo" else 0
        if packet.dst == "::1" and link != "lo":  # ip6_rcv_core
            raise Stopped("::1 is nobody's but on the own loopback")
        if not seen:
            self.hook(place, "prerouting", packet)
        if place.routing.is_local(packet.dst):
            if link != "lo" and is_loopback(packet.dst) and self.world.setting(LOCALNET.format(link)) != "1":
                raise Stopped(f"{packet.dst} is nobody's but on the own loopback")
            self.hook(place, "input", packet)
            return Arrival(place.name, link)
        if place.name != HOST:
            raise Stopped(f"{packet.dst} is no address of {place.name}")
        if not self.world.forwards(packet.family, link):
            raise Stopped(f"the host forwards no IPv{packet.family} that comes in by {link}")
        way = self.routed(place, packet, link)
        packet.oif = way.link
        self.hook(place, "forward", packet)
        return self.depart(place, way, packet)

    def routed(self, place: Namespaced, packet: Packet, iif: str) -> NextHop:
        way = place.find(packet.dst, Asking(iif, packet.src, packet.mark))
        if way.kind not in ("unicast", "local"):
            said = way.by.key if way.by else f"no route to {packet.dst}"
            hop = Hop(f"{place.name} routing", "", "", said, way.kind)
            self.trail.append(hop)
            words = NOT_FURTHER[way.kind]
            if way.by is None:
                words = f"{place.name} has no IPv{packet.family} route to {packet.dst}"
            elif way.by.key.startswith("rule "):
                words = f"{iif} is of an internal network: nothing that comes from there is routed"
            raise Stopped(words, hop)
        return way

    def source(self, place: Namespaced, way: NextHop, packet: Packet) -> str:
        if way.kind == "local":
            return "127.0.0.1" if is_loopback(packet.dst) and packet.family == 4 else packet.dst
        if found := way.src or place.routing.primary(way.link, packet.family):
            return found
        raise Stopped(f"{place.name} has no IPv{packet.family} address on {way.link}")

    def refuse_loopback(self, way: NextHop, packet: Packet) -> None:
        """Linux sends nothing from 127.0.0.1 elsewhere, unless told (__mkroute_output)."""
        if way.kind != "unicast" or not is_loopback(packet.src):
            return
        if packet.family == 6 or self.world.setting(LOCALNET.format(way.link)) != "1":
            raise Stopped(f"nothing from {packet.src} leaves by {way.link} (route_localnet)")

    # links

    def transmit(self, place: Namespaced, link: str, target: str, packet: Packet) -> Arrival:
        """Out by a link, to the neighbour that has `target`."""
        world = self.world
        if child := world.stacked.get((place.name, link)):
            return self.on_lan(child, target, packet)
        veth = world.veths.get((place.name, link))
        if place.name == HOST and link in world.bridges:
            return self.emit(link, target, packet)
        if veth is None and place.name != HOST:
            raise Unjudged(f"{link} of {place.name} is made by somebody else: nobody can tell where it leads")
        if veth is None:
            return Arrival(OUTSIDE, link)
        packet.smac = veth.mac if place.name != HOST else ""
        if veth.bridge and place.name != HOST:
            ends = world.bridges[veth.bridge]
            return self.switch(
                veth.bridge, next(end for end in ends if end.name == veth.host_name), target, packet
            )
        if place.name == HOST:
            return self.enter(veth.ns, veth.name, packet)
        return self.receive(self.host, veth.host_name, packet)

    def enter(self, sandbox: str, link: str, packet: Packet) -> Arrival:
        return self.receive(self.world.place(sandbox), link, packet)

    def switch(self, bridge: str, end: BridgeEnd, target: str, packet: Packet) -> Arrival:
        """In by a port of a bridge: to the host, or on to another port."""
        packet.place, packet.iif, packet.oif, packet.mark = self.host, end.name, "", 0
        to_host = self.host.own.get(target) == bridge and self.vlan(bridge, end) == NATIVE
        shown, dst = self.world.shows(bridge), packet.dst
        ours = self.world.state.get(Link.at(HOST, bridge))
        packet.dmac = ours.mac if to_host and isinstance(ours, Bridge) else self.mac(bridge, target)
        self.bridge_hook(bridge, "prerouting", packet)
        led, local = shown and packet.dst != dst, self.host.routing.is_local(packet.dst)
        if not to_host and not (led and local):
            return self.forward(bridge, end, target, packet)
        if led and not local:
            way = self.routed(self.host, packet, bridge)
            if way.link == bridge:  # br_nf_pre_routing_finish: straight on to the neighbour
                return self.forward(bridge, end, way.via or packet.dst, packet)
        return self.receive(self.host, bridge, packet, seen=shown)

    def forward(self, bridge: str, end: BridgeEnd, target: str, packet: Packet) -> Arrival:
        """From a port of a bridge to another."""
        out = self.end_of(bridge, target, self.vlan(bridge, end))
        if out is end and not (end.veth and end.veth.hairpin):
            raise Stopped(f"{bridge} sends nothing back by the port that it came in by")
        if out is not end and end.isolated and out.isolated:
            raise Stopped("`icc: false`: the bridge carries nothing from one of these containers to another")
        packet.iif, packet.oif = end.name, out.name
        for hook in ("forward", "postrouting"):
            self.bridge_hook(bridge, hook, packet)
        return self.deliver(out, target, packet)

    def emit(self, bridge: str, target: str, packet: Packet) -> Arrival:
        """From the host itself."""
        ours = self.world.state.get(Link.at(HOST, bridge))
        if isinstance(ours, Bridge) and self.world.remotes.get((bridge, target)) == ours.mac:
            raise Stopped(
                "the firewall has not admitted it: its route leads to the bridge itself, which drops it"
            )
        out = self.end_of(bridge, target, NATIVE)
        packet.iif, packet.oif, packet.smac = "", out.name, ""
        for hook in ("output", "postrouting"):
            self.run(self.host, "bridge", hook, packet)
        return self.deliver(out, target, packet)

    def deliver(self, out: BridgeEnd, target: str, packet: Packet) -> Arrival:
        if out.vxlan:
            mac = self.world.remotes.get((out.vxlan.bridge, target), "")
            return Arrival(self.world.forwarding_entries.get(out.name, {}).get(mac, OUTSIDE), out.name)
        if out.veth is None:
            return Arrival(OUTSIDE, out.name)
        if isinstance(out.veth, HandedVeth):
            return Arrival(out.veth.ns, out.veth.name)
        return self.enter(out.veth.ns, out.veth.name, packet)

    def end_of(self, bridge: str, target: str, vlan: int) -> BridgeEnd:
        """The port behind which somebody has this address, in this VLAN."""
        ends = [one for one in self.world.bridges[bridge] if vlan in self.vlans_of(bridge, one)]
        behind = self.world.holders.get(target, ())
        near = (end for end in ends if end.veth and (end.veth.ns, end.veth.name) in behind)
        if found := next(near, None):
            return found
        remote = [end for end in ends if end.vxlan and self.is_remote(end, bridge, target)]
        lan = [end for end in ends if not end.veth and not end.vxlan]
        if found := next(iter((*remote, *lan)), None):
            return found
        if any(end.veth and (end.veth.ns, end.veth.name) in behind for end in self.world.bridges[bridge]):
            raise Stopped(f"who has {target} is in another VLAN of {bridge} than {vlan}")
        raise Stopped(f"nobody on {bridge} has {target}")

    def is_remote(self, end: BridgeEnd, bridge: str, target: str) -> bool:
        """Whether it is known to be on another host; where nobody is, EVPN tells it."""
        known = self.world.forwarding_entries.get(end.name, {})
        return not known or (bridge, target) in self.world.remotes

    def vlan(self, bridge: str, end: BridgeEnd) -> int:
        return end.untagged if self.world.filters_vlans(bridge) else NATIVE

    def vlans_of(self, bridge: str, end: BridgeEnd) -> set[int]:
        """Those whose frames without a tag come out there; a LAN takes them with one."""
        if not self.world.filters_vlans(bridge):
            return {NATIVE}
        return {end.untagged} if end.veth else end.all_vlans

    def mac(self, bridge: str, target: str) -> str:
        behind = self.world.holders.get(target, ())
        ends = self.world.bridges[bridge]
        macs = (end.veth.mac for end in ends if end.veth and (end.veth.ns, end.veth.name) in behind)
        return next(macs, self.world.remotes.get((bridge, target), ""))

    def on_lan(self, child: ChildLink, target: str, packet: Packet) -> Arrival:
        """From a link on a parent, to another one there or to machines beyond."""
        world, parent = self.world, child.parent
        others = [one for one in world.children[parent] if one is not child and world.has(one, target)]
        private = "private" in (getattr(child, "mode", ""), getattr(child, "flag", ""))
        reflected = "vepa" in (getattr(child, "mode", ""), getattr(child, "flag", ""))
        if others and not private and not reflected:
            return self.receive(world.place(others[0].ns), others[0].name, packet)
        if others and private:
            raise Stopped(f"links on {parent} are private: none speaks to another")
        if self.host.own.get(target) == parent:
            raise Stopped(
                f"{parent} never talks to the links that stand on it (`host_access` gives the host one)"
            )
        if isinstance(world.state.get(Link.at(HOST, parent)), Dummy):
            raise Stopped(f"nobody on {parent} has {target}, and it leads nowhere")
        return Arrival(OUTSIDE, parent)

    # hooks

    def hook(self, place: Namespaced, hook: str, packet: Packet) -> None:
        """Those of IP; raises Stopped."""
        packet.place = place
        if hook in ("prerouting", "output") and place.name not in self.tracked:
            self.tracked[place.name] = Tracked(packet.ends, astray=packet.reply)
        packet.tracked = self.tracked.get(place.name)
        self.run(place, "inet", hook, packet)

    def bridge_hook(self, bridge: str, hook: str, packet: Packet) -> None:
        """Those of a bridge; with br_netfilter those of IP too, to which the bridge is both links."""
        ports, stopped = (packet.iif, packet.oif), []

        def inet() -> Hop | None:
            packet.iif, packet.oif = bridge, bridge if packet.oif else ""
            try:
                self.hook(self.host, hook, packet)
            except Stopped as error:
                stopped.append(error)
            packet.iif, packet.oif = ports
            packet.tracked = None
            return stopped[0].hop if stopped else None

        packet.tracked = None
        self.run(self.host, "bridge", hook, packet, inet if self.world.shows(bridge) else None)

    def run(
        self,
        place: Namespaced,
        layer: str,
        hook: str,
        packet: Packet,
        shown: Callable[[], Hop | None] | None = None,
    ) -> None:
        passing = Passing(place.firewall, packet, f"{place.name} {hook}", hook, self.trail)
        passing.choice, passing.primary = self.choose, place.routing.primary
        if stopped := passing.all(layer, shown):
            raise Stopped("", stopped)

    def choose(self, count: int) -> int:
        self.most = max(self.most, count)
        return self.draw % count


def is_loopback(ip: str) -> bool:
    return ip.startswith("127.") if family(ip) == 4 else ip == "::1"

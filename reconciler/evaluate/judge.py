"""Whether a connection gets through: its first packet is followed to where it goes, and the answer back."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import NamedTuple

from ..drivers.firewall.drops import TELLERS
from ..drivers.firewall.reasons import reason
from ..family import family
from ..kinds.link import Link
from ..kinds.nft import Element
from ..kinds.ownership import GROUP, HOST
from ..kinds.stacked_link import Dummy
from .chains import REFUSING, Hop
from .journey import OUTSIDE, Arrival, Journey, Stopped
from .packet import FiveTuple, Packet
from .routes import inside
from .world import UPLINK, BridgeEnd, World

CLIENT_PORT = 40000  # any that is nobody's


class Attempt(NamedTuple):
    """To open a connection; `origin` is a sandbox, the host, or outside."""

    origin: str
    dst: str
    port: int
    protocol: int = 6
    src: str = ""  # "" is what the kernel would take


class Judgement(NamedTuple):
    attempt: Attempt
    open: bool
    hops: tuple[Hop, ...]  # there, and
    back: tuple[Hop, ...] = ()  # of the answer
    place: str = ""  # where it ends: a sandbox, the host, outside, or the address of another host
    target: str = ""  # the address and port that it has there
    seen_as: str = ""  # the address from which it comes there
    words: str = ""  # why it is closed
    stopped: Hop | None = None  # by which rule, or routing decision
    alternatives: int = 1  # how many others could be drawn, itself included
    notes: tuple[str, ...] = ()  # what else could have a say

    @property
    def elements(self) -> tuple[Element, ...]:
        """All that rules looked up on its way, in order."""
        return tuple(dict.fromkeys(e for hop in self.hops for e in hop.elements))


def judge(world: World, attempt: Attempt, draw: int = 0) -> Judgement:
    """Raises Unjudged where nobody can tell."""
    journey = Journey(world, draw)
    hops: tuple[Hop, ...] = ()
    try:
        first, came, link = outward(journey, attempt)
        target, seen_as = first.target, first.src
        hops = tuple(journey.trail)
        answer(journey, attempt, first, came, link)
    except Stopped as stop:
        hop = stop.hop if stop.hop and stop.hop.verdict.split()[0] in REFUSING else None
        words = stop.words or why(hop, journey.trail) or "a rule refuses it"
        hops = hops or tuple(journey.trail)
        back = tuple(journey.trail[len(hops) :])
        return Judgement(attempt, False, hops, back, words=words, stopped=stop.hop, alternatives=journey.most)
    return Judgement(
        attempt,
        True,
        hops,
        tuple(journey.trail[len(hops) :]),
        came.place,
        target,
        seen_as,
        alternatives=journey.most,
        notes=(*notes(world, hops), *beyond(world, attempt, came)),
    )


def why(hop: Hop | None, trail: Sequence[Hop]) -> str:
    """What the rule says that refused, or the one that led there, past those that only tell of it."""
    led_by = next(
        (one.chain for one in reversed(trail) if hop and one.chain not in (hop.chain, *TELLERS)), ""
    )
    return reason(hop.chain, hop.rule, led_by) if hop else ""


def judgements(world: World, attempt: Attempt) -> Iterator[Judgement]:
    """One for each that could be drawn."""
    first = judge(world, attempt)
    yield first
    yield from (judge(world, attempt, draw) for draw in range(1, first.alternatives))


def notes(world: World, hops: tuple[Hop, ...]) -> Iterator[str]:
    """Of chains that are somebody else's only that they drop is known."""
    hooks = {hop.place.removeprefix(f"{HOST} ") for hop in hops if hop.place.startswith(f"{HOST} ")}
    for one in world.facts.blockers:
        if one.hook in hooks:
            yield f"{one} has a say too"


def beyond(world: World, attempt: Attempt, came: Arrival) -> Iterator[str]:
    if came.place == OUTSIDE and (holders := world.holders.get(attempt.dst)):
        yield f"it leaves by {came.link}: whether others lead it to {holders[0][0]} nobody here can tell"


def outward(journey: Journey, attempt: Attempt) -> tuple[Packet, Arrival, str]:
    """The packet as it came, where, and by which link of the host it entered, if from outside."""
    dst, port = attempt.dst, attempt.port
    if attempt.origin != OUTSIDE:
        packet = Packet(attempt.protocol, FiveTuple(attempt.src, CLIENT_PORT, dst, port))
        return packet, journey.send(journey.world.place(attempt.origin), packet), ""
    link, src = entrance(journey.world, dst)
    packet = Packet(attempt.protocol, FiveTuple(attempt.src or src, CLIENT_PORT, dst, port))
    return packet, enter(journey, packet, link), link


def answer(journey: Journey, attempt: Attempt, first: Packet, came: Arrival, link: str) -> None:
    """Raises Stopped where it does not come back, or as somebody else's."""
    back = Packet(first.protocol, FiveTuple(first.dst, first.dport, first.src, first.sport), reply=True)
    world, away = journey.world, came.place not in (HOST, *journey.world.sandboxes)
    try:
        if away:
            ended = enter(journey, back, came.link)
        elif is_handed(world, came.place):
            return
        else:
            ended = journey.send(world.place(came.place), back)
    except Stopped as stop:
        words = stop.words or why(stop.hop, journey.trail)
        raise Stopped(f"the answer does not come back: {words}", stop.hop) from None
    if attempt.origin == OUTSIDE and ended.link != link and link != uplink(world, attempt.dst):
        raise Stopped(f"the answer leaves by {ended.link}, and not to the LAN that the question came from")
    if ended.place != attempt.origin:
        raise Stopped(f"the answer goes to {ended.place}")
    if (back.src, back.sport) != (attempt.dst, attempt.port):
        raise Stopped(f"the answer comes from {back.src}, past whoever changed the address")


def is_handed(world: World, place: str) -> bool:
    """Whether all in it is somebody else's."""
    return place in world.sandboxes and not world.routes.get(place) and not world.addresses.get(place)


def enter(journey: Journey, packet: Packet, link: str) -> Arrival:
    """From a LAN, by a link of the host: to a machine there, a port of a bridge, or to the host."""
    world, host = journey.world, journey.host
    for child in world.children.get(link, ()):
        if world.has(child, packet.dst):
            return journey.receive(world.place(child.ns), child.name, packet)
    for bridge, ends in world.bridges.items():
        for end in (end for end in ends if end.name == link and end.veth is None):
            return journey.switch(bridge, end, neighbour(world, bridge, packet.dst), packet)
    return journey.receive(host, link, packet)


def neighbour(world: World, bridge: str, dst: str) -> str:
    """Whom a machine of a LAN sends it to: who has the address, or else the host."""
    if any(link_end(world, bridge, *holder) for holder in world.holders.get(dst, ())):
        return dst
    own = world.place(HOST).own
    return next((ip for ip, on in own.items() if on == bridge and family(ip) == family(dst)), dst)


def link_end(world: World, bridge: str, sandbox: str, link: str) -> BridgeEnd | None:
    ends = world.bridges[bridge]
    return next((end for end in ends if end.veth and (end.veth.ns, end.veth.name) == (sandbox, link)), None)


def entrance(world: World, dst: str) -> tuple[str, str]:
    """The link by which it comes from outside, and the address of somebody there."""
    for child in (c for those in world.children.values() for c in those):
        if world.has(child, dst) and not isinstance(world.state.get(Link.at(HOST, child.parent)), Dummy):
            return child.parent, somebody(world, dst, child.parent)
    for bridge, ends in world.bridges.items():
        lan = [end for end in ends if end.veth is None and end.vxlan is None]
        at_home = world.place(HOST).own.get(dst) == bridge
        if lan and (at_home or any(link_end(world, bridge, *one) for one in world.holders.get(dst, ()))):
            return lan[0].name, somebody(world, dst, bridge)
    link = uplink(world, dst)
    return link, somebody(world, "", link, family(dst))


def uplink(world: World, dst: str) -> str:
    """A link of the host that is none of ours, and leads on."""
    facts, number = world.facts, family(dst)
    own = facts.addresses.get(dst, "")
    ways = [link for link, vias in facts.gateways.items() if any(family(via) == number for via in vias)]
    others = [link for ip, link in facts.addresses.items() if link != "lo" and family(ip) == number]
    known = [
        link for link in (own, *ways, *others) if link and link != "lo" and world.groups.get(link) != GROUP
    ]
    return next(iter(known), UPLINK)


def routers(world: World) -> Iterator[str]:
    """Those to which containers send all that is elsewhere."""
    return (r.via for name, routes in world.routes.items() if name != HOST for r in routes if r.via)


def somebody(world: World, dst: str, link: str, number: int = 0) -> str:
    """An address of a LAN that is nobody's here: a router's, or else the last one of the prefix of `dst`."""
    number = number or family(dst)
    host = world.place(HOST)
    for via in (via for via in world.facts.gateways.get(link, ()) if family(via) == number):
        return via
    prefixes = [
        prefix for prefix, on in world.facts.onlink.items() if on == link and family(prefix) == number
    ]
    prefixes += [
        str(ip_network(f"{r.ip}/{r.prefix}", strict=False))
        for held in world.addresses.values()
        for r in held
        if r.ip == dst and r.prefix < (32 if number == 4 else 128)
    ]
    for prefix in prefixes:
        net = ip_network(prefix)
        near = (ip for ip in routers(world) if inside(ip, prefix))
        free = (*near, *(str(net[-n]) for n in range(2, min(net.num_addresses, 66))))
        found = next((ip for ip in free if ip not in world.holders and not host.routing.is_local(ip)), "")
        if found:
            return found
    return "192.0.2.2" if number == 4 else "2001:db8::2"

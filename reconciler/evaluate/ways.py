"""By which addresses somebody reaches something: its own, a service's, the host's where it is published."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..core.resource import Resource
from ..family import family
from ..kinds.balancer import Balancer
from ..kinds.link import Bridge, Link, NetworkLink, Veth
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from .journey import OUTSIDE, is_loopback
from .judge import Attempt, Judgement, judgements, uplink
from .literals import PROTOCOLS
from .world import World

SOMEWHERE = ("203.0.113.1", "2001:db8:ffff::1")  # addresses that are nobody's, to stand for all others
NUMBERS = {number: name for name, number in PROTOCOLS.items()}


class Goal(NamedTuple):
    """What is to be reached: sandboxes, the host, outside, or an address; `port` is 0 for a ping."""

    names: tuple[str, ...] = ()  # of sandboxes, or of one of the others
    address: str = ""
    port: int = 0
    protocol: str = "tcp"
    called: str = ""  # a name of the outside, for which SOMEWHERE stands


def attempts(world: World, origin: str, goal: Goal, src: str = "") -> list[Attempt]:
    """The likeliest first."""
    if goal.address:
        ips = [(goal.address, goal.port)]
    elif goal.names == (HOST,):
        ips = [(ip, goal.port) for ip in host_addresses(world, origin)]
    elif goal.called or goal.names == (OUTSIDE,):
        ips = [(ip, goal.port) for ip in SOMEWHERE]
    else:
        ips = [pair for name in goal.names for pair in ways_to(world, origin, name, goal)]
    return [
        Attempt(origin, ip, port, number(goal.protocol, ip), src)
        for ip, port in dict.fromkeys(ips)
        if ip
        if not src or family(src) == family(ip)
    ]


def number(protocol: str, ip: str) -> int:
    return PROTOCOLS["icmpv6" if protocol == "icmp" and family(ip) == 6 else protocol]


def ways_to(world: World, origin: str, name: str, goal: Goal) -> Iterator[tuple[str, int]]:
    own = [r.ip for r in world.addresses.get(name, ()) if not r.ip.startswith("fe80")]
    yield from ((ip, goal.port) for ip in virtual(world, origin, goal.names))
    published = [*doors(world, own, goal)]
    if origin in (OUTSIDE, HOST):
        yield from ((at_host(world, origin, *door), door[1]) for door in published)
    yield from ((ip, goal.port) for ip in own)
    if origin not in (OUTSIDE, HOST, name) and not common(world, origin, name):
        yield from ((at_host(world, origin, *door), door[1]) for door in published)


def virtual(world: World, origin: str, names: Iterable[str]) -> list[str]:
    """Addresses of services behind which these stand alone, where the origin balances them."""
    own = {r.ip for name in names for r in world.addresses.get(name, ())}
    balancer = world.state.get(Balancer.at(origin))
    servers = balancer.servers if isinstance(balancer, Balancer) else ()
    return [ip for ip, _, backends in servers if backends and {backend for backend, _ in backends} <= own]


Door = tuple[str, int, int]  # an address of the host or "" for any, a port of it, and the family


def doors(world: World, own: Iterable[str], goal: Goal) -> Iterator[Door]:
    """Ports of the host that lead to that port of the container."""
    for flow, port in (one for ip in own for one in world.published.get(ip, ())):
        if flow.protocol == goal.protocol and port == goal.port:
            yield flow.ip, flow.first, flow.family
        elif flow.protocol == goal.protocol and not port and flow.first <= goal.port <= flow.last:
            yield flow.ip, goal.port, flow.family


def at_host(world: World, origin: str, ip: str, port: int, number: int) -> str:
    """The address of the host at which somebody knocks."""
    return ip or next((one for one in host_addresses(world, origin) if family(one) == number), "")


def host_addresses(world: World, origin: str) -> list[str]:
    """Its own, as they are seen from there: of the uplink, of the gateway, or loopback."""
    host = world.place(HOST)
    known = [ip for ip in host.own if not ip.startswith("fe80") and not is_loopback(ip)]
    if origin == HOST:
        return ["127.0.0.1", *(ip for ip in known if family(ip) == 6)][:2]
    if origin == OUTSIDE:
        links = {number: uplink(world, ip) for number, ip in zip((4, 6), SOMEWHERE, strict=True)}
        return [ip for ip in known if host.own[ip] == links[family(ip)]]
    segments = {link.bridge or link.host_name for link in world.state.of(Veth) if link.ns == origin}
    near = [ip for ip in known if host.own[ip] in segments]
    return near or known[:2]


def judged(world: World, origins: Iterable[str], goal: Goal, src: str = "") -> list[Judgement]:
    """Every way from each of these origins; the same way is told once for each that may be drawn."""
    found = (judgements(world, one) for origin in origins for one in attempts(world, origin, goal, src))
    return [one for some in found for one in some]


class Lack(NamedTuple):
    """What would have to be written, and about which of what stands."""

    words: str
    about: tuple[Resource, ...]


def lacks(world: World, origin: str, goal: Goal) -> Iterator[Lack]:
    """Why there is no way, as far as manifests say it."""
    if goal.names == (OUTSIDE,) and (found := internal(world, origin)):
        yield Lack(f"{origin} is on internal networks alone: {', '.join(map(network, found))}", (*found,))
    for name in goal.names if goal.names not in ((HOST,), (OUTSIDE,)) else ():
        box = world.sandboxes.get(name)
        about: tuple[Resource, ...] = (box,) if box else ()
        if origin in (OUTSIDE, HOST) and goal.port:
            own = [r.ip for r in world.addresses.get(name, ())]
            if not [*doors(world, own, goal)] and not reachable(world, own, goal):
                yield Lack(f"nothing publishes {goal.port}/{goal.protocol} of {name}", about)
        elif origin in world.sandboxes and origin != name and not common(world, origin, name):
            yield Lack(f"{origin} and {name} are on no network together", (world.sandboxes[origin], *about))


def internal(world: World, sandbox: str) -> list[Resource]:
    """Its networks, where all of them lead nowhere."""
    mine = segments(world, sandbox)
    inside = {e.item for e in world.state.of(Element) if e.map == "internal"}
    return [*mine.values()] if mine.keys() <= inside else []


def reachable(world: World, own: Iterable[str], goal: Goal) -> bool:
    items = {f"{ip} . {goal.protocol} . {goal.port}" for ip in own}
    return any(e.item in items for e in world.state.of(Element) if e.map.startswith("reachable"))


def segments(world: World, sandbox: str) -> dict[str, Resource]:
    """The networks that it is on: by bridge or parent, what stands there on the host."""
    links = world.attached.get(sandbox, ())
    names = {getattr(r, "bridge", "") or getattr(r, "parent", "") for r in links} - {""}
    return {name: found for name in names if (found := world.state.get(Link.at(HOST, name)))}


def common(world: World, one: str, other: str) -> list[Resource]:
    mine = segments(world, one)
    return [mine[name] for name in segments(world, other) if name in mine]


def network(r: Resource) -> str:
    return r.network if isinstance(r, NetworkLink | Bridge) else ""

"""What Linux misses when something is made, and what it takes along when something goes; for the fake
kernel."""

import errno
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from ...core.plan import Step
from ...core.resource import Key, Resource, state
from ...kinds.address import Address
from ...kinds.bridge_port import BridgePort
from ...kinds.file import File
from ...kinds.link import Link, Veth
from ...kinds.namespace import Namespace
from ...kinds.nft import Chain, Element, Map, Table
from ...kinds.overlay import FdbEntries, Neighbours, OddFdbEntries, Vxlan
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ...kinds.sysctl import Sysctl

Held = Mapping[Key, Resource]
Live = MutableMapping[Key, Resource]
JUMP = re.compile(r"\b(?:jump|goto) ([\w-]+)")


def missing(r: Resource, held: Held) -> int:
    """The errno for what `r` needs and does not find; 0 when all stands."""
    ns = getattr(r, "ns", HOST)
    match r:
        case File():
            return 0  # /etc/netns/NAME needs no namespace of that name
        case _ if ns != HOST and Namespace.at(ns) not in held:
            return errno.ENOENT
        case Veth(bridge=bridge) | Vxlan(bridge=bridge) if bridge and Link.at(HOST, bridge) not in held:
            return errno.ENODEV
        case BridgePort(link=link, bridge=bridge) if (
            not {Link.at(HOST, link), Link.at(HOST, bridge)} <= held.keys()
        ):
            return errno.ENODEV
        case Address() | FdbEntries() | OddFdbEntries() | Neighbours() if Link.at(ns, r.link) not in held:
            return errno.ENODEV
        case Route(link=link) if link:
            return unroutable(r, held)
        case Sysctl(link=link) if link and Link.at(ns, link) not in held:
            return errno.ENOENT
        case Map() | Chain() if Table.at(r.family, r.table) not in held:
            return errno.ENOENT
        case Element() if Map.at(r.family, r.table, r.map) not in held:
            return errno.ENOENT
    return 0


def unroutable(route: Route, held: Held) -> int:
    """Why fib_create_info or ip6_route_info_create refuse a route over a link."""
    link = held.get(Link.at(route.ns, route.link))
    if not isinstance(link, Link):
        return errno.ENODEV
    if not link.up:
        return errno.ENETDOWN
    if route.src and Address.at(route.ns, route.link, route.src) not in held:
        return errno.EINVAL
    if route.via and not route.onlink and not any(reaches(r, route) for r in held.values()):
        return errno.EHOSTUNREACH if ":" in route.via else errno.ENETUNREACH
    return 0


def reaches(r: Resource, route: Route) -> bool:
    """Whether `r` is an address that makes the route's gateway a neighbour."""
    if not isinstance(r, Address) or (r.ns, r.link) != (route.ns, route.link):
        return False
    return ip_address(route.via) in ip_network(f"{r.ip}/{r.prefix}", strict=False)


def names(r: Resource) -> Iterator[tuple[str, str]]:
    """The names that a link takes: a pair has one in its sandbox and one on the host."""
    if isinstance(r, Link):
        yield r.ns, r.name
    if isinstance(r, Veth):
        yield HOST, r.host_name


def bury(old: Resource, live: Live) -> None:
    """Take `old` away, and with it what Linux does not let stand alone."""
    del live[old.key]
    match old:
        case Namespace(name=name):
            drop(live, lambda r: getattr(r, "ns", HOST) == name and not isinstance(r, File))
        case Link():
            ends = set(names(old))
            drop(live, lambda r: (getattr(r, "ns", HOST), getattr(r, "link", "")) in ends)
            ports = (r for r in live.values() if isinstance(r, Veth | Vxlan) and (HOST, r.bridge) in ends)
            live.update(state(*(replace(r, bridge="") for r in ports)))
            drop(live, lambda r: isinstance(r, BridgePort) and (HOST, r.bridge) in ends)
            for child in [r for r in live.values() if (HOST, getattr(r, "parent", "")) in ends]:
                bury(child, live)
        case Address():
            forget(old, live)
        case Table(family=family, name=name):
            drop(
                live,
                lambda r: (
                    (getattr(r, "family", ""), getattr(r, "table", "")) == (family, name)
                    and isinstance(r, Map | Chain | Element)
                ),
            )
        case Map():
            drop(live, lambda r: isinstance(r, Element) and old.key in r.within)


def forget(old: Address, live: Live) -> None:
    """IPv4 deletes the routes that prefer this source, and every route of a link with its last address."""

    def beside(r: Resource) -> bool:
        return isinstance(r, Address | Route) and (r.ns, r.link) == (old.ns, old.link)

    if ":" in old.ip:
        sourced = (r for r in live.values() if isinstance(r, Route) and beside(r) and r.src == old.ip)
        live.update(state(*(replace(r, src="") for r in sourced)))
        return
    last = not any(beside(r) and isinstance(r, Address) and ":" not in r.ip for r in live.values())
    if last:
        ends = (old.ns, old.link)
        told = (r for r in live.values() if isinstance(r, Neighbours) and (r.ns, r.link) == ends)
        live.update(state(*(replace(r, entries=()) for r in told)))
    routes = [r for r in live.values() if beside(r) and isinstance(r, Route) and ":" not in r.dst]
    drop(live, lambda r: r in routes and (last or r.src == old.ip))


def lower(link: Link, live: Live) -> None:
    """A link that goes down loses its routes and, without keep_addr_on_down, its IPv6 addresses."""
    drop(
        live,
        lambda r: (
            (getattr(r, "ns", ""), getattr(r, "link", "")) == (link.ns, link.name)
            and (isinstance(r, Route) or isinstance(r, Address) and ":" in r.ip)
        ),
    )


def drop(live: Live, which: Callable[[Resource], bool]) -> None:
    for key in [key for key, r in live.items() if which(r)]:
        del live[key]


def user(old: Resource, batch: Sequence[Step], live: Held) -> Key | None:
    """Who keeps nftables from deleting `old`; the chains and maps of a batch are flushed before anything."""
    flushed = {step.resource.key for step in batch}
    users = (r for r in live.values() if old.key in needs(r))
    return next((r.key for r in users if flushed.isdisjoint((r.key, *r.within))), None)


def dangling(live: Held) -> Key | None:
    """What a chain or an element names and nobody made."""
    return next((key for r in live.values() for key in needs(r) if key not in live), None)


def needs(r: Resource) -> list[Key]:
    """The maps that a chain looks up, and the chains that it or an element jumps to."""
    match r:
        case Chain():
            jumps = [Chain.at(r.family, r.table, name) for rule in r.rules for name in JUMP.findall(rule)]
            return [*r.refers, *jumps]
        case Element(value=verdict):
            return [Chain.at(r.family, r.table, name) for name in JUMP.findall(verdict)]
    return []

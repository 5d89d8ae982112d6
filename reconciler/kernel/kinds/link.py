"""What is alike in all kinds of links, and links that belong to nothing declared."""

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypedDict, TypeVar

from ...core.resource import state
from ...kinds.address import Address
from ...kinds.bridge_port import BridgePort
from ...kinds.link import AtLink, Intruder, Link, OrphanVeth, Veth
from ...kinds.overlay import Vxlan
from ...kinds.ownership import HOST, owner
from ...kinds.route import Route
from .. import netns
from ..apply.requests import post_for
from ..netlink import links as rtnl
from ..netlink.links import DELLINK
from ..netlink.socket import Message, u32
from .namespace import absent_place
from .table import KINDS, Held, Kind, Live, Readings, Requests, Resource, Seen, Step, View, register

L = TypeVar("L", bound=Link)
NAMELESS = "reconciler-new"


def create(link: Link, parent: int, ns: int) -> Message:
    """Sent on the host, where `parent` has its index; the link is made in the namespace `ns`, by descriptor.

    Linux 6.1 wants its name and its index to be free on the host too, so that in a sandbox
    it is named later."""
    head = rtnl.named(link.name if link.ns == HOST else NAMELESS)
    head += rtnl.group(link)
    head += u32(rtnl.IFLA_LINK, parent) if parent else b""
    head += rtnl.namespace(ns) if link.ns != HOST else b""
    kind = KINDS[type(link)]
    return rtnl.creation(head + rtnl.info(kind.link_kind, kind.link_data(link)))


def make(requests: Requests, step: Step, link: Link) -> None:
    """On the host, where its parent is, straight into the place of the step; one that stands is left."""
    requests.flush()
    if step.op != "+":
        return
    with netns.kept() as here:
        made = create(link, requests.batch.index(getattr(link, "parent", "")), here)
        post_for(step, requests.batch.host, [made])
    if link.ns != HOST:
        index = requests.made(link.name, rtnl.index_of(requests.channel, NAMELESS))
        requests.add(step, rtnl.change(rtnl.ifinfo(index) + rtnl.name(link.name)))


def settings(link: Link, more: bytes = b"") -> list[Message]:
    """What every link that stands on another is told, and `more`."""
    head = rtnl.named(link.name)
    mine = more + rtnl.size(link) + rtnl.alias(link) + rtnl.group(link)
    return [rtnl.change(head + mine), rtnl.change(head + rtnl.addressing(link))]


def put(requests: Requests, step: Step, link: Link, more: bytes = b"") -> None:
    make(requests, step, link)
    requests.add(step, *settings(link, more), rtnl.raised(link))


def remove(requests: Requests, step: Step, link: Link) -> None:
    """In a sandbox: what has an end on the host goes with the batch."""
    requests.add(step, Message(DELLINK, 0, rtnl.named(link.name)))


class LinkFields(TypedDict):
    """What is read alike of every link."""

    ns: str
    name: str
    mtu: int
    up: bool
    ungrouped: bool


class NetworkFields(LinkFields):
    """And of every one that is a network's,"""

    project: str
    network: str


class ChildFields(NetworkFields):
    """and stands on another of the host."""

    parent: str


def plain_link(ns: str, seen: Seen) -> LinkFields:
    return {"ns": ns, "name": seen.name, "mtu": seen.mtu, "up": seen.up, "ungrouped": seen.ungrouped}


def network_link(ns: str, seen: Seen) -> NetworkFields:
    """An alias names the project, and behind it the network."""
    network = seen.alias.partition("/")[2].partition("/")[2]
    return {**plain_link(ns, seen), "project": owner(seen.alias), "network": network}


def child_link(readings: Readings, ns: str, seen: Seen) -> ChildFields:
    """The alias of a link in a sandbox is up to whoever is root there: it says nothing of whose it is."""
    said, parent = network_link(ns, seen), readings.view(HOST).names.get(seen.number(rtnl.IFLA_LINK), "")
    if ns != HOST and said["project"] != readings.project(ns):
        said |= {"project": readings.project(ns), "network": ""}
    return {**said, "parent": parent}


def in_the_way(view: View, wanted: Link) -> Iterator[Intruder]:
    if seen := view.by_name.get(wanted.name):
        yield Intruder(**plain_link(wanted.ns, seen) | {"name": wanted.name})


def orphan_of(seen: Seen) -> OrphanVeth:
    return OrphanVeth(**plain_link(HOST, seen), project=owner(seen.alias))


def remove_intruder(requests: Requests, _: Step, intruder: Intruder) -> None:
    from ..apply.evict import evict  # which no plan need pay for

    requests.flush()
    evict(requests.channel, intruder.name)


def missing(link: Link, held: Held) -> int:
    """Its place, or names that nobody else has."""
    wanted, others = {*link.names}, (r for r in held.values() if isinstance(r, Link) and r.key != link.key)
    taken = any(not wanted.isdisjoint(r.names) for r in others)
    return errno.EEXIST if taken else absent_place(link.place or HOST, held)


def absent_link(r: AtLink, held: Held) -> int:
    """The errno for making something on a link that does not stand."""
    return absent_place(r.ns, held) or (0 if link_with_end(r.ns, r.link, held) else errno.ENODEV)


def link_with_end(ns: str, name: str, held: Held) -> Link | None:
    """The link that is called so there, or whose other end is."""
    key = Link.at(ns, name)
    found = held.get(key) or next((r for r in held.values() if key in r.ends), None)
    return found if isinstance(found, Link) else None


def missing_bridge(link: Veth | Vxlan, held: Held) -> int:
    lost = bool(link.bridge) and Link.at(HOST, link.bridge) not in held
    return missing(link, held) or (errno.ENODEV if lost else 0)


def cascade(old: Link, live: Live) -> None:
    """All that stands on it goes; its ports stay, but for those that are lent."""
    ends = {*old.names}
    for r in [*live.values()]:
        if (getattr(r, "ns", HOST), getattr(r, "link", "")) in ends:
            live.pop(r.key, None)
        elif (HOST, getattr(r, "parent", "")) in ends and r.key in live:
            del live[r.key]
            KINDS[type(r)].cascade(r, live)
        elif isinstance(r, BridgePort) and (HOST, r.bridge) in ends:
            live.pop(r.key, None)
    ports = (r for r in live.values() if isinstance(r, Veth | Vxlan) and (HOST, r.bridge) in ends)
    live.update(state(*(replace(r, bridge="") for r in ports)))


def changed(link: Link, live: Live) -> None:
    """A link that goes down loses its routes and, without keep_addr_on_down, its IPv6 addresses."""
    lost = (r for r in live.values() if isinstance(r, Route) or (isinstance(r, Address) and ":" in r.ip))
    for r in [r for r in lost if (r.ns, r.link) == (link.ns, link.name)] if not link.up else ():
        del live[r.key]


@dataclass(kw_only=True, eq=False, repr=False)
class LinkKind(Kind[L]):
    """A kind of link: what is alike in all of them."""

    put: Callable[[Requests, Step, L], object] = put
    remove: Callable[[Requests, Step, L], object] = remove
    in_the_way: Callable[[View, L], Iterable[Resource]] = in_the_way
    missing: Callable[[L, Held], int] = missing
    absent: int = errno.ENODEV
    cascade: Callable[[L, Live], object] = cascade
    changed: Callable[[L, Live], object] = changed


register(LinkKind(of=Link))
register(LinkKind(of=OrphanVeth))
register(LinkKind(of=Intruder, remove=remove_intruder))

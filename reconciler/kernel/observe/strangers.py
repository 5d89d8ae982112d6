"""What stands and is nobody's: namespaces that have names, what leads from them to the host, and its bridges.
In the words of our own kinds, and of no project."""

from collections.abc import Iterator
from dataclasses import replace

from ...core.resource import Resource
from ...kinds.link import Link, NetworkLink
from ...kinds.namespace import Namespace
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ..kinds.address import addresses_of
from ..kinds.veth import Switched, veth_of
from ..netlink.links import IFLA_LINK, Seen, ip_of
from ..netlink.socket import open_socket
from .readings import View
from .routes import seen as seen_routes
from .snapshot import LINKS, Snapshot

STACKED = ("macvlan", "ipvlan")
LOOPBACK = 1  # the index that it has everywhere


def strangers(snapshot: Snapshot) -> Iterator[Resource]:
    """Raises OSError of a namespace that cannot be looked into."""
    with open_socket() as snapshot.host:
        yield from nobodys(snapshot)


def nobodys(snapshot: Snapshot) -> Iterator[Resource]:
    for name in snapshot.names:
        if not snapshot.project(name):
            yield Namespace(name=name, project="")
            yield from inside(snapshot, snapshot.view(name))
    host = snapshot.view(HOST)
    for seen in host.links.values():
        if seen.kind == "bridge" and not seen.ours:
            yield from nobodys_link(snapshot, HOST, seen)
    yield from addresses_of(host, ours=False)


def inside(snapshot: Snapshot, view: View) -> Iterator[Resource]:
    outside = snapshot.view(HOST)
    for index, seen in view.links.items():
        other = outside.links.get(seen.number(IFLA_LINK)) if view.leads_out(seen) else None
        if seen.kind == "veth" and other:
            yield replace(veth_of(view.ns, (seen, other), outside.names, Switched((), "", "")), project="")
        elif seen.kind in STACKED and other:
            yield from nobodys_link(snapshot, view.ns, seen)
        elif index != LOOPBACK:
            yield Link(ns=view.ns, name=seen.name, mtu=seen.mtu, up=seen.up)
    yield from addresses_of(view, ours=False)
    yield from ways(view)


def nobodys_link(snapshot: Snapshot, ns: str, seen: Seen) -> Iterator[Resource]:
    """Whatever its alias says."""
    for link in LINKS[seen.kind].decode_link(snapshot, ns, seen):
        if isinstance(link, NetworkLink):
            yield replace(link, project="", network="")


def ways(view: View) -> Iterator[Route]:
    """The routes that somebody has set: to neighbours the kernel's own lead."""
    for one in seen_routes(view.dumps[Route]):
        if one.main and one.unicast and one.via and one.link in view.names:
            yield Route(ns=view.ns, dst=one.prefix, link=view.names[one.link], via=ip_of(one.via))

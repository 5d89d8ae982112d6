"""What stands in one namespace: read in one visit."""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf

from ...kinds.address import Address
from ...kinds.ownership import HOST, PROTOCOL
from ...kinds.route import Route
from ...kinds.rule import Rule
from ...kinds.sysctl import Sysctl
from ..netlink import addresses_routes_rules
from ..netlink import links as rtnl
from ..netlink.socket import attributes, dump, families, get, open_socket, u32

PROC = "/proc/sys/"
GETNSID, NSID, NSID_FD = 90, 1, 3  # linux/net_namespace.h
MOST = 2000  # objects of a kind that are looked through in a sandbox: 30 ms each, and others wait for it
Narrow = Sequence[bytes]  # requests for a part each


@dataclass
class View:
    """A namespace's links by index, its addresses, routes and rules that are ours, and the other routes as
    bytes."""

    links: dict[int, rtnl.Seen]
    host: int = -1  # the number that the host has in there
    addresses: list[Address] = field(default_factory=list)
    strange: list[Address] = field(default_factory=list)  # those that bear no mark of ours
    routes: list[Route] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    foreign: list[bytes] = field(default_factory=list)

    @cached_property
    def names(self) -> dict[int, str]:
        return {index: link.name for index, link in self.links.items()}

    @cached_property
    def by_name(self) -> dict[str, rtnl.Seen]:
        """With the other names that links may have; a name of its own comes first."""
        other = {name: link for link in self.links.values() for name in link.altnames}
        return other | {link.name: link for link in self.links.values()}

    def leads_out(self, link: rtnl.Seen) -> bool:
        """Whether what it stands on, or its other end, is a link of the host; only the kernel says so."""
        return rtnl.NETNSID in link.found and link.number(rtnl.NETNSID) == self.host

    def setting(self, sysctl: Sysctl) -> Sysctl | None:
        """A sysctl as the link dump tells it; None where it does not."""
        link = self.by_name.get(sysctl.link)
        value = rtnl.setting(link, sysctl.name) if link else None
        return None if value is None else valued(sysctl, value)


def look(ns: str, home: int) -> View:
    """Everything in the namespace that the calling thread is in; `home` is a descriptor of the host's."""
    with open_socket() as channel:
        most = inf if ns == HOST else MOST
        links = {s.index: s for s in map(rtnl.Seen, dump(channel, rtnl.GETLINK, rtnl.ALL_LINKS, most))}
        view = View(links) if ns == HOST else View(links, number_of(home, channel))
        names = view.names
        found = addresses(channel, view, most)
        view.strange = (
            list(addresses_routes_rules.addresses_of(ns, found, names, ours=False)) if ns != HOST else []
        )
        connected: set[addresses_routes_rules.Prefix] = set()
        for family in families():
            told = routes(channel, family, most)
            view.routes += addresses_routes_rules.routes_of(ns, told, names)
            connected |= set(addresses_routes_rules.connected(told, names))
            if ns == HOST:
                view.foreign += told
                view.rules += addresses_routes_rules.rules_of(
                    dump(channel, rtnl.GETRULE, addresses_routes_rules.all_rules(family))
                )
    down = {seen.name for seen in links.values() if not seen.up}  # which have no routes
    ours = addresses_routes_rules.addresses_of(ns, found, names)
    view.addresses = [a if a.link in down else addresses_routes_rules.rooted(a, connected) for a in ours]
    return view


def addresses(channel: socket.socket, view: View, most: float) -> list[bytes]:
    """All, or where those are too many the ones of links that lead to the host."""
    leading = (
        addresses_routes_rules.of_link(index) for index, seen in view.links.items() if view.leads_out(seen)
    )
    return narrowed(channel, rtnl.GETADDR, (addresses_routes_rules.ALL_ADDRESSES, *leading), most)


def routes(channel: socket.socket, family: int, most: float) -> list[bytes]:
    """All, or where those are too many ours, and those of the kernel's that lead to neighbours."""
    connected = addresses_routes_rules.all_routes(
        family, addresses_routes_rules.MAIN, addresses_routes_rules.KERNEL
    )
    parts = (
        addresses_routes_rules.all_routes(family),
        addresses_routes_rules.all_routes(family, protocol=PROTOCOL),
        connected,
    )
    return narrowed(channel, rtnl.GETROUTE, parts, most)


def narrowed(channel: socket.socket, kind: int, asked: Narrow, most: float) -> list[bytes]:
    """What the first request yields; if that is more than is looked through, what the others yield."""
    whole, *parts = asked
    try:
        return dump(channel, kind, whole, most)
    except OSError as error:
        if error.errno != errno.EOVERFLOW:
            raise
    with open_socket() as fresh:  # what is left of the answer goes with the old one
        os.dup2(fresh.fileno(), channel.fileno(), inheritable=False)
    return [body for part in parts for body in dump(channel, kind, part, most)]


def number_of(namespace: int, channel: socket.socket) -> int:
    """The number that the namespace behind a descriptor has in the one that the socket is in."""
    answer = get(channel, GETNSID, bytes(4) + u32(NSID_FD, namespace))
    return int.from_bytes(attributes(answer, 4)[NSID], "little", signed=True)


def read(sysctl: Sysctl) -> Sysctl | None:
    """As it was named, with the value that it has; os.open, since open() costs fifteen times as much."""
    try:
        fd = os.open(PROC + sysctl.name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        value = os.read(fd, 4096).decode().strip().replace("\t", " ")
    finally:
        os.close(fd)
    return valued(sysctl, value)


def valued(sysctl: Sysctl, value: str) -> Sysctl:
    return sysctl if value == sysctl.value else replace(sysctl, value=value)


def write(sysctl: Sysctl) -> None:
    fd = os.open(PROC + sysctl.name, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, sysctl.value.encode())
    finally:
        os.close(fd)

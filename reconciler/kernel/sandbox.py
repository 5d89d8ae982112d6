"""What stands in one namespace: read in one visit."""

import os
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..kinds.address import Address
from ..kinds.marks import HOST
from ..kinds.route import Route
from ..kinds.rule import Rule
from ..kinds.sysctl import Sysctl
from . import inet, rtnl
from .netlink import attributes, dump, get, open_socket, u32

PROC = "/proc/sys/"
GETNSID, NSID, NSID_FD = 90, 1, 3  # linux/net_namespace.h


@dataclass
class View:
    """A namespace's links by index, its addresses, routes and rules that are ours, and the other routes as
    bytes."""

    links: dict[int, rtnl.Seen]
    addresses: list[Address] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    foreign: list[bytes] = field(default_factory=list)

    @cached_property
    def names(self) -> dict[int, str]:
        return {index: link.name for index, link in self.links.items()}

    @cached_property
    def by_name(self) -> dict[str, rtnl.Seen]:
        return {link.name: link for link in self.links.values()}

    def setting(self, sysctl: Sysctl) -> Sysctl | None:
        """A sysctl as the link dump tells it; None where it does not."""
        link = self.by_name.get(sysctl.link)
        value = rtnl.setting(link, sysctl.name) if link else None
        return None if value is None else valued(sysctl, value)


def look(ns: str) -> View:
    """Everything in the namespace that the calling thread is in."""
    with open_socket() as channel:
        links = {seen.index: seen for seen in map(rtnl.Seen, dump(channel, rtnl.GETLINK, rtnl.ALL_LINKS))}
        view = View(links)
        names = view.names
        addresses = inet.addresses_of(ns, dump(channel, rtnl.GETADDR, inet.ALL_ADDRESSES), names)
        connected: set[inet.Prefix] = set()
        for family in (rtnl.INET, rtnl.INET6):
            routes = dump(channel, rtnl.GETROUTE, inet.all_routes(family))
            view.routes += inet.routes_of(ns, routes, names)
            connected |= set(inet.connected(routes, names))
            if ns == HOST:
                view.foreign += routes
                view.rules += inet.rules_of(dump(channel, rtnl.GETRULE, inet.all_rules(family)))
    down = {seen.name for seen in links.values() if not seen.up}  # which have no routes
    view.addresses = [a if a.link in down else inet.rooted(a, connected) for a in addresses]
    return view


def number_of(namespace: int) -> int:
    """The number that the namespace behind a descriptor has in the one that the calling thread is in."""
    with open_socket() as channel:
        answer = get(channel, GETNSID, bytes(4) + u32(NSID_FD, namespace))
    return int.from_bytes(attributes(answer, 4)[NSID], "little")


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

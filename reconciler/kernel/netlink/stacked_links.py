"""Links that stand on another link of the host, as rtnetlink messages, both ways."""

import socket
import struct
from dataclasses import replace
from typing import TypedDict

from ...core.resource import Resource
from ...kinds.link import Link
from ...kinds.overlay import Vxlan
from ...kinds.ownership import GROUP, HOST, OUTER, owner
from ...kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from ...kinds.wireguard import Wireguard
from .links import (
    DATA,
    DELLINK,
    FLOOD,
    GROUP_ATTR,
    IFALIAS,
    IFNAME,
    INET,
    INET6,
    ISOLATED,
    KIND,
    LEARNING,
    LINK,
    LINKINFO,
    MASTER,
    NET_NS_FD,
    NEWLINK,
    SLAVE_DATA,
    SLAVE_KIND,
    Seen,
    addressing,
    hardware,
    ifinfo,
    packed,
    raised,
    size,
)
from .socket import CREATE, EXCL, Message, attr, attributes, nest, text, u8, u16, u32

# linux/if_link.h
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
NAMELESS = "reconciler-new"
Stacked = Vlan | Dummy | Macvlan | Ipvlan | Vxlan | Wireguard
# IFLA_BRPORT_*: flooding of multicast and broadcast, then neighbour suppression
FLOODS, SUPPRESS = (27, 30), 32


class Common(TypedDict):
    """What is read alike of every link."""

    ns: str
    name: str
    mtu: int
    up: bool


class Owned(Common):
    """And of those that belong to one network."""

    project: str
    network: str


def data(link: Link) -> bytes:
    """IFLA_INFO_DATA: what distinguishes this kind of link."""
    match link:
        case Vlan(tag=tag):
            return u16(1, tag)
        case Macvlan(mode=mode):
            return u32(1, MACVLAN_MODES[mode])
        case Vxlan(vni=vni, local=local, port=port):
            at = attr(17 if ":" in local else 4, packed(local)[1])
            return u32(1, vni) + at + attr(15, struct.pack("!H", port)) + u8(7, 0)  # nolearning
        case Ipvlan(mode=mode, flag=flag):
            return u16(1, IPVLAN_MODES[mode]) + u16(2, IPVLAN_FLAGS[flag])
    return b""


def create(link: Link, parent: int, ns: int) -> Message:
    """Sent on the host, where `parent` has its index; the link is made in the namespace `ns`, by descriptor.

    Linux 6.1 wants its name and its index to be free on the host too, so that in a sandbox it is `named`
    later."""
    info = nest(LINKINFO, text(KIND, type(link).__name__.lower()), nest(DATA, data(link)))
    name = link.name if link.ns == HOST else NAMELESS
    on_lan = link.ns == HOST and isinstance(link, Macvlan | Vlan)
    head = ifinfo() + text(IFNAME, name) + u32(GROUP_ATTR, OUTER if on_lan else GROUP)
    place = u32(NET_NS_FD, ns) if link.ns != HOST else b""
    return Message(NEWLINK, CREATE | EXCL, head + (u32(LINK, parent) if parent else b"") + place + info)


def named(link: Link, index: int) -> Message:
    return Message(NEWLINK, 0, ifinfo(index) + text(IFNAME, link.name))


def settings(link: Stacked, master: int, *, new: bool) -> list[Message]:
    head = ifinfo() + text(IFNAME, link.name)
    bridged = u32(MASTER, master) if master else b""
    change = b"" if new else nest(LINKINFO, text(KIND, "ipvlan"), nest(DATA, data(link)))
    own = (change if isinstance(link, Ipvlan) else b"") + address(link)
    return [
        Message(NEWLINK, 0, head + own + bridged + size(link) + text(IFALIAS, link.alias)),
        Message(NEWLINK, 0, head + addressing(link)),
        *([Message(NEWLINK, 0, head + port(link))] if isinstance(link, Vxlan) else []),
        raised(link, link.name),
    ]


def port(link: Vxlan) -> bytes:
    """Nothing is learned by the tunnel, and unless it floods the bridge answers ARP and ND for what is
    behind."""
    flags = [u8(kind, value) for kind, value in quiet(flood=link.flood).items()]
    return nest(LINKINFO, text(SLAVE_KIND, "bridge"), nest(SLAVE_DATA, *flags, u8(ISOLATED, link.isolated)))


def quiet(*, flood: bool) -> dict[int, int]:
    return {LEARNING: 0, FLOOD: 0, **dict.fromkeys(FLOODS, int(flood)), SUPPRESS: int(not flood)}


def address(link: Link) -> bytes:
    mac = getattr(link, "mac", "")
    return hardware(mac) if mac else b""


def removal(link: Link) -> Message:
    return Message(DELLINK, 0, ifinfo() + text(IFNAME, link.name))


def child_of(ns: str, project: str, seen: Seen, hosts: dict[int, str]) -> Resource | None:
    """The resource that a link in a sandbox is that stands on a link of the host; its alias, which is up to
    whoever is root there, says nothing of whose it is."""
    link = link_of(ns, seen, hosts)
    if not isinstance(link, Macvlan | Ipvlan):
        return None
    named = link.project == project
    return replace(link, project=project, network=link.network if named else "")


def link_of(ns: str, seen: Seen, hosts: dict[int, str]) -> Resource | None:
    """The resource that a link of ours is, or None for a kind that is read elsewhere; `hosts` are its
    links."""
    found = attributes(seen.info.get(DATA, b""))

    def number(kind: int) -> int:
        return int.from_bytes(found.get(kind, b""), "little")

    def word(known: dict[str, int], kind: int) -> str:
        return next((name for name, value in known.items() if value == number(kind)), "")

    _, _, network = seen.alias.partition("/")[2].partition("/")
    common: Common = {"ns": ns, "name": seen.name, "mtu": seen.mtu, "up": seen.up}
    owned: Owned = {**common, "project": owner(seen.alias), "network": network}
    parent = hosts.get(seen.number(LINK), "")
    match seen.kind:
        case "vlan":
            return Vlan(parent=parent, tag=number(1), **common)
        case "dummy":
            return Dummy(**owned)
        case "macvlan":
            mode = word(MACVLAN_MODES, 1)
            mac = "" if mode == "passthru" else seen.mac
            return Macvlan(parent=parent, mode=mode, mac=mac, **owned)
        case "ipvlan":
            flag = word(IPVLAN_FLAGS, 2)
            return Ipvlan(parent=parent, mode=word(IPVLAN_MODES, 1), flag=flag, **owned)
        case "vxlan":
            return vxlan_of(seen, found, hosts.get(seen.number(MASTER), ""), owned)
    return None


def vxlan_of(seen: Seen, found: dict[int, bytes], bridge: str, owned: Owned) -> Vxlan:
    """With an MTU that nobody wants where the port's flags are neither of the two sets that we give it."""
    raw = attributes(seen.info.get(SLAVE_DATA, b""))
    flags = {kind: raw.get(kind, b"\1")[0] for kind in quiet(flood=False)}
    local = found.get(17) or found.get(4) or bytes(4)
    usual = flags in (quiet(flood=True), quiet(flood=False))
    owned = {**owned, "mtu": seen.mtu if usual else -1}
    return Vxlan(
        **owned,
        bridge=bridge,
        vni=int.from_bytes(found[1], "little"),
        local=socket.inet_ntop(INET6 if len(local) == 16 else INET, local),
        port=int.from_bytes(found[15], "big"),
        flood=flags[FLOODS[0]] == 1,
        isolated=raw.get(ISOLATED, b"\0") == b"\1",
    )

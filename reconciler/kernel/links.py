"""Links that stand on another link of the host, as rtnetlink messages, both ways."""

import struct

from ..core.resource import Resource
from ..kinds.link import Link
from ..kinds.marks import GROUP, HOST, owner
from ..kinds.parent import Dummy, Ipvlan, Macvlan, Vlan
from .netlink import CREATE, EXCL, Message, attr, attributes, nest, text, u32
from .rtnl import (
    DATA,
    DELLINK,
    GROUP_ATTR,
    IFALIAS,
    IFNAME,
    KIND,
    LINK,
    LINKINFO,
    MTU,
    NET_NS_FD,
    NEWLINK,
    NO_LINK_LOCAL,
    Seen,
    hardware,
    ifinfo,
    raised,
)

# linux/if_link.h
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
Stacked = Vlan | Dummy | Macvlan | Ipvlan


def u16(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("=H", value))


def data(link: Link) -> bytes:
    """IFLA_INFO_DATA: what distinguishes this kind of link."""
    match link:
        case Vlan(tag=tag):
            return u16(1, tag)
        case Macvlan(mode=mode):
            return u32(1, MACVLAN_MODES[mode])
        case Ipvlan(mode=mode, flag=flag):
            return u16(1, IPVLAN_MODES[mode]) + u16(2, IPVLAN_FLAGS[flag])
    return b""


def create(link: Link, parent: int, ns: int, index: int) -> Message:
    """Sent on the host, where `parent` has its index; the link is made in the namespace `ns`, by descriptor."""
    info = nest(LINKINFO, text(KIND, type(link).__name__.lower()), nest(DATA, data(link)))
    head = ifinfo(index) + text(IFNAME, link.name) + u32(GROUP_ATTR, GROUP)
    place = u32(NET_NS_FD, ns) if link.ns != HOST else b""
    return Message(NEWLINK, CREATE | EXCL, head + (u32(LINK, parent) if parent else b"") + place + info)


def settings(link: Stacked, *, new: bool) -> list[Message]:
    head = ifinfo() + text(IFNAME, link.name)
    change = b"" if new else nest(LINKINFO, text(KIND, "ipvlan"), nest(DATA, data(link)))
    own = (change if isinstance(link, Ipvlan) else b"") + address(link)
    return [
        Message(NEWLINK, 0, head + own + u32(MTU, link.mtu) + text(IFALIAS, link.alias)),
        Message(NEWLINK, 0, head + NO_LINK_LOCAL),
        raised(link, link.name),
    ]


def address(link: Link) -> bytes:
    mac = getattr(link, "mac", "")
    return hardware(mac) if mac else b""


def announcement(link: Macvlan) -> Message:
    """Its MAC set anew: with arp_notify and ndisc_notify the kernel then tells the LAN of every address."""
    return Message(NEWLINK, 0, ifinfo() + text(IFNAME, link.name) + hardware(link.mac))


def removal(link: Link) -> Message:
    return Message(DELLINK, 0, ifinfo() + text(IFNAME, link.name))


def link_of(ns: str, seen: Seen, hosts: dict[int, str]) -> Resource | None:
    """The resource that a link of ours is, or None for a kind that is read elsewhere; `hosts` are its links."""
    found = attributes(seen.info.get(DATA, b""))

    def number(kind: int) -> int:
        return int.from_bytes(found.get(kind, b""), "little")

    def word(known: dict[str, int], kind: int) -> str:
        return next((name for name, value in known.items() if value == number(kind)), "")

    _, _, network = seen.alias.partition("/")[2].partition("/")
    common = {"ns": ns, "name": seen.name, "mtu": seen.mtu, "up": seen.up}
    whose = {"project": owner(seen.alias), "network": network}
    parent = hosts.get(seen.number(LINK), "")
    match seen.kind:
        case "vlan":
            return Vlan(parent=parent, tag=number(1), **common)
        case "dummy":
            return Dummy(**whose, **common)
        case "macvlan":
            mode = word(MACVLAN_MODES, 1)
            mac = "" if mode == "passthru" else seen.mac
            return Macvlan(parent=parent, mode=mode, mac=mac, **whose, **common)
        case "ipvlan":
            flag = word(IPVLAN_FLAGS, 2)
            return Ipvlan(parent=parent, mode=word(IPVLAN_MODES, 1), flag=flag, **whose, **common)
    return None

"""Links as rtnetlink messages: what is alike in all kinds of them; what the kernel adds
or defaults ends here."""

import socket
import struct

from ...core.resource import Resource, once
from ...kinds.link import LEAST_IPV6, NATIVE, Link
from ...kinds.ownership import GROUP, OUTER, TO_DELETE
from . import socket as netlink
from .socket import CREATE, EXCL, Message, attr, attributes, dump, get, items, nest, printable, text, u8, u32

NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWRULE, DELRULE, GETRULE = 32, 33, 34
INET, INET6 = socket.AF_INET, socket.AF_INET6
UP, NOARP, MULTICAST = 1, 0x80, 0x1000  # IFF_*
# linux/if_link.h
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_QDISC, IFLA_MASTER, IFLA_OPERSTATE = (
    1,
    3,
    4,
    5,
    6,
    10,
    16,
)
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP, IFLA_NET_NS_FD, IFLA_EXT_MASK = 18, 20, 26, 27, 28, 29
IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES, IFLA_LINK_NETNSID, IFLA_PROP_LIST, IFLA_ALT_IFNAME = (
    31,
    32,
    37,
    52,
    53,
)
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_INET_CONF, IFLA_INET6_CONF, IFLA_INET6_ADDR_GEN_MODE, PROMOTE_SECONDARIES = 1, 2, 8, 20  # IPV4_DEVCONF_*
IFLA_BR_VLAN_DEFAULT_PVID = 39
IFLA_BR_VLAN_FILTERING, IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD = 7, 8, 9
NO_GENERATED_ADDRESS, SKIP_STATS = 1, 8  # IN6_ADDR_GEN_MODE_NONE, RTEXT_FILTER_SKIP_STATS
IFINFO = struct.Struct("=BxHiII")


def ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return IFINFO.pack(0, 0, index, flags, change)


ALL_LINKS = ifinfo() + u32(IFLA_EXT_MASK, SKIP_STATS)


def change(body: bytes) -> Message:
    """To a link that stands."""
    return Message(NEWLINK, 0, body)


def creation(body: bytes) -> Message:
    return Message(NEWLINK, CREATE | EXCL, body)


def name(of: str) -> bytes:
    return text(IFLA_IFNAME, of)


def named(of: str) -> bytes:
    """The head of a message about the link of this name."""
    return ifinfo() + name(of)


def alias(link: Link) -> bytes:
    return text(IFLA_IFALIAS, link.alias)


def group(link: Link) -> bytes:
    return u32(IFLA_GROUP, link.group)


def master(index: int) -> bytes:
    """The bridge that it is a port of; 0 for none."""
    return u32(IFLA_MASTER, index)


def namespace(descriptor: int) -> bytes:
    return u32(IFLA_NET_NS_FD, descriptor)


def hardware(mac: str) -> bytes:
    return attr(IFLA_ADDRESS, bytes.fromhex(mac.replace(":", "")))


def packed(ip: str) -> tuple[int, bytes]:
    family = INET6 if ":" in ip else INET
    return family, socket.inet_pton(family, ip)


def ip_of(raw: bytes) -> str:
    return socket.inet_ntop(INET6 if len(raw) == 16 else INET, raw)


def addressing(link: Link) -> bytes:
    """No link-local address: the kernel's MLD and DAD chatter is quadratic on a big bridge.  It is
    refused in a creating message, and must come before IFF_UP.  And secondaries stay when the first
    address of their subnet goes."""
    six = nest(INET6, u8(IFLA_INET6_ADDR_GEN_MODE, NO_GENERATED_ADDRESS))
    four = nest(INET, nest(IFLA_INET_CONF, u32(PROMOTE_SECONDARIES, 1)))
    able = link.mtu >= LEAST_IPV6 and INET6 in netlink.families()
    return nest(IFLA_AF_SPEC, six if able else b"", four)


def resized(name: str, link: Link, old: Resource | None) -> list[Message]:
    """A new MTU, before all else that a link is told: IPv6 comes with it, and its settings only then."""
    changes = isinstance(old, Link) and (old.mtu != link.mtu or getattr(old, "mtus_differ", False))
    return [change(named(name) + size(link))] if changes else []


def unmuted(name: str, old: Resource | None) -> list[Message]:
    """Where somebody had muted it."""
    mute = getattr(old, "mute", False)
    return [change(ifinfo(0, MULTICAST, NOARP | MULTICAST) + text(IFLA_IFNAME, name))] if mute else []


def size(link: Link) -> bytes:
    return u32(IFLA_MTU, link.mtu)


def flags(link: Link) -> bytes:
    return ifinfo(0, UP if link.up else 0, UP)


def raised(link: Link) -> Message:
    return change(flags(link) + name(link.name))


def info(kind: str, data: bytes = b"") -> bytes:
    """What a link is, and what distinguishes it."""
    return nest(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind), *([nest(IFLA_INFO_DATA, data)] if data else []))


def bridge_port(*settings: bytes) -> bytes:
    """What a link is as a port of a bridge."""
    return nest(IFLA_LINKINFO, text(IFLA_INFO_SLAVE_KIND, "bridge"), nest(IFLA_INFO_SLAVE_DATA, *settings))


def learning(*, on: bool) -> bytes:
    """Whether the bridge learns from a port, and floods it with what is for unknown MACs."""
    return u8(IFLA_BRPORT_LEARNING, on) + u8(IFLA_BRPORT_UNICAST_FLOOD, on)


def regrouped(link: str, *, lowered: bool = False) -> Message:
    """Into the group that is to be deleted, and down if so wanted."""
    return change(ifinfo(0, 0, UP * lowered) + name(link) + u32(IFLA_GROUP, TO_DELETE))


def group_deleted() -> Message:
    """One request, one wait for RCU, however many links."""
    return Message(DELLINK, 0, ifinfo() + u32(IFLA_GROUP, TO_DELETE))


def link_called(channel: socket.socket, name: str) -> "Seen":
    return Seen(get(channel, GETLINK, ALL_LINKS + text(IFLA_IFNAME, name)))


def index_of(channel: socket.socket, name: str) -> int:
    return int(IFINFO.unpack_from(get(channel, GETLINK, named(name)))[2])


def indexes(channel: socket.socket) -> dict[str, int]:
    """Of all links, by name: a tenth of what asking for each costs."""
    found = dump(channel, GETLINK, ALL_LINKS)
    heads = ((body, next(raw for kind, raw in items(body[16:]) if kind == IFLA_IFNAME)) for body in found)
    return {printable(raw): IFINFO.unpack_from(body)[2] for body, raw in heads}


# Settings of a link that its dump carries: the arrays of linux/ip.h (IPV4_DEVCONF_*, from 1) and
# linux/ipv6.h (DEVCONF_*).
# Opening a file below /proc/sys costs 30 us in a namespace that nobody looked into; these cost nothing.
SETTINGS = {
    ("ipv4", "forwarding"): 0, ("ipv4", "rp_filter"): 7, ("ipv4", "arp_notify"): 21,
    ("ipv4", "src_valid_mark"): 23, ("ipv4", "route_localnet"): 25,
    ("ipv6", "accept_ra"): 3, ("ipv6", "disable_ipv6"): 26, ("ipv6", "ndisc_notify"): 29,
}  # fmt: skip


class Seen:
    """One link as a dump shows it; what is nested is taken apart when first asked for."""

    def __init__(self, body: bytes):
        _, _, self.index, bits, _ = IFINFO.unpack_from(body)
        self.up = bool(bits & UP)
        self.mute = bits & (NOARP | MULTICAST) != MULTICAST
        self.found = attributes(body, IFINFO.size)
        self.name = printable(self.found[IFLA_IFNAME])
        self.group = self.number(IFLA_GROUP)
        self.ungrouped = False  # `group` is that which it should be of

    def number(self, kind: int) -> int:
        return int.from_bytes(self.found.get(kind, b""), "little")

    @property
    def ours(self) -> bool:
        """Also when an apply was killed between regrouping it and removing it."""
        return self.group in (GROUP, OUTER, TO_DELETE)

    @once
    def alias(self) -> str:
        return printable(self.found.get(IFLA_IFALIAS, b""))

    @property
    def altnames(self) -> list[str]:
        properties = items(self.found.get(IFLA_PROP_LIST, b""))
        return [printable(name) for kind, name in properties if kind == IFLA_ALT_IFNAME]

    @property
    def mac(self) -> str:
        return self.found.get(IFLA_ADDRESS, b"").hex(":")

    @property
    def mtu(self) -> int:
        return self.number(IFLA_MTU)

    @once
    def info(self) -> dict[int, bytes]:
        return attributes(self.found.get(IFLA_LINKINFO, b""))

    @once
    def kind(self) -> str:
        return self.info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()

    @once
    def data(self) -> dict[int, bytes]:
        """What distinguishes a link of its kind."""
        return attributes(self.info.get(IFLA_INFO_DATA, b""))

    @once
    def port(self) -> dict[int, bytes]:
        """Its settings as a port of a bridge."""
        return attributes(self.info.get(IFLA_INFO_SLAVE_DATA, b""))

    @property
    def operating(self) -> bool:
        """Whether the kernel takes it to carry frames (netif_oper_up); unknown is as good as up."""
        return self.number(IFLA_OPERSTATE) in (0, 6)

    @property
    def filtering(self) -> bool:
        """Whether it is a bridge that keeps VLANs apart."""
        return self.kind == "bridge" and self.data.get(IFLA_BR_VLAN_FILTERING) == b"\1"

    @property
    def native(self) -> int:
        """The VLAN that ports of this bridge begin in: of one of ours the first, whatever is set."""
        raw = self.data.get(IFLA_BR_VLAN_DEFAULT_PVID, b"") if self.kind == "bridge" else b""
        return int.from_bytes(raw, "little") if raw and not self.ours else NATIVE

    @property
    def learning(self) -> set[bytes]:
        """Whether the bridge learns from this port, and whether it floods it with unknown unicast."""
        return {self.port.get(kind, b"\1") for kind in (IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD)}

    @once
    def settings(self) -> dict[str, bytes]:
        """The arrays of settings, by family."""
        spec = attributes(self.found.get(IFLA_AF_SPEC, b""))
        four, six = (attributes(spec.get(family, b"")) for family in (INET, INET6))
        return {"ipv4": four.get(IFLA_INET_CONF, b""), "ipv6": six.get(IFLA_INET6_CONF, b"")}

    def setting(self, name: str) -> str | None:
        """The value of `net/ipv4/conf/LINK/NAME` as the dump tells it; None where it does not."""
        family, _, rest = name.removeprefix("net/").partition("/conf/")
        index = SETTINGS.get((family, rest.rpartition("/")[2]))
        if index is None:
            return None
        raw = self.settings[family][index * 4 : index * 4 + 4]
        return str(int.from_bytes(raw, "little", signed=True)) if raw else None

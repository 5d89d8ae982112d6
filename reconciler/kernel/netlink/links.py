"""Links as rtnetlink messages, both ways; what the kernel adds or defaults ends here."""

import socket
import struct
from collections.abc import Iterable
from functools import cached_property

from ...core.resource import Resource
from ...kinds.link import LEAST_IPV6, MAX_LEARNED, STICKY_STATION, Bridge, Link, OrphanVeth, Veth, Vlans
from ...kinds.namespace import Namespace
from ...kinds.ownership import DOOMED, GROUP, HOST, OUTER, alias, owner
from . import socket as netlink
from .socket import CREATE, EXCL, Message, attr, attributes, get, listed, nest, printable, text, u8, u32

NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWRULE, DELRULE, GETRULE = 32, 33, 34
INET, INET6 = socket.AF_INET, socket.AF_INET6
UP = 1
# linux/if_link.h
ADDRESS, IFNAME, MTU, LINK, MASTER, LINKINFO, IFALIAS, AF_SPEC, GROUP_ATTR = 1, 3, 4, 5, 10, 18, 20, 26, 27
OPERSTATE, NET_NS_FD, EXT_MASK, TX_QUEUES, RX_QUEUES, NETNSID = 16, 28, 29, 31, 32, 37
KIND, DATA, SLAVE_KIND, SLAVE_DATA = 1, 2, 4, 5
PROP_LIST, ALT_IFNAME = 52, 53
HAIRPIN, LEARNING, FLOOD, ISOLATED = 4, 8, 9, 33  # IFLA_BRPORT_*; flooding is of unknown unicast
FILTERING, MOST_LEARNED = 7, 49  # IFLA_BR_VLAN_FILTERING, IFLA_BR_FDB_MAX_LEARNED
# One queue: a veth with a queue for each possible CPU waits for RCU and costs ten times as much.
QUEUES = u32(TX_QUEUES, 1) + u32(RX_QUEUES, 1)
SKIP_STATS = u32(EXT_MASK, 8)
IFINFO = struct.Struct("=BxHiII")


def ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return IFINFO.pack(0, 0, index, flags, change)


def hardware(mac: str) -> bytes:
    return attr(ADDRESS, bytes.fromhex(mac.replace(":", "")))


def outer_mac(mac: str) -> str:
    """The host end's: the highest of a bridge's ports, should anybody ever unpin the bridge."""
    return f"fe:{mac[3:]}"


def packed(ip: str) -> tuple[int, bytes]:
    family = INET6 if ":" in ip else INET
    return family, socket.inet_pton(family, ip)


def addressing(link: Link) -> bytes:
    """No link-local address: the kernel's MLD and DAD chatter is quadratic on a big bridge.  It is refused in
    a creating message, and must come before IFF_UP.  And secondaries stay when the first address of their
    subnet goes (20 is IPV4_DEVCONF_PROMOTE_SECONDARIES)."""
    six = (nest(INET6, u8(8, 1)),) if link.mtu >= LEAST_IPV6 and INET6 in netlink.families() else ()
    return nest(AF_SPEC, *six, nest(INET, nest(1, u32(20, 1))))


def resized(name: str, link: Link, old: Resource | None) -> list[Message]:
    """A new MTU, before all else that a link is told: IPv6 comes with it, and its settings only then."""
    changes = isinstance(old, Link) and old.mtu != link.mtu
    return [Message(NEWLINK, 0, ifinfo() + text(IFNAME, name) + size(link))] if changes else []


def size(link: Link) -> bytes:
    """Its MTU; none for one that was read as odd, and is put back as it was."""
    return u32(MTU, link.mtu) if link.mtu > 0 else b""


def flags(link: Link) -> bytes:
    return ifinfo(0, UP if link.up else 0, UP)


def new_bridge(bridge: Bridge) -> list[Message]:
    """With another MTU than it will have: only one that changes counts as set, else it follows its ports'."""
    info = nest(LINKINFO, text(KIND, "bridge"))
    head = ifinfo() + text(IFNAME, bridge.name) + hardware(bridge.mac) + u32(MTU, bridge.mtu ^ 1)
    return [Message(NEWLINK, CREATE | EXCL, head + group(bridge) + info)]


def group(bridge: Bridge) -> bytes:
    return u32(GROUP_ATTR, OUTER if bridge.outer else GROUP)


def bridge_settings(bridge: Bridge, old: Resource | None) -> list[Message]:
    """With its MAC only where that changes: Linux forgets a link's neighbours when told one, be it the same
    (neigh_changeaddr)."""
    head = ifinfo() + text(IFNAME, bridge.name)
    mac = b"" if old is None or getattr(old, "mac", "") == bridge.mac else hardware(bridge.mac)
    mine = mac + u32(MTU, bridge.mtu) + text(IFALIAS, bridge.alias) + group(bridge)
    data = u32(MOST_LEARNED, bridge.max_learned)  # kernels before 6.7 pass it over
    if bridge.filtering or getattr(old, "filtering", False):  # not every kernel lets one speak of it
        data += u8(FILTERING, bridge.filtering)
    mine += nest(LINKINFO, text(KIND, "bridge"), nest(DATA, data))
    return [Message(NEWLINK, 0, head + mine), Message(NEWLINK, 0, head + addressing(bridge))]


def lo(namespace: Namespace) -> list[Message]:
    """Up, and with the alias that marks the namespace as ours."""
    head = ifinfo(1, UP if namespace.up else 0, UP)
    return [Message(NEWLINK, 0, head + text(IFALIAS, alias(namespace.project, namespace.name)))]


def link_called(channel: socket.socket, name: str) -> "Seen":
    return Seen(get(channel, GETLINK, ALL_LINKS + text(IFNAME, name)))


def index_of(channel: socket.socket, name: str) -> int:
    return int(IFINFO.unpack_from(get(channel, GETLINK, ifinfo() + text(IFNAME, name)))[2])


def raised(link: Link, name: str) -> Message:
    return Message(NEWLINK, 0, flags(link) + text(IFNAME, name))


def new_veth(veth: Veth, index: int, host: int, master: int) -> Message:
    """Sent from inside the sandbox: the host end is placed and enslaved as it is made."""
    peer = nest(1, ifinfo(index), text(IFNAME, veth.name), hardware(veth.mac), size(veth), QUEUES)
    outer = [text(IFNAME, veth.host_name), hardware(outer_mac(veth.mac)), u32(GROUP_ATTR, GROUP), size(veth)]
    outer += [u32(MASTER, master)] if master else []
    info = nest(LINKINFO, text(KIND, "veth"), nest(DATA, peer))
    return Message(NEWLINK, CREATE | EXCL, ifinfo() + b"".join(outer) + u32(NET_NS_FD, host) + QUEUES + info)


def inner_settings(veth: Veth, old: Resource | None) -> list[Message]:
    head = ifinfo() + text(IFNAME, veth.name)
    change = hardware(veth.mac) + u32(MASTER, 0) if old else b""
    settings = Message(NEWLINK, 0, head + change + addressing(veth))
    return [*resized(veth.name, veth, old), settings, raised(veth, veth.name)]


def outer_settings(veth: Veth, master: int, tags: Iterable[Message] = ()) -> list[Message]:
    """A port's settings and IFF_UP in one message, after the one that makes it a port: each is an event for
    everybody who listens.  `tags` come between, so that no frame passes in another VLAN."""
    head = text(IFNAME, veth.host_name)
    mine = u32(MASTER, master) + size(veth) + text(IFALIAS, veth.alias) + addressing(veth)
    learning = [u8(kind, not veth.station) for kind in (LEARNING, FLOOD)]
    port = nest(SLAVE_DATA, u8(HAIRPIN, veth.hairpin), u8(ISOLATED, veth.isolated), *learning)
    settings = nest(LINKINFO, text(SLAVE_KIND, "bridge"), port) if master else b""
    up = flags(veth) + head + settings
    return [Message(NEWLINK, 0, ifinfo() + head + mine), *tags, Message(NEWLINK, 0, up)]


def doomed(name: str) -> Message:
    return Message(NEWLINK, 0, ifinfo() + text(IFNAME, name) + u32(GROUP_ATTR, DOOMED))


def delete_doomed() -> Message:
    """One request, one wait for RCU, however many links."""
    return Message(DELLINK, 0, ifinfo() + u32(GROUP_ATTR, DOOMED))


# Settings of a link that its dump carries: the arrays of linux/ip.h (IPV4_DEVCONF_*, from 1) and
# linux/ipv6.h (DEVCONF_*).
# Opening a file below /proc/sys costs 30 us in a namespace that nobody looked into; these cost nothing.
SETTINGS = {
    ("ipv4", "rp_filter"): 7, ("ipv4", "arp_notify"): 21, ("ipv4", "src_valid_mark"): 23,
    ("ipv4", "route_localnet"): 25,
    ("ipv6", "accept_ra"): 3, ("ipv6", "disable_ipv6"): 26,
}  # fmt: skip


def setting(seen: "Seen", name: str) -> str | None:
    """The value of `net/ipv4/conf/LINK/NAME` as the dump of the link tells it; None where it does not."""
    family, _, rest = name.removeprefix("net/").partition("/conf/")
    index = SETTINGS.get((family, rest.rpartition("/")[2]))
    if index is None:
        return None
    raw = seen.settings.get((family == "ipv6"), b"")[index * 4 : index * 4 + 4]
    return str(int.from_bytes(raw, "little", signed=True)) if raw else None


class Seen:
    """One link as a dump shows it; what is nested is taken apart when first asked for."""

    def __init__(self, body: bytes):
        _, _, self.index, bits, _ = IFINFO.unpack_from(body)
        self.up = bool(bits & UP)
        self.found = attributes(body, 16)
        self.name = printable(self.found[IFNAME])
        self.group = self.number(GROUP_ATTR)

    def number(self, kind: int) -> int:
        return int.from_bytes(self.found.get(kind, b""), "little")

    @property
    def ours(self) -> bool:
        """Also when an apply was killed between regrouping it and removing it."""
        return self.group in (GROUP, OUTER, DOOMED)

    @cached_property
    def alias(self) -> str:
        return printable(self.found.get(IFALIAS, b""))

    @property
    def altnames(self) -> list[str]:
        return [
            printable(name) for kind, name in listed(self.found.get(PROP_LIST, b"")) if kind == ALT_IFNAME
        ]

    @property
    def mac(self) -> str:
        return self.found.get(ADDRESS, b"").hex(":")

    @property
    def mtu(self) -> int:
        return self.number(MTU)

    @cached_property
    def info(self) -> dict[int, bytes]:
        return attributes(self.found.get(LINKINFO, b""))

    @cached_property
    def settings(self) -> dict[bool, bytes]:
        """The arrays of settings, by whether they are IPv6's."""
        spec = attributes(self.found.get(AF_SPEC, b""))
        arrays = ((family, attributes(spec.get(family, b""))) for family in (INET, INET6))
        return {family == INET6: array.get(2 if family == INET6 else 1, b"") for family, array in arrays}

    @cached_property
    def kind(self) -> str:
        return self.info.get(KIND, b"").rstrip(b"\0").decode()

    @property
    def operating(self) -> bool:
        """Whether the kernel takes it to carry frames (netif_oper_up); unknown is as good as up."""
        return self.number(OPERSTATE) in (0, 6)

    @cached_property
    def bridging(self) -> dict[int, bytes]:
        """The settings of a bridge."""
        return attributes(self.info.get(DATA, b"")) if self.kind == "bridge" else {}

    @property
    def filtering(self) -> bool:
        """Whether it is a bridge that keeps VLANs apart."""
        return self.bridging.get(FILTERING) == b"\1"

    @property
    def max_learned(self) -> int:
        """How many stations a bridge learns; a kernel that sets no limit has nothing to put right."""
        raw = self.bridging.get(MOST_LEARNED)
        return MAX_LEARNED if raw is None else int.from_bytes(raw, "little")

    @cached_property
    def port(self) -> dict[int, bytes]:
        """Its settings as a port of a bridge."""
        return attributes(self.info.get(SLAVE_DATA, b""))

    @property
    def learning(self) -> set[bytes]:
        """Whether the bridge learns from this port, and whether it floods it with unknown unicast."""
        return {self.port.get(LEARNING, b"\1"), self.port.get(FLOOD, b"\1")}


Pair = tuple[Seen, Seen]  # a veth pair: its end inside a sandbox, and the one on the host


def bridge_of(seen: Seen) -> Bridge:
    words = seen.alias.split("/", 2)
    return Bridge(
        ns=HOST,
        name=seen.name,
        project=owner(seen.alias),
        network=words[-1],
        mac=seen.mac,
        mtu=seen.mtu,
        up=seen.up,
        outer=seen.group == OUTER,
        filtering=seen.filtering,
        max_learned=seen.max_learned,
    )


def stray_of(seen: Seen) -> OrphanVeth:
    return OrphanVeth(ns=HOST, name=seen.name, mtu=seen.mtu, up=seen.up, project=owner(seen.alias))


def veth_of(ns: str, pair: Pair, names: dict[int, str], vlans: Vlans, *, station: str) -> Veth:
    """`station` tells how the bridge has the MAC; what is no port of one is as good as any."""
    inner, outer = pair
    master, project = outer.number(MASTER), owner(outer.alias)
    return Veth(
        ns=ns,
        name=inner.name,
        project=project if outer.alias == alias(project, ns, inner.name) else "",
        host_name=outer.name,
        mac=inner.mac,
        mtu=inner.mtu if inner.mtu == outer.mtu else -1,
        bridge=names.get(master, ""),
        up=inner.up and outer.up and not inner.number(MASTER),  # a port inside carries nothing of its own
        hairpin=outer.port.get(HAIRPIN, b"\1") == b"\1" if master else True,
        isolated=outer.port.get(ISOLATED, b"\0") == b"\1",
        vlans=vlans,
        station=STICKY_STATION if not master else station if outer.learning == {b"\0"} else "",
    )


ALL_LINKS = ifinfo() + SKIP_STATS

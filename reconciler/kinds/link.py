"""Network links.  A veth pair is one resource: it stands in its sandbox, and its host end is
one of its values."""

from ..core.resource import Disruption, Drift, Fixed, Identity, Key, Ownership, Resource, kind
from .namespace import around, homes
from .ownership import GROUP, HOST, OUTER, alias, inside, place, stage
from .port_settings import undoing

SWITCH = ("off", "on")
# Of a port, in the words of `bridge vlan`; () where it has what every port of its bridge begins with: of a
# bridge of ours that is VLAN 1, of somebody else's its vlan_default_pvid, and 0 is none.
Vlans = tuple[str, ...]
NATIVE = 1
# How a bridge has a MAC that is entered by hand: it never ages; and no frame moves it.
STATIC_MAC, STICKY_MAC = "static", "static sticky"
# MACs that a bridge learns from ports that are not ours, as many as a switch of an office does; what is
# beyond is flooded.  Linux has no limit of its own, and from 6.7 on it can be given one.
MAX_LEARNED = 8192
# MTU below which Linux gives a link no IPv6, nor settings of it (IPV6_MIN_MTU; RFC 8200, 5).
LEAST_IPV6 = 1280


# `mute` is a link that asks for no neighbour (`arp off`), or has no IPv6 neighbours (`multicast off`);
# `ungrouped` one of another group than ours, by which the firewall does not know it.
@kind
class Link(Resource):
    noun = "link"
    place = property(place)

    ns: Identity[str]
    name: Identity[str]
    mtu: int = 1500
    up: bool = True
    ungrouped: Drift[bool] = False

    @property
    def within(self) -> tuple[Key, ...]:
        return around(self.ns)

    @property
    def state(self) -> str:
        return "up" if self.up else "down"

    @property
    def alias(self) -> str:
        """The text that marks it for people."""
        return ""

    @property
    def group(self) -> int:
        """The number that marks it (IFLA_GROUP)."""
        return GROUP

    @property
    def settings(self) -> str:
        """What `ip link set` tells every link."""
        return f"mtu {self.mtu} alias {self.alias} group {self.group} {self.state}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Where it has an end, and how that is called there."""
        return ((self.ns, self.name),)

    @property
    def host_end(self) -> str:
        """The name of its end on the host, by which it goes; "" where it has none there."""
        return next((name for ns, name in self.names if ns == HOST), "")

    @property
    def on_links(self) -> tuple[str, ...]:
        return (self.host_end,)

    def owner(self, known: Ownership) -> str:
        return known.of(self.place, self.name, getattr(self, "project", ""))

    def removal(self) -> list[str]:
        return [inside(self.ns, f"ip link del {self.name}")]


@kind
class NetworkLink(Link):
    """A link that belongs to one network."""

    whole = True

    project: str
    network: str

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)


@kind
class AtLink(Resource):
    """What stands on a link, or belongs to one, and bears no project's name."""

    place, stage = property(place), property(stage)

    ns: Identity[str] = HOST
    link: Identity[str]

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),) if self.link else ()

    @property
    def homes(self) -> tuple[Key, ...]:
        return homes(self)

    @property
    def on_links(self) -> tuple[str, ...]:
        return (self.link,)

    def owner(self, known: Ownership) -> str:
        return known.of(self.place, self.link)


@kind
class OrphanVeth(Link):
    """A link of ours that belongs to nothing declared: the host end of a pair whose sandbox lost its name."""

    rank, leftover = 5, True
    project: str = ""


@kind
class Intruder(Link):
    """A link in a sandbox that has the name of one of ours and is none: whoever is root there gave it."""

    rank, leftover = 5, True


@kind
class Bridge(NetworkLink):
    """A bridge; its MAC is pinned, since the kernel else takes the lowest of its ports' and
    changes it at will."""

    rank = 1

    mac: str
    outer: bool = False  # it stands on a LAN: its ports are neighbours of strangers
    filtering: bool = False  # it keeps VLANs apart
    netfilter: str = ""  # the families of which inet tables see what it forwards: "ip ip6"
    max_learned: int = MAX_LEARNED
    stp: Drift[bool] = False  # it waits half a minute before a new port carries anything, and shuts some
    mute: Drift[bool] = False
    deaf: Drift[bool] = False  # it knows its own MAC no more, or takes it for a port's: nothing reaches us

    @property
    def group(self) -> int:
        return OUTER if self.outer else GROUP

    def cost(self, old: Resource | None) -> Disruption:
        if not isinstance(old, Bridge):
            return "none"
        # Connections between its ports that netfilter has not seen begin are unknown to it.
        seen = self.netfilter in ("", old.netfilter)
        return "none" if seen and (old.mac, old.filtering) == (self.mac, self.filtering) else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        create = [] if old else [f"ip link add {self.name} type bridge", unaddressed(HOST, self.name)]
        table = f"ip link set dev {self.name} type bridge fdb_max_learned {self.max_learned}"
        limited = self.max_learned == getattr(old, "max_learned", 0)
        filtering = f"ip link set dev {self.name} type bridge vlan_filtering {self.filtering:d}"
        filters = self.filtering == getattr(old, "filtering", False)
        calls = (f"nf_call_{name}tables {name in self.netfilter.split():d}" for name in ("ip", "ip6"))
        netfilter = f"ip link set dev {self.name} type bridge {' '.join(calls)}"
        shown = self.netfilter == getattr(old, "netfilter", "")
        change = f"ip link set dev {self.name} address {self.mac} {self.settings}"
        own = f"bridge fdb replace {self.mac} dev {self.name} self permanent"
        knows = not getattr(old, "deaf", False)
        more = ((limited, table), (filters, filtering), (shown, netfilter), (knows, own))
        return [*create, change, *(command for known, command in more if not known)]


@kind
class Veth(Link):
    """A pair: `name` in the sandbox, `host_name` on the host, enslaved to `bridge` where there is one.

    The bridge learns nothing from it and floods it with no unicast, since the one MAC behind it is known:
    frames to the link-local group pass no netfilter, and yet a bridge learns from them (br_handle_frame).
    """

    rank = 5

    project: str
    host_name: Fixed[str]
    mac: str
    bridge: str = ""
    hairpin: bool = True  # a published port of its own must come back through the port it left by
    isolated: bool = False  # speaks to the bridge alone, not to other isolated ports
    vlans: Vlans = ()
    station: str = STICKY_MAC  # how its bridge has its MAC, as `bridge fdb` says it; "" where it learns
    mtus_differ: Drift[bool] = False  # `mtu` is that of the end inside
    mute: Drift[bool] = False
    amiss: Drift[str] = ""  # what of the port somebody has changed, beside all that

    @property
    def alias(self) -> str:
        return alias(self.project, self.ns, self.name)

    @property
    def settings(self) -> str:
        """What `ip link set` tells every link."""
        return f"mtu {self.mtu} alias {self.alias} {self.state}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        return ((self.ns, self.name), (HOST, self.host_name))

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(HOST, self.bridge),) if self.bridge else ()

    @property
    def ends(self) -> tuple[Key, ...]:
        return (Link.at(HOST, self.host_name),)

    def cost(self, old: Resource | None) -> Disruption:
        if not isinstance(old, Veth):
            return "none"
        if (old.mac, old.bridge, old.up) != (self.mac, self.bridge, self.up):
            return "link"
        return "none" if old.vlans == self.vlans else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        create = f"ip link add {self.host_name} type veth peer name {self.name} netns {self.ns}"
        inside = f"ip -n {self.ns} link set dev {self.name} address {self.mac} mtu {self.mtu} {self.state}"
        made = [create, unaddressed(self.ns, self.name), unaddressed(HOST, self.host_name)]
        return [*([] if old else made), *self.at_host(old), inside]

    def at_host(self, old: Resource | None) -> list[str]:
        """What the end on the host is told."""
        master = f"master {self.bridge}" if self.bridge else "nomaster"
        outer = f"{master} mtu {self.mtu} alias {self.alias} group {self.group}"
        port = f"type bridge_slave hairpin {SWITCH[self.hairpin]} isolated {SWITCH[self.isolated]}"
        port += f" learning {SWITCH[not self.station]} flood {SWITCH[not self.station]}"
        static = f"bridge fdb replace {self.mac} dev {self.host_name} master {self.station}"
        return [
            f"ip link set dev {self.host_name} {outer} up",
            *([f"ip link set dev {self.host_name} {port}"] if self.bridge else []),
            *undoing(self.host_name, getattr(old, "amiss", "")),
            *tagging(self.host_name, self.vlans, getattr(old, "vlans", ())),
            *([static] if self.bridge and self.station else []),
        ]


@kind
class HandedVeth(Veth):
    """A pair of which somebody takes one end wherever he likes, and all that is there is his: here stands the
    other.  `ns` is who has it, `name` what the one is called on the host until it is taken."""

    whole = True

    mac: Fixed[str]

    @property
    def place(self) -> str:
        return ""

    @property
    def within(self) -> tuple[Key, ...]:
        return ()

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        return ((HOST, self.host_name),)

    @property
    def alias(self) -> str:
        """With the MAC, which nobody can look up where the end has gone."""
        return alias(self.project, self.ns, self.name, self.mac)

    def owner(self, known: Ownership) -> str:
        return known.of("", self.host_name, self.project)

    def commands(self, old: Resource | None) -> list[str]:
        ends = f"name {self.host_name} type veth peer name {self.name} address {self.mac} mtu {self.mtu}"
        made = [f"ip link add {ends}", unaddressed(HOST, self.host_name)]
        return [*([] if old else made), *self.at_host(old)]

    def removal(self) -> list[str]:
        return [f"ip link del {self.host_name}"]


def unaddressed(ns: str, name: str) -> str:
    """The command by which a link that is not up yet takes no link-local address of its own."""
    return inside(ns, f"ip link set dev {name} addrgenmode none")


def tagging(port: str, vlans: Vlans, before: Vlans) -> list[str]:
    """The commands that put a port into its VLANs, and into no others."""
    if vlans == before:
        return []
    native = (f"{NATIVE} pvid untagged",)
    stale = [f"bridge vlan del dev {port} vid {vlan.split()[0]}" for vlan in before or native]
    return [*stale, *(f"bridge vlan add dev {port} vid {vlan}" for vlan in vlans or native)]

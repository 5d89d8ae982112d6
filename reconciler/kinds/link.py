"""Network links.  A veth pair is one resource: it stands in its sandbox, and its host end is one of its
values."""

from dataclasses import dataclass

from ..core.resource import Disruption, Fixed, Identity, Key, Resource
from .marks import HOST, alias, inside, place
from .namespace import Namespace

SWITCH = ("off", "on")
Vlans = tuple[
    str, ...
]  # of a port, in the words of `bridge vlan`; () where it has what every port begins with
NATIVE = "1 pvid untagged"  # and that is this


@dataclass(frozen=True, kw_only=True)
class Link(Resource):
    noun = "link"
    loss = "recreate"
    place = property(place)

    ns: Identity[str]
    name: Identity[str]
    mtu: int = 1500
    up: bool = True

    @property
    def within(self) -> tuple[Key, ...]:
        return () if self.ns == HOST else (Namespace.at(self.ns),)

    @property
    def state(self) -> str:
        return "up" if self.up else "down"

    def removal(self) -> list[str]:
        return [inside(self.ns, f"ip link del {self.name}")]


@dataclass(frozen=True, kw_only=True)
class Stray(Link):
    """A link of ours that belongs to nothing declared: the host end of a pair whose sandbox lost its name."""

    rank, leftover = 5, True
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class Bridge(Link):
    """A bridge; its MAC is pinned, since the kernel else takes the lowest of its ports' and changes it at
    will."""

    rank = 1

    project: str
    network: str
    mac: str
    outer: bool = False  # it stands on a LAN: its ports are neighbours of strangers
    filtering: bool = False  # it keeps VLANs apart

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)

    def cost(self, old: Resource | None) -> Disruption:
        if not isinstance(old, Bridge) or (old.mac, old.filtering) == (self.mac, self.filtering):
            return "none"
        return "flow"

    def commands(self, old: Resource | None) -> list[str]:
        settings = f"address {self.mac} mtu {self.mtu} alias {self.alias} {self.state}"
        create = [] if old else [f"ip link add {self.name} type bridge"]
        filtering = f"ip link set dev {self.name} type bridge vlan_filtering {self.filtering:d}"
        changed = self.filtering != getattr(old, "filtering", False)
        return [*create, f"ip link set dev {self.name} {settings}", *([filtering] if changed else [])]


@dataclass(frozen=True, kw_only=True)
class Veth(Link):
    """A pair: `name` in the sandbox, `host_name` on the host, enslaved to `bridge` where there is one."""

    rank = 5

    project: str
    host_name: Fixed[str]
    mac: str
    bridge: str = ""
    hairpin: bool = True  # a published port of its own must come back through the port it left by
    isolated: bool = False  # speaks to the bridge alone, not to other isolated ports
    vlans: Vlans = ()

    @property
    def alias(self) -> str:
        return alias(self.project, self.ns, self.name)

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(HOST, self.bridge),) if self.bridge else ()

    def cost(self, old: Resource | None) -> Disruption:
        if not isinstance(old, Veth):
            return "none"
        if (old.mac, old.bridge, old.up) != (self.mac, self.bridge, self.up):
            return "link"
        return "none" if old.vlans == self.vlans else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        outer = f"{f'master {self.bridge}' if self.bridge else 'nomaster'} mtu {self.mtu} alias {self.alias}"
        port = f"type bridge_slave hairpin {SWITCH[self.hairpin]} isolated {SWITCH[self.isolated]}"
        create = f"ip -n {self.ns} link add {self.name} type veth peer {self.host_name} netns 1"
        return [
            *([] if old else [create]),
            f"ip link set dev {self.host_name} {outer} up",
            *([f"ip link set dev {self.host_name} {port}"] if self.bridge else []),
            *tagging(self.host_name, self.vlans, getattr(old, "vlans", ())),
            f"ip -n {self.ns} link set dev {self.name} address {self.mac} mtu {self.mtu} {self.state}",
        ]


def tagging(port: str, vlans: Vlans, before: Vlans) -> list[str]:
    """The commands that put a port into its VLANs, and into no others."""
    if vlans == before:
        return []
    stale = [f"bridge vlan del dev {port} vid {vlan.split()[0]}" for vlan in before or (NATIVE,)]
    return [*stale, *(f"bridge vlan add dev {port} vid {vlan}" for vlan in vlans or (NATIVE,))]

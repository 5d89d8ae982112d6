"""What carries a network between hosts.  Entries that grow with the number of containers are
one value a link."""

from dataclasses import dataclass, field

from ..core.resource import Disruption, Fixed, Identity, Key, Odd, Resource
from .address import Address
from .link import Link
from .ownership import HOST, PROTOCOL, alias, owner_by_link, place, stage

NOBODY = "00:00:00:00:00:00"  # as the MAC of a forwarding entry: where to send what is for everybody


@dataclass(frozen=True, kw_only=True)
class Vxlan(Link):
    """A VXLAN link, a port of `bridge`, that learns nothing: every entry is given to it."""

    rank = 2

    project: str
    network: str
    vni: Fixed[int]
    local: Fixed[str]
    port: Fixed[int]
    bridge: str
    flood: bool = False  # broadcast and multicast goes out; nothing for unknown MACs does, as there are none
    isolated: bool = False
    odd_port: Odd[bool] = False  # it learns, or floods some of what is to be flooded together

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(HOST, self.bridge),)

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        on, off = ("on", "off") if self.flood else ("off", "on")
        tunnel = f"id {self.vni} local {self.local} dstport {self.port} nolearning"
        settings = f"master {self.bridge} mtu {self.mtu} alias {self.alias} {self.state}"
        port = f"learning off flood off mcast_flood {on} bcast_flood {on} neigh_suppress {off}"
        isolated = "on" if self.isolated else "off"
        return [
            *([] if old else [f"ip link add {self.name} type vxlan {tunnel}"]),
            f"ip link set dev {self.name} {settings}",
            f"bridge link set dev {self.name} {port} isolated {isolated}",
        ]


@dataclass(frozen=True, kw_only=True)
class FdbEntries(Resource):
    """All forwarding entries of a VXLAN link: `MAC HOST`, sorted; what is learned or FRR's
    is not among them."""

    noun, rank, loss = "entries", 8, "flow"
    place, owner = property(place), owner_by_link

    ns: Identity[str] = HOST
    link: Identity[str]
    bridge: str
    entries: tuple[str, ...]

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),)

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.bridge),)

    def commands(self, old: Resource | None) -> list[str]:
        return [command for entry in changed(self, old) for command in self.added(*entry.split(" "))]

    def added(self, mac: str, host: str) -> list[str]:
        if mac == NOBODY:
            return [f"bridge fdb append {mac} dev {self.link} dst {host} self permanent"]
        return [
            f"bridge fdb replace {mac} dev {self.link} dst {host} self static",
            f"bridge fdb replace {mac} dev {self.link} master static sticky",
        ]

    def removal(self) -> list[str]:
        return [f"bridge fdb del {entry.split(' ')[0]} dev {self.link}" for entry in self.entries]


@dataclass(frozen=True, kw_only=True)
class OddFdbEntries(Resource):
    """The MACs of forwarding entries that are not as we make them: half of one, or one that bears the mark of
    another (NTF_EXT_LEARNED), which replacing it would leave there."""

    noun, rank, loss, leftover = "odd-entries", 9, "flow", True
    place, owner = property(place), owner_by_link

    ns: Identity[str] = HOST
    link: Identity[str]
    macs: tuple[str, ...]

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),)

    def removal(self) -> list[str]:
        halves = ("self", "master")
        return [f"bridge fdb del {mac} dev {self.link} {half}" for mac in self.macs for half in halves]


@dataclass(frozen=True, kw_only=True)
class Neighbours(Resource):
    """All neighbours of a bridge that are told rather than asked for: `IP MAC`, sorted, marked by
    their protocol number.

    With the last IPv4 address of a link, and `addresses` are all it has, Linux forgets whom it
    knows there (fib_disable_ip).
    """

    noun, rank, loss = "neighbours", 8, "flow"
    place, stage, owner = property(place), property(stage), owner_by_link

    ns: Identity[str] = HOST
    link: Identity[str]
    entries: tuple[str, ...]
    addresses: tuple[str, ...] = field(default=(), compare=False)

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),)

    @property
    def refers(self) -> tuple[Key, ...]:
        return tuple(Address.at(self.ns, self.link, ip) for ip in self.addresses)

    def commands(self, old: Resource | None) -> list[str]:
        pairs = (entry.split(" ") for entry in changed(self, old))
        return [
            f"ip neigh replace {ip} lladdr {mac} dev {self.link} nud permanent protocol {PROTOCOL}"
            for ip, mac in pairs
        ]

    def removal(self) -> list[str]:
        return [f"ip neigh del {entry.split(' ')[0]} dev {self.link}" for entry in self.entries]


def changed(new: FdbEntries | Neighbours, old: Resource | None) -> list[str]:
    before = set(getattr(old, "entries", ()))
    return [entry for entry in new.entries if entry not in before]

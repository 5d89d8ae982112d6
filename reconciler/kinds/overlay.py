"""What carries a network between hosts.  Entries that grow with the number of containers are
one value a link."""

from dataclasses import field

from ..core.resource import Disruption, Drift, Fixed, Key, Resource, kind
from .address import Address
from .link import SWITCH, AtLink, Link, NetworkLink, unaddressed
from .ownership import HOST, PROTOCOL
from .port_settings import undoing

NOBODY = "00:00:00:00:00:00"  # as the MAC of a forwarding entry: where to send what is for everybody


@kind
class Vxlan(NetworkLink):
    """A VXLAN link, a port of `bridge`, that learns nothing: every entry is given to it."""

    rank = 2

    vni: Fixed[int]
    local: Fixed[str]
    port: Fixed[int]
    bridge: str
    flood: bool = False  # broadcast and multicast goes out; nothing for unknown MACs does, as there are none
    isolated: bool = False
    odd_port: Drift[bool] = False  # it learns, or floods some of what is to be flooded together
    amiss: Drift[str] = ""  # what else of the port somebody has changed

    @property
    def refers(self) -> tuple[Key, ...]:
        return (Link.at(HOST, self.bridge),)

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        on, off = SWITCH[self.flood], SWITCH[not self.flood]
        tunnel = f"id {self.vni} local {self.local} dstport {self.port} nolearning"
        port = f"learning off flood off mcast_flood {on} bcast_flood {on} neigh_suppress {off}"
        return [
            *([] if old else [f"ip link add {self.name} type vxlan {tunnel}", unaddressed(HOST, self.name)]),
            f"ip link set dev {self.name} master {self.bridge} {self.settings}",
            f"bridge link set dev {self.name} {port} isolated {SWITCH[self.isolated]}",
            *undoing(self.name, getattr(old, "amiss", "")),
        ]


@kind
class FdbEntries(AtLink):
    """All forwarding entries of a VXLAN link: `MAC HOST`, sorted; what is learned or FRR's
    is not among them."""

    noun, rank, loss = "entries", 8, "flow"

    bridge: str
    entries: tuple[str, ...]

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


@kind
class OddFdbEntries(AtLink):
    """The MACs of forwarding entries that are not as we make them: half of one, or one that bears the mark of
    another (NTF_EXT_LEARNED), which replacing it would leave there."""

    noun, rank, loss, leftover = "odd-entries", 9, "flow", True

    macs: tuple[str, ...]

    def removal(self) -> list[str]:
        halves = ("self", "master")
        return [f"bridge fdb del {mac} dev {self.link} {half}" for mac in self.macs for half in halves]


@kind
class Neighbours(AtLink):
    """All neighbours of a bridge that are told rather than asked for: `IP MAC`, sorted.  Ours say so by their
    protocol number, to people; whoever tells others turns a container's traffic away.

    With the last IPv4 address of a link, and `addresses` are all it has, Linux forgets whom it
    knows there (fib_disable_ip).
    """

    noun, rank, loss = "neighbours", 8, "flow"

    entries: tuple[str, ...]
    addresses: tuple[str, ...] = field(default=(), compare=False)

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

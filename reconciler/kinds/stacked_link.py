"""Links that stand on another link of the host, and the links that they may need to stand on."""

from dataclasses import dataclass

from ..core.resource import Disruption, Fixed, Key, Resource
from .link import Link
from .ownership import GROUP, HOST, OUTER, alias, inside


@dataclass(frozen=True, kw_only=True)
class Vlan(Link):
    """An 802.1Q link on `parent`.  All projects of the host share it, so that it goes with its last user."""

    rank = 1

    parent: Fixed[str]
    tag: Fixed[int]

    @property
    def alias(self) -> str:
        return alias("host", self.name)

    @property
    def group(self) -> int:
        return OUTER

    def commands(self, old: Resource | None) -> list[str]:
        create = f"ip link add link {self.parent} name {self.name} type vlan id {self.tag}"
        change = f"ip link set dev {self.name} mtu {self.mtu} alias {self.alias} {self.state}"
        return [change] if old else [create, change]


@dataclass(frozen=True, kw_only=True)
class Dummy(Link):
    """A link that leads nowhere: the parent of a network that has none."""

    rank = 1

    project: str
    network: str

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)

    def commands(self, old: Resource | None) -> list[str]:
        create = [] if old else [f"ip link add {self.name} type dummy"]
        return [*create, f"ip link set dev {self.name} mtu {self.mtu} alias {self.alias} {self.state}"]


@dataclass(frozen=True, kw_only=True)
class Macvlan(Link):
    """A link with a MAC of its own on `parent`, in a sandbox or, as a shim, on the host.

    In passthru mode it has its parent's MAC, and `mac` is "".
    """

    rank = 5

    project: str
    network: str
    parent: Fixed[str]
    mode: Fixed[str]  # bridge, private, vepa, passthru
    mac: str

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)

    @property
    def group(self) -> int:
        return OUTER if self.ns == HOST else GROUP

    @property
    def within(self) -> tuple[Key, ...]:
        return (*super().within, Link.at(HOST, self.parent))

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None or getattr(old, "mac", None) == self.mac else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        address = f"address {self.mac} " * bool(self.mac)
        create = f"ip link add {self.name} link {self.parent} {netns(self)}type macvlan mode {self.mode}"
        settings = f"{address}mtu {self.mtu} alias {self.alias} {self.state}"
        change = inside(self.ns, f"ip link set dev {self.name} {settings}")
        return [change] if old else [create, change]


@dataclass(frozen=True, kw_only=True)
class Ipvlan(Link):
    """A link with its parent's MAC and addresses of its own."""

    rank = 5

    project: str
    network: str
    parent: Fixed[str]
    mode: str  # l2, l3, l3s; one for all links of a parent
    flag: str = "bridge"  # bridge, private, vepa; one for all links of a parent

    @property
    def alias(self) -> str:
        return alias(self.project, self.network)

    @property
    def within(self) -> tuple[Key, ...]:
        return (*super().within, Link.at(HOST, self.parent))

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        what = f"type ipvlan mode {self.mode} {self.flag}"
        create = f"ip link add {self.name} link {self.parent} {netns(self)}{what}"
        change = inside(
            self.ns, f"ip link set dev {self.name} mtu {self.mtu} alias {self.alias} {self.state}"
        )
        return [change] if old else [create, change]


def netns(link: Link) -> str:
    return "" if link.ns == HOST else f"netns {link.ns} "

"""Links that stand on another link of the host, and the links that they may need to stand on."""

from ..core.resource import Disruption, Drift, Fixed, Identity, Key, Ownership, Resource, kind
from .link import Link, NetworkLink, unaddressed
from .ownership import GROUP, HOST, OUTER, alias, inside


@kind
class Vlan(Link):
    """An 802.1Q link on `parent`.  All projects of the host share it, so that it goes with its last user."""

    rank = 1

    parent: Fixed[str]
    tag: Fixed[int]
    protocol: Fixed[str] = "802.1Q"

    @property
    def alias(self) -> str:
        return alias("host", self.name)

    @property
    def group(self) -> int:
        return OUTER

    def commands(self, old: Resource | None) -> list[str]:
        return made(
            self, f"link {self.parent} name {self.name} type vlan proto {self.protocol} id {self.tag}", old
        )


@kind
class Dummy(NetworkLink):
    """A link that leads nowhere: the parent of a network that has none."""

    rank = 1

    def commands(self, old: Resource | None) -> list[str]:
        return made(self, f"{self.name} type dummy", old)


@kind
class ChildLink(NetworkLink):
    """A link on `parent`, in a sandbox or, as a shim, on the host."""

    rank = 5

    parent: Fixed[str]

    @property
    def within(self) -> tuple[Key, ...]:
        return (*super().within, Link.at(HOST, self.parent))

    def made(self, what: str, old: Resource | None) -> list[str]:
        ns = "" if self.ns == HOST else f"netns {self.ns} "
        return made(self, f"{self.name} link {self.parent} {ns}type {what}", old)


@kind
class Macvlan(ChildLink):
    """A link with a MAC of its own; in passthru mode it has its parent's, and `mac` is ""."""

    mode: Fixed[str]  # bridge, private, vepa, passthru
    mac: str
    mute: Drift[bool] = False

    @property
    def group(self) -> int:
        return OUTER if self.ns == HOST else GROUP

    @property
    def settings(self) -> str:
        return f"address {self.mac} " * bool(self.mac) + super().settings

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None or getattr(old, "mac", None) == self.mac else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        return self.made(f"macvlan mode {self.mode}", old)


@kind
class Ipvlan(ChildLink):
    """A link with its parent's MAC and addresses of its own."""

    mode: str  # l2, l3, l3s; one for all links of a parent
    flag: str = "bridge"  # bridge, private, vepa; one for all links of a parent

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        return self.made(f"ipvlan mode {self.mode} {self.flag}", old)


@kind
class NamelessLink(Resource):
    """A child link of ours whose sandbox lost its name, while a process keeps it alive: its MAC and addresses
    are to be had by no other link of the parent."""

    noun, rank = "nameless-link", 5
    leftover = True

    process: Identity[str]
    pid: Identity[str]
    name: Identity[str]
    project: str
    parent: str

    def owner(self, known: Ownership) -> str:
        return self.project

    def removal(self) -> list[str]:
        return [f"nsenter -t {self.pid} -n ip link del {self.name}"]


def made(link: Link, what: str, old: Resource | None) -> list[str]:
    """The commands that create a link, unless it stands, and give it its settings."""
    change = inside(link.ns, f"ip link set dev {link.name} {link.settings}")
    return [change] if old else [f"ip link add {what}", unaddressed(link.ns, link.name), change]

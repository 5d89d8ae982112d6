"""A route, marked as ours by its protocol number."""

from ipaddress import ip_network

from ..core.resource import Disruption, Drift, Fixed, Identity, Key, Ownership, Resource, kind
from ..core.subject import Part, Places
from .address import Address
from .link import Link
from .namespace import homes
from .ownership import PROTOCOL, inside, place, stage

LOCAL = "255"  # RT_TABLE_LOCAL (linux/rtnetlink.h), which is asked first


@kind
class Route(Resource):
    """`kind` is unicast, prohibit, blackhole or unreachable; `table` is a number or `main`.

    An IPv4 route over a link states its `src`: Linux drops a link's IPv4 routes with its last address
    (fib_disable_ip), and `within` has to know which.
    """

    noun, loss = "route", "flow"
    place, stage = property(place), property(stage)
    # What keeps packets in stands before the links that it is about, and longer.
    rank = property(lambda self: 0 if self.kind == "unreachable" else 8)

    ns: Identity[str]
    table: Identity[str] = "main"
    dst: Identity[str]  # a prefix in canonical form: 0.0.0.0/0, ::/0, 10.1.0.0/24
    kind: str = "unicast"
    link: str = ""
    via: str = ""
    src: str = ""  # an address on `link`
    onlink: bool = False  # `via` is taken for a neighbour, whatever addresses `link` has
    metric: Fixed[int] = 0  # 0 is the family's default, 1024 for IPv6; `replace` never changes it, it adds
    beside: Drift[int] = 0  # how many more there are of our mark, by other ways or of other metrics

    @property
    def within(self) -> tuple[Key, ...]:
        """IPv4 deletes a route with its preferred source (fib_sync_down_addr); IPv6 only forgets it.  What is
        beside it may stay."""
        if not self.link or self.beside:
            return ()
        link = Link.at(self.ns, self.link)
        return (link, *self._source) if ":" not in self.dst else (link,)

    @property
    def refers(self) -> tuple[Key, ...]:
        return self._source if ":" in self.dst else ()

    @property
    def _source(self) -> tuple[Key, ...]:
        return (Address.at(self.ns, self.link, self.src),) if self.src else ()

    @property
    def homes(self) -> tuple[Key, ...]:
        return homes(self)

    @property
    def on_links(self) -> tuple[str, ...]:
        return (self.link,)

    def owner(self, known: Ownership) -> str:
        """What leads to other hosts, or keeps the rest of a subnet from there, is told by its prefix."""
        if self.place or self.table != "main" or self.link in known.links:
            return known.of(self.place, self.link)
        parts = (project for cidr, project in known.prefixes.items() if within(cidr, self.dst))
        return known.prefixes.get(self.dst) or next(parts, known.shared)

    def part_of(self, known: Places) -> Part:
        """What keeps a subnet from others stands on no link."""
        told = super().part_of(known)
        return told if self.place or self.link else known.subnets.get(self.dst, told)

    def cost(self, old: Resource | None) -> Disruption:
        return "none" if old is None else "flow"

    def commands(self, old: Resource | None) -> list[str]:
        words = [
            self.dst,
            f"via {self.via}" * bool(self.via),
            f"dev {self.link}" * bool(self.link),
            f"src {self.src}" * bool(self.src),
            f"metric {self.metric}" * bool(self.metric),
            "onlink" * self.onlink,
        ]
        what = "" if self.kind == "unicast" else f"{self.kind} "
        text = " ".join(filter(None, words))
        stale = old.removal() if isinstance(old, Route) and old.beside else []
        return [*stale, inside(self.ns, f"ip route replace {what}{text} table {self.table} proto {PROTOCOL}")]

    def removal(self) -> list[str]:
        """Once for each: of several the first goes."""
        one = inside(self.ns, f"ip route del {self.dst} table {self.table} proto {PROTOCOL}")
        return [one] * (1 + self.beside)


def within(cidr: str, whole: str) -> bool:
    """Whether a prefix is a part of another."""
    one, other = ip_network(cidr), ip_network(whole)
    return one.version == other.version and int(one[0]) >= int(other[0]) and int(one[-1]) <= int(other[-1])

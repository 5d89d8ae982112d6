"""A kernel setting.  It bears no mark: it is set, never pruned, and goes with the link it belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..core.resource import Identity, Key, Resource, Stage
from .link import Link
from .namespace import homes
from .ownership import HOST, owner_by_link, place, stage


@dataclass(frozen=True, kw_only=True)
class Sysctl(Resource):
    """`name` is the path below /proc/sys, with slashes, since link names may hold dots."""

    noun, rank = "sysctl", 6
    marked, loss = False, "none"
    place, stage, owner = property(place), property(stage), owner_by_link

    ns: Identity[str]
    name: Identity[str]
    value: str
    link: str = field(default="", compare=False)  # the link it lives and dies with

    @property
    def within(self) -> tuple[Key, ...]:
        return (Link.at(self.ns, self.link),) if self.link else ()

    @property
    def homes(self) -> tuple[Key, ...]:
        return homes(self)

    def commands(self, old: Resource | None) -> list[str]:
        run = "" if self.ns == HOST else f"ip netns exec {self.ns} "
        return [f"{run}sysctl -w {self.name}={self.value}"]


@dataclass(frozen=True, kw_only=True)
class Forwarding(Sysctl):
    """What lets the host forward at all: opened when all else stands."""

    stage, rank = Stage.OPENING, 0


USUAL = (
    "net/ipv4/conf/{}/route_localnet",
    "net/ipv4/conf/{}/src_valid_mark",
    "net/ipv4/conf/{}/arp_notify",
    "net/ipv6/conf/{}/accept_ra",
    "net/ipv6/conf/{}/disable_ipv6",
    "net/ipv6/conf/{}/ndisc_notify",
)


def usual(link: Link) -> Iterator[Sysctl]:
    """What drivers set on links.  To be named for a link that goes: rolling back restores what was read; and
    where a state is saved, since manifests to come may ask for any of them."""
    for name in USUAL:
        yield Sysctl(ns=link.ns, name=name.format(link.name), value="", link=link.name)

"""A kernel setting.  It bears no mark: it is set, never pruned, and goes with the link it belongs to."""

from collections.abc import Iterator
from dataclasses import field

from ..core.resource import Identity, Resource, Stage, kind
from .link import AtLink, Link
from .ownership import HOST


@kind
class Sysctl(AtLink):
    """`name` is the path below /proc/sys, with slashes, since link names may hold dots."""

    noun, rank = "sysctl", 6
    marked, loss = False, "none"

    name: Identity[str]
    value: str
    link: str = field(default="", compare=False)  # the link it lives and dies with

    def commands(self, old: Resource | None) -> list[str]:
        run = "" if self.ns == HOST else f"ip netns exec {self.ns} "
        return [f"{run}sysctl -w {self.name}={self.value}"]


@kind
class Forwarding(Sysctl):
    """What lets the host forward at all: opened when all else stands."""

    stage, rank = Stage.OPENING, 0


FORWARDING = "net/ipv4/conf/{}/forwarding"
USUAL = (
    FORWARDING,
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
    for name in USUAL if (link.ns, link.name) in link.names else ():  # not of an end that is another's
        yield Sysctl(ns=link.ns, name=name.format(link.name), value="", link=link.name)

"""What is looked at, and what is found."""

from functools import cached_property
from typing import NamedTuple

from ..core.bykind import ByKind, by_kind
from ..core.resource import State
from ..family import family
from ..inventory.facts import Facts
from ..inventory.vitals import Vitals, dotted
from ..kinds.address import Address
from ..kinds.link import NetworkLink
from ..kinds.nft import Element
from ..kinds.ownership import HOST


class Finding(NamedTuple):
    """A line of what, a line of why it bites, and the commands that mend it."""

    what: str
    why: str
    mend: str


class Examination:
    """All that is known of a host; `needs` are the features that its manifests name, or that stand."""

    def __init__(self, facts: Facts, vitals: Vitals, live: State, needs: frozenset[str]):
        self.facts, self.vitals, self.needs = facts, vitals, needs
        self.live: ByKind = by_kind(live)

    @cached_property
    def families(self) -> frozenset[int]:
        """Those in which networks of ours stand that lead out."""
        internal = {r.item for r in self.live.of(Element) if r.map == "internal"}
        leading = {r.name for r in self.live.of(NetworkLink) if r.ns == HOST} - internal
        found = (r.ip for r in self.live.of(Address) if r.ns == HOST and r.link in leading)
        return frozenset(family(ip) for ip in found if not ip.startswith("fe80:"))


def lasting(name: str, value: object) -> str:
    """The command that sets a sysctl, now and at boot."""
    dots = dotted(name)
    return f"sysctl -w {dots}={value} && echo {dots}={value} >>/etc/sysctl.d/99-reconciler.conf"

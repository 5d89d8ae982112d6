"""What stands of one project, or of nobody, in the kernel's own values, with what that tells of each part."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import ip_interface
from typing import NamedTuple, TypeVar

from ..core.bykind import ByKind, by_kind
from ..core.resource import State
from ..inventory.ownership import owners
from ..kinds.address import Address
from ..kinds.bridge_port import BridgePort
from ..kinds.link import Bridge, HandedVeth, Link, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.route import Route
from ..kinds.stacked_link import Ipvlan, Macvlan

NOBODYS = ""  # the project of what bears no mark of ours
Child = Macvlan | Ipvlan
End = Veth | Macvlan | Ipvlan
T = TypeVar("T", Address, Route)


class Forward(NamedTuple):
    """Ports of the host that lead to an address; `host_ip` is "" for any of the host's, `first` 0 for none:
    who asks uses the address itself."""

    protocol: str
    host_ip: str
    first: int
    last: int
    ip: str
    target: int

    @property
    def family(self) -> int:
        return 6 if ":" in self.ip else 4


class ProjectState:
    """A state, and what of it is of one project."""

    def __init__(self, state: State, project: str, forwards: Sequence[Forward]) -> None:
        self.project, self.forwards = project, forwards
        self.all: ByKind = by_kind(state)
        self.owner = owners(self.all)

    @cached_property
    def namespaces(self) -> list[Namespace]:
        return sorted((r for r in self.all.of(Namespace) if r.project == self.project), key=lambda r: r.name)

    @cached_property
    def bridges(self) -> list[Bridge]:
        """Of nobody's those that somebody is on."""
        found = [r for r in self.all.of(Bridge) if r.ns == HOST and r.project == self.project]
        used = {end.bridge for ends in self.ends.values() for end in ends if isinstance(end, Veth)}
        return sorted((r for r in found if self.project or r.name in used), key=lambda r: r.name)

    @cached_property
    def ends(self) -> Mapping[str, list[End]]:
        """Links of sandboxes that lead to the host, by sandbox."""
        found: dict[str, list[End]] = defaultdict(list)
        homes = {one.name for one in self.namespaces}
        pairs = [r for r in self.all.of(Veth) if not isinstance(r, HandedVeth)]
        all_ends: list[End] = [*pairs, *self.all.of(Macvlan), *self.all.of(Ipvlan)]
        for r in all_ends:
            if r.ns in homes:
                found[r.ns].append(r)
        return {ns: sorted(those, key=lambda r: r.name) for ns, those in found.items()}

    @cached_property
    def addresses(self) -> Mapping[tuple[str, str], list[Address]]:
        """By place and link, less those that links give themselves."""
        return by_place(r for r in self.all.of(Address) if not r.ip.startswith("fe80:"))

    @cached_property
    def ways(self) -> Mapping[tuple[str, str], list[Route]]:
        """Default routes, by place and link."""
        return by_place(r for r in self.routes if r.dst.endswith("/0"))

    @cached_property
    def beyond(self) -> Mapping[tuple[str, str], list[Route]]:
        """Others that lead by a neighbour, likewise."""
        return by_place(r for r in self.routes if r.via and not r.dst.endswith("/0"))

    @property
    def routes(self) -> Iterator[Route]:
        """Those of sandboxes."""
        return (r for r in self.all.of(Route) if r.table == "main" and r.ns != HOST)

    @cached_property
    def marks(self) -> Mapping[tuple[str, str], str]:
        """What the firewall says, by map and item."""
        return {(r.map, r.item): r.value for r in self.all.of(Element)}

    @cached_property
    def homes(self) -> Mapping[str, str]:
        """The sandbox that has an address."""
        found = (r for r in self.all.of(Address) if r.ns != HOST and not r.ip.startswith("fe80:"))
        return {r.ip: r.ns for r in found}

    def lent(self, bridge: str) -> str:
        """The link of the host that is a port of this bridge."""
        return next((r.link for r in self.all.of(BridgePort) if r.bridge == bridge), "")

    def links(self, ns: str) -> list[Link]:
        """Others in there."""
        known = {r.key for r in self.ends.get(ns, ())}
        return [r for r in self.all.of(Link) if r.ns == ns and r.key not in known]


def by_place(those: Iterable[T]) -> Mapping[tuple[str, str], list[T]]:
    found: dict[tuple[str, str], list[T]] = defaultdict(list)
    for r in those:
        found[r.ns, r.link].append(r)
    return found


def subnet_of(one: Address) -> str:
    return str(ip_interface(f"{one.ip}/{one.prefix}").network)

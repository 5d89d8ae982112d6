"""What a person calls what a resource is part of: a container, a network, a published port."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from ..core.resource import Resource, State
from ..kinds.address import Address
from ..kinds.balancer import Balancer
from ..kinds.link import NetworkLink, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Element, InTable, Table
from ..kinds.ownership import HOST, SHARED
from ..kinds.remote import RemoteNetwork
from ..kinds.resolver import Resolver, ZoneFile
from ..kinds.split_dns import HostDomain
from ..kinds.workload import Workload
from .bykind import by_kind
from .ownership import by_key

EVERYBODY = SHARED  # the project of what all share
# In the order in which they are told.
KINDS = CONTAINER, NETWORK, PORT, SERVICES, NAMES, FIREWALL, SETTINGS = (
    "container",
    "network",
    "port",
    "services",
    "names",
    "firewall",
    "host settings",
)


class Subject(NamedTuple):
    """`name` is "" of what a project has one of."""

    project: str
    kind: str
    name: str = ""


class Subjects:
    """Of all resources of two states, of which the second is told first."""

    def __init__(self, live: State, desired: State):
        self.live, self.desired = by_kind(live), by_kind(desired)
        self.owner = by_key(self.live, self.desired)

    def of(self, r: Resource) -> Subject:
        kind, name = self.kind(r)
        return Subject(self.owner(r.key) or EVERYBODY, kind, name)

    def words(self, r: Resource) -> dict[str, str]:
        """For scripts: `{"project": "shop", "container": "shop-web-1"}`."""
        project, kind, name = self.of(r)
        return {"project": project} | ({kind: name} if kind in (CONTAINER, NETWORK, PORT) else {})

    def kind(self, r: Resource) -> tuple[str, str]:
        match r:
            case Workload():
                return CONTAINER, r.sandbox or r.name
            case Namespace():
                return CONTAINER, r.name
            case RemoteNetwork():
                return NETWORK, r.name
            case Balancer():
                return SERVICES, ""
            case ZoneFile() | Resolver() | HostDomain():
                return NAMES, ""
            case Element():
                return next(self.named(r), (FIREWALL, ""))
            case Table() | InTable():
                return FIREWALL, ""
        if r.place:
            return CONTAINER, r.place
        links = (getattr(r, name, "") for name in ("host_name", "name", "link", "iif", "bridge"))
        known = (self.links[link] for link in links if link in self.links)
        return next(known, (SETTINGS, ""))

    def named(self, r: Element) -> Iterator[tuple[str, str]]:
        """What an element is about, as its parts tell."""
        if flow := r.flow:
            at = f"[{flow.ip}]:" if ":" in flow.ip else f"{flow.ip}:" * bool(flow.ip)
            ports = f"{flow.first}-{flow.last}" if flow.last > flow.first else str(flow.first)
            yield PORT, f"{at}{ports}/{flow.protocol}"
        parts = r.item.split(" . ")
        yield from (self.links[part] for part in parts if part in self.links)
        yield from (self.addresses[part] for part in parts if part in self.addresses)

    @cached_property
    def links(self) -> dict[str, tuple[str, str]]:
        """Whose the links of the host are."""
        found: dict[str, tuple[str, str]] = {}
        for state in (self.live, self.desired):
            found |= {r.name: (NETWORK, r.network) for r in state.of(NetworkLink)}
            found |= {r.host_name: (CONTAINER, r.ns) for r in state.of(Veth)}
        return found

    @cached_property
    def addresses(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for state in (self.live, self.desired):
            found |= {r.ip: (CONTAINER, r.ns) for r in state.of(Address) if r.ns != HOST}
        return found

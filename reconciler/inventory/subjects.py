"""What a person calls what a step is about, as two states tell it together; each kind knows what to ask."""

from functools import cached_property
from ipaddress import ip_network

from ..core.resource import Resource, State
from ..core.subject import CONTAINER, NETWORK, PORT, Part, Places, Subject
from ..kinds.address import Address
from ..kinds.link import Link, NetworkLink, Veth
from ..kinds.ownership import HOST, SHARED
from ..kinds.shaping import Ifb
from .bykind import by_kind
from .ownership import by_key


class Subjects:
    """Of all resources of two states, of which the second is believed first."""

    def __init__(self, live: State, desired: State):
        self.states = by_kind(live), by_kind(desired)
        self.owner = by_key(*self.states)

    def of(self, r: Resource) -> Subject:
        part = r.part_of(self.places)
        project = self.owner(r.key) or SHARED
        return Subject(self.projects.get(part[1], project) if project == SHARED else project, *part)

    def words(self, r: Resource) -> dict[str, str]:
        """For scripts: `{"project": "shop", "container": "shop-web-1"}`."""
        project, kind, name = self.of(r)
        return {"project": project} | ({kind: name} if kind in (CONTAINER, NETWORK, PORT) else {})

    @cached_property
    def places(self) -> Places:
        links: dict[str, Part] = {}
        addresses: dict[str, Part] = {}
        subnets: dict[str, Part] = {}
        for state in self.states:
            links |= {r.name: (NETWORK, r.network) for r in state.of(NetworkLink)}
            links |= {r.host_name: (CONTAINER, r.ns) for r in state.of(Veth)}
            links |= {r.name: (CONTAINER, r.sandbox) for r in state.of(Ifb)}
            addresses |= {r.ip: (CONTAINER, r.ns) for r in state.of(Address) if r.ns != HOST}
            gateways = (r for r in state.of(Address) if r.ns == HOST and r.link in links)
            subnets |= {str(ip_network(f"{r.ip}/{r.prefix}", strict=False)): links[r.link] for r in gateways}
        return Places(links, addresses, subnets)

    @cached_property
    def projects(self) -> dict[str, str]:
        """Of networks: what keeps one from others is of all."""
        return {r.network: r.project for state in self.states for r in state.of(NetworkLink)}

    def network(self, ns: str, link: str, *, before: bool = False) -> str:
        """That which a link of a sandbox leads to, or led to; "" where it is none of ours."""
        found = self.states[not before].get(Link.at(ns, link))
        return self.network_of(found.bridge) if isinstance(found, Veth) else getattr(found, "network", "")

    def network_of(self, bridge: str) -> str:
        return self.places.links.get(bridge, ("", ""))[1]

    def network_at(self, ip: str, *, before: bool = False) -> str:
        """That which an address of a sandbox is on, or was."""
        ns, link = self.ends[not before].get(ip, ("", ""))
        return self.network(ns, link, before=before)

    @cached_property
    def ends(self) -> list[dict[str, tuple[str, str]]]:
        """Where the addresses of sandboxes stand, in both states."""
        return [{r.ip: (r.ns, r.link) for r in state.of(Address) if r.ns != HOST} for state in self.states]

    def container(self, ip: str) -> str:
        """Whose address it is."""
        return self.places.addresses.get(ip, ("", ip))[1]

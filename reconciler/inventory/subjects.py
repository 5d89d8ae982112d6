"""What a person calls what a step is about, as two states tell it together; each kind knows what to ask."""

import re
from collections.abc import Iterator
from functools import cached_property
from ipaddress import ip_network

from ..core.bykind import by_kind
from ..core.resource import Resource, State
from ..core.subject import CONTAINER, NAMED, NETWORK, Part, Places, Subject
from ..kinds.address import Address
from ..kinds.cni import CniAttachment
from ..kinds.link import Link, NetworkLink, Veth
from ..kinds.nft import Element
from ..kinds.ownership import HOST, SHARED
from ..kinds.remote import RemoteEndpoint
from ..kinds.shaping import Ifb
from .ownership import by_key

# What a policy comes to tells where that stands: in `policies:`, or on a service or container, or a network.
WRITTEN = re.compile(
    r"(?P<section>policies|services|containers|networks)\.(?P<name>.+?)(\.(for|egress|ingress)(\[\d+\])?)?"
)
TELLING = re.compile(r"(?:bound_)?(egress|ingress|out|in|opened|own_errors)(?:_outside|_host)?[46]")
WORDS = {"out": "egress", "in": "ingress", "own_errors": "egress", "opened": "allow_networks"}


def policy(r: Resource) -> str:
    """The policy that an element of the firewall comes from, or `egress of web`; "" of all else."""
    map_ = TELLING.fullmatch(r.map) if isinstance(r, Element) else None
    found = WRITTEN.fullmatch(r.where.path) if map_ and r.where else None
    if not map_ or not found:
        return ""
    way = found[4] or WORDS.get(map_[1], map_[1])
    return found["name"] if found["section"] == "policies" else f"{way} of {found['name']}"


class Subjects:
    """Of all resources of two states, of which the second is believed first."""

    def __init__(self, live: State, desired: State):
        self.states = by_kind(live), by_kind(desired)
        self.owner = by_key(*self.states)
        self.boxes: dict[str, Part] = {}

    def of(self, r: Resource) -> Subject:
        part = r.part_of(self.places)
        project = self.owner(r.key) or SHARED
        return Subject(self.projects.get(part[1], project) if project == SHARED else project, *part)

    def words(self, r: Resource) -> dict[str, str]:
        """For scripts: `{"project": "shop", "container": "shop-web-1", "policy": "egress of web"}`."""
        project, kind, name = self.of(r)
        told = dict([*self.beside(r), (kind, name), ("policy", policy(r))])
        return {"project": project} | {kind: told[kind] for kind in (*NAMED, "policy") if told.get(kind)}

    def beside(self, r: Resource) -> Iterator[Part]:
        """What else a person would say that it concerns: of an endpoint its network, of an element of the
        firewall whose address or link it names."""
        for name in self.links_named(r):
            yield from self.concerned.get(name, ())
        if isinstance(r, Element):
            for word in (*r.item.split(" . "), *r.value.split(" . ")):
                yield from self.meant(word)

    def links_named(self, r: Resource) -> Iterator[tuple[str, str]]:
        """The links that it is or stands on, by place and name."""
        names = (r.name,) if isinstance(r, Link | CniAttachment | RemoteEndpoint) else r.on_links
        yield from ((r.place or HOST, name) for name in names if name)

    def meant(self, word: str) -> tuple[Part, ...]:
        """What a word of the firewall is about: an address of a sandbox, or a link of the host."""
        for ends in reversed(self.ends):
            if end := ends.get(word):
                return self.concerned.get((end.ns, end.link)) or (self.box(end.ns),)
        return self.concerned.get((HOST, word), ())

    def box(self, name: str) -> Part:
        """A container, which is one for all that is part of it."""
        return self.boxes.setdefault(name, (CONTAINER, name))

    @cached_property
    def concerned(self) -> dict[tuple[str, str], tuple[Part, ...]]:
        """What links are about, by place and name."""
        found: dict[tuple[str, str], tuple[Part, ...]] = {}
        for state in self.states:
            for network in state.of(NetworkLink):
                inside = ((CONTAINER, network.ns),) * (network.ns != HOST)
                found[network.ns, network.name] = (*inside, (NETWORK, network.network))
            plugged: tuple[CniAttachment | RemoteEndpoint, ...]
            plugged = *state.of(CniAttachment), *state.of(RemoteEndpoint)
            found |= {(r.ns, r.name): ((CONTAINER, r.ns), (NETWORK, r.network)) for r in plugged}
        for veth in (veth for state in self.states for veth in state.of(Veth)):
            ends = self.box(veth.ns), self.places.links.get(veth.bridge, (NETWORK, ""))
            found |= {(veth.ns, veth.name): ends, (HOST, veth.host_name): ends}
        return found

    @cached_property
    def places(self) -> Places:
        links: dict[str, Part] = {}
        addresses: dict[str, Part] = {}
        subnets: dict[str, Part] = {}
        for state in self.states:
            links |= {r.name: (NETWORK, r.network) for r in state.of(NetworkLink)}
            links |= {r.host_name: self.box(r.ns) for r in state.of(Veth)}
            links |= {r.name: self.box(r.sandbox) for r in state.of(Ifb)}
            addresses |= {r.ip: self.box(r.ns) for r in state.of(Address) if r.ns != HOST}
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
        end = self.ends[not before].get(ip)
        return self.network(end.ns, end.link, before=before) if end else ""

    @cached_property
    def ends(self) -> list[dict[str, Address]]:
        """The addresses of sandboxes, in both states."""
        return [{r.ip: r for r in state.of(Address) if r.ns != HOST} for state in self.states]

    def container(self, ip: str) -> str:
        """Whose address it is."""
        return self.places.addresses.get(ip, ("", ip))[1]

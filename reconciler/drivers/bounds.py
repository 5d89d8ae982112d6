"""What is a network's own: its links, what is on them, its subnets, and chains and maps of its driver.

Drivers that somebody installed are held to it when they run, and those that are built in by a test.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from ipaddress import ip_network
from itertools import chain
from types import UnionType
from typing import Annotated, get_args, get_origin

from ..cnm.topology import Network
from ..core.resource import Resource
from ..kinds.address import Address
from ..kinds.link import Link, Veth
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Element, Map, Table
from ..kinds.ownership import TABLE
from ..kinds.route import Route
from ..kinds.sysctl import Sysctl
from ..manifest.reserved import is_link_local, is_part
from . import BUILT_IN
from .firewall.elements import skeleton
from .pair import GUARD

KINDS = Resource.__module__.partition(".")[0] + ".kinds."
COMMON = {(r.family, r.name) for r in skeleton() if isinstance(r, Chain | Map)}
OF_PAIRS = {*GUARD.maps, *GUARD.chains}


def stranger(resource: Resource, network: Network) -> str:
    """Why the network cannot have it; "" where it is its own."""
    try:
        return next(chain(mistyped(resource), reasons(resource, network)), "")
    except ValueError as error:
        return f"it is not in normal form: {error}"


def mistyped(r: Resource) -> Iterator[str]:
    for field in fields(r):
        value, kind = getattr(r, field.name), field.type
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if get_origin(kind) is tuple:
            fits = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        else:
            fits = isinstance(value, kind) if isinstance(kind, type | UnionType) else True
        if not fits:
            yield f"its {field.name} may not be {value!r}"


def reasons(r: Resource, network: Network) -> Iterator[str]:
    links = links_of(network, r.place)
    if r.leftover or not type(r).__module__.startswith(KINDS):
        yield "nothing of that kind can be wanted"
    if r.place and not links:
        yield f"it has no endpoint in {r.place}"
    whose = r.declared_by if isinstance(r, Element) else getattr(r, "project", network.project)
    if whose != network.project:
        yield f"it is of project {network.project}"
    if getattr(r, "network", network.name) != network.name:
        yield "it bears another network's name"
    if getattr(r, "bridge", network.bridge) != network.bridge:
        yield f"its bridge is {network.bridge}" if network.bridge else "it has no bridge"
    match r:
        case Veth(ns=ns, host_name=end):
            known = {e.host_link for e in network.endpoints if (e.sandbox, e.ifname) == (ns, r.name)}
            if end not in known:
                yield "no endpoint has such a pair"
        case Link(name=name) if name not in links:
            yield f"{name} is no link that its carrier tells of"
        case Address(link=link) if link not in links or not (r.place or is_reached(r, network)):
            yield "the link or the address is not its own"
        case Route(dst=dst) if not (link_of(r) in links if r.place else is_within(dst, network)):
            yield "it leads elsewhere than to its subnets"
        case Sysctl(name=name, link=link) if link not in links or not is_of_link(name, link):
            yield "it is of no link of its own"
        case Map() | Chain() | Element():
            yield from of_firewall(r, network)
        case Table(name=name) if name != TABLE:
            yield f"there is one table, {TABLE}"
        case Namespace():
            yield "that is the project's to make"
        case _ if not isinstance(r, Link | Address | Route | Sysctl | Table):
            if link_of(r) not in links and not hasattr(r, "project"):
                yield "it is of no link of its own"


def of_firewall(r: Map | Chain | Element, network: Network) -> Iterator[str]:
    name, driver = r.map if isinstance(r, Element) else r.name, network.spec.driver
    if r.table != TABLE:
        yield f"there is one table, {TABLE}"
    if (r.family, name) in COMMON:
        yield f"{name} is what all networks have"
    elif not (driver in BUILT_IN or name in OF_PAIRS or re.fullmatch(rf"{re.escape(driver)}([_-].+)?", name)):
        yield f"chains and maps of a driver are called {driver}, or {driver}_ and more"


def links_of(network: Network, place: str) -> frozenset[str]:
    """The links of the network in a sandbox, or on the host where `place` is ""."""
    if place:
        return frozenset(end.ifname for end in network.endpoints if end.sandbox == place)
    carrier = network.carrier
    ends = (end.host_link for end in network.endpoints)
    return frozenset(filter(None, (network.bridge, *(link.name for link in carrier.links), *ends)))


def link_of(r: Resource) -> str:
    return str(getattr(r, "bridge", "") or getattr(r, "link", ""))


def is_within(prefix: str, network: Network) -> bool:
    if prefix in network.carrier.prefixes:
        return True
    return any(is_part(ip_network(prefix), ip_network(cidr)) for cidr in network.extent)


def is_of_link(name: str, link: str) -> bool:
    """Whether a setting is one of this link, as net/ipv4/conf/eth0/arp_notify is of eth0."""
    match name.split("/"):
        case ["net", _, "conf" | "neigh", at, setting] if at == link:
            return setting.isidentifier()
    return False


def is_reached(address: Address, network: Network) -> bool:
    """Whether the host may have the address on a link of the network, and the route that comes with it."""
    prefix = ip_network(f"{address.ip}/{address.prefix}", strict=False)
    if address.ip in network.carrier.addresses or all(map(is_link_local, (prefix[0], prefix[-1]))):
        return True
    return is_within(str(prefix), network)

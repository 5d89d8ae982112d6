"""Which addresses each sandbox has, as far as its own word counts for anything."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ..core.bykind import ByKind
from ..kinds.address import Address
from ..kinds.cni import CniAttachment
from ..kinds.link import Bridge, Veth
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.remote import RemoteEndpoint
from ..kinds.stacked_link import Ipvlan, Macvlan

Subnet = IPv4Network | IPv6Network


def leases(live: ByKind) -> dict[tuple[str, str], tuple[str, ...]]:
    """What each sandbox has of each network.  Who is root in there can give it any address: the guard of its
    port says which are its own, and where there is none, what two of them have is neither's."""
    said = guards(live)
    homes = homes_of(live, said)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for r in live.of(Address):
        if r.ns != HOST:
            found[r.ns, homes.get((r.ns, r.link), "")].append(r.ip)
    plugged: list[CniAttachment | RemoteEndpoint] = [*live.of(CniAttachment), *live.of(RemoteEndpoint)]
    for one in plugged:
        found[one.ns, one.network] += (ip.partition("/")[0] for ip in one.addresses)
    guarded = {(r.ns, homes[r.ns, r.name]): said[r.host_name] for r in live.of(Veth) if r.host_name in said}
    claimed = Counter((home, ip) for (_, home), ips in found.items() for ip in set(ips))
    given = {(home, ip) for (_, home), ips in guarded.items() for ip in ips}

    def own(ns: str, home: str) -> Iterator[str]:
        yield from guarded.get((ns, home), ())
        yield from (ip for ip in found[ns, home] if (home, ip) not in given and claimed[home, ip] == 1)

    return {(ns, home): tuple(own(ns, home)) for ns, home in {**guarded, **found}}


def homes_of(live: ByKind, said: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """The bridge, or the network on a parent, that each link of a sandbox leads to; `said` is by guards."""
    subnets = subnets_of(live)
    homes = {(r.ns, r.name): bridge_of(r, said.get(r.host_name, ()), subnets) for r in live.of(Veth)}
    named: list[Macvlan | Ipvlan | CniAttachment | RemoteEndpoint] = [
        *live.of(Macvlan),
        *live.of(Ipvlan),
        *live.of(CniAttachment),
        *live.of(RemoteEndpoint),
    ]
    return homes | {(r.ns, r.name): r.network for r in named}


def bridge_of(end: Veth, ips: Sequence[str], subnets: Mapping[str, Sequence[Subnet]]) -> str:
    """Where it is a port; of one that somebody has moved, where it was, by the addresses that its guard lets
    out: else the links of a sandbox would be taken for one another, and it would get other addresses."""
    own = [ip_address(ip) for ip in ips if not ip.startswith("fe80:")]

    def holds(bridge: str) -> bool:
        return any(ip in subnet for subnet in subnets[bridge] for ip in own)

    if not own or (end.bridge and (not subnets.get(end.bridge) or holds(end.bridge))):
        return end.bridge  # which somebody else's is too, and one without addresses
    return next(filter(holds, subnets), end.bridge)


def subnets_of(live: ByKind) -> dict[str, list[Subnet]]:
    """Of each bridge of ours that is on no LAN, by its own addresses: two of them never overlap."""
    found: dict[str, list[Subnet]] = {r.name: [] for r in live.of(Bridge) if not r.outer}
    for r in live.of(Address):
        if r.ns == HOST and r.link in found and not r.ip.startswith("fe80:"):
            found[r.link].append(ip_network(f"{r.ip}/{r.prefix}", strict=False))
    return found


def guards(live: ByKind) -> dict[str, list[str]]:
    """The addresses that may come out of each port."""
    said: dict[str, list[str]] = defaultdict(list)
    for r in live.of(Element):
        if r.map in ("own4", "own6") and r.family == "bridge":
            with suppress(ValueError):  # somebody made the map anew, of another type
                port, _, ip = r.item.split(" . ")
                said[port].append(address_of_item(r.map, ip))
    return said


def address_of_item(name: str, ip: str) -> str:
    """The address in an item of `own4` or `own6`; before the latter held numbers it held addresses."""
    if name == "own4":
        return str(IPv4Address(ip))
    return str(IPv6Address(int(ip, 16) if ip.startswith("0x") else ip))

"""Which addresses each sandbox has, as far as its own word counts for anything."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from ..core.bykind import ByKind
from ..kinds.address import Address
from ..kinds.cni import CniAttachment
from ..kinds.link import Veth
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.remote import RemoteEndpoint
from ..kinds.stacked_link import Ipvlan, Macvlan


def leases(live: ByKind) -> dict[tuple[str, str], tuple[str, ...]]:
    """What each sandbox has of each network.  Who is root in there can give it any address: the guard of its
    port says which are its own, and where there is none, what two of them have is neither's."""
    homes = homes_of(live)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for r in live.of(Address):
        if r.ns != HOST:
            found[r.ns, homes.get((r.ns, r.link), "")].append(r.ip)
    plugged: list[CniAttachment | RemoteEndpoint] = [*live.of(CniAttachment), *live.of(RemoteEndpoint)]
    for one in plugged:
        found[one.ns, one.network] += (ip.partition("/")[0] for ip in one.addresses)
    guarded = dict(guards(live))
    claimed = Counter((home, ip) for (_, home), ips in found.items() for ip in set(ips))
    given = {(home, ip) for (_, home), ips in guarded.items() for ip in ips}

    def own(ns: str, home: str) -> Iterator[str]:
        yield from guarded.get((ns, home), ())
        yield from (ip for ip in found[ns, home] if (home, ip) not in given and claimed[home, ip] == 1)

    return {(ns, home): tuple(own(ns, home)) for ns, home in {**guarded, **found}}


def homes_of(live: ByKind) -> dict[tuple[str, str], str]:
    """The bridge, or the network on a parent, that each link of a sandbox leads to."""
    homes = {(r.ns, r.name): r.bridge for r in live.of(Veth)}
    named: list[Macvlan | Ipvlan | CniAttachment | RemoteEndpoint] = [
        *live.of(Macvlan),
        *live.of(Ipvlan),
        *live.of(CniAttachment),
        *live.of(RemoteEndpoint),
    ]
    return homes | {(r.ns, r.name): r.network for r in named}


def guards(live: ByKind) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """The addresses that may come out of each port, by sandbox and bridge."""
    said: dict[str, list[str]] = defaultdict(list)
    for r in live.of(Element):
        if r.map in ("own4", "own6") and r.family == "bridge":
            with suppress(ValueError):  # somebody made the map anew, of another type
                port, _, ip = r.item.split(" . ")
                said[port].append(address_of_item(r.map, ip))
    for end in live.of(Veth):
        if end.host_name in said:
            yield (end.ns, end.bridge), said[end.host_name]


def address_of_item(name: str, ip: str) -> str:
    """The address in an item of `own4` or `own6`; before the latter held numbers it held addresses."""
    if name == "own4":
        return str(IPv4Address(ip))
    return str(IPv6Address(int(ip, 16) if ip.startswith("0x") else ip))

"""What two want and only one can have, in words: who has it, where that is written, and what is free.

Told when everything is decided, so that what is offered is free of all that was asked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import chain
from typing import NamedTuple

from ..errors import Finding, ManifestError, Where
from ..inventory.facts import Facts
from ..manifest.reserved import Address, Prefix
from ..manifest.spec import SubnetSpec
from ..mistakes import AddressTaken, SubnetTaken, WrongAddress
from .ipam import Range, Request, Space
from .prefixes import Prefixes, Span, alone, prefix_of, span
from .topology import Network

MOST_HINTS = 50  # a free value is looked for through all that are taken
LEAST_TOLD = 4  # the shortest prefix of a route that says where something is
MOST_PROBES = 1024  # for a free address
OTHER = "choose another"


class Overlap(NamedTuple):
    """A subnet that a network wants, and what is in use there."""

    network: str
    wanted: SubnetSpec
    used: Span
    of_host: bool  # and no network's


def overlaps(
    found: Sequence[Overlap], networks: Iterable[Network], used: Space, facts: Facts
) -> Iterator[Finding]:
    """What is in use may be a subnet of this run, whose place is told, or the host's, which is no mistake
    where the network stands already."""
    holders = {
        span(one.subnet): (one.where, one.subnet, network.name)
        for network in reversed([*networks])  # of several, the first has it
        for one in network.ranges
    }
    for number, (name, wanted, other, of_host) in enumerate(found):
        if of_host or other not in holders:
            message = f"subnet {wanted.subnet} of network {name} {holds(other, facts)}"
            hint = "a route of the host or another network has it; choose another"
            stays = of_host and stands(name, span(wanted.subnet), facts)
            yield message if stays else SubnetTaken(message, hint, wanted.where)
            continue
        one, two = sorted([holders[other], (wanted.where, wanted.subnet, name)])
        message = f"subnet {two[1]} of network {two[2]} overlaps {one[1]} of {one[2]}"
        hint = free_subnet(ip_network(two[1]), used) if number < MOST_HINTS else OTHER
        yield SubnetTaken(message, hint, two[0], (one[0], "the other one"))


def holds(used: Span, facts: Facts) -> str:
    """What of the host's a subnet would take."""
    prefix = prefix_of(used)
    ip, link = str(prefix[0]), facts.onlink.get(str(prefix), "")
    if prefix.num_addresses > 1 or ip not in {*facts.addresses, *facts.hops}:
        return f"overlaps {prefix}, which is in use" + f" on {link}" * bool(link)
    what = "the host's address" if ip in facts.addresses else "the next hop of a route,"
    return f"takes {what} {ip} on {facts.addresses.get(ip) or facts.hops[ip]}"


def hidden(networks: Iterable[Network], routes: Prefixes, facts: Facts) -> Iterator[str]:
    """What the host reaches elsewhere until a network of ours is made inside of it; of routes that are nearly
    a default one, nothing is said."""
    new = ((n, r.subnet) for n in networks if n.inner for r in n.ranges)
    for network, subnet in new:
        one = span(subnet)
        near = [wide for wide in routes.around(one) if prefix_of(wide).prefixlen >= LEAST_TOLD]
        if near and not stands(network.name, one, facts):
            wide = str(prefix_of(near[-1]))
            by = f" on {facts.onlink[wide]}" if wide in facts.onlink else ""
            yield f"network {network.name} takes {subnet} out of {wide}, which the host reaches elsewhere{by}"


def stands(network: str, subnet: Span, facts: Facts) -> bool:
    """Whether a network has this subnet already: its bridge tells, or who is on it, or where that is lost the
    firewall and the routes."""
    if known := facts.networks.get(network):
        on_it = (ips for (_, bridge), ips in facts.leases.items() if bridge == known.bridge)
        held = Prefixes(map(alone, chain.from_iterable(on_it)))
        if subnet in map(span, known.subnets) or any(held.inside(subnet)):
            return True
    return subnet in map(span, facts.subnets)


def free_subnet(prefix: Prefix, used: Space) -> str:
    """A hint with the next subnet of the same length that nothing has."""
    size, start = prefix.num_addresses, int(prefix[0])
    for _ in range(256):
        start += size
        if start + size > 1 << prefix.max_prefixlen:
            break
        candidate = ip_network((start, prefix.prefixlen))
        if not used.meets(span(str(candidate))):
            return f"{candidate} is free"
    return OTHER


def addresses(
    network: str, ranges: Sequence[Range], refused: Sequence[Request], asked: Sequence[Request]
) -> Iterator[ManifestError]:
    """Why some of what was asked for as an address of this network is not had."""
    wishes: dict[str, list[Request]] = defaultdict(list)
    for request in asked:
        wishes[request.written].append(request)
    for number, request in enumerate(refused):
        ip = ip_address(request.written)
        home = next((r for r in ranges if ip in r.prefix), None)
        if home is None:
            yield outside(network, ranges, request)
        elif int(ip) not in home.span:
            yield WrongAddress(f"{ip} is no host's address in {home.prefix}", "take another", request.where)
        else:
            holder, there = holder_of(ip, home, request, wishes[request.written])
            hint = free_address(ip, home) if number < MOST_HINTS else OTHER
            label = (there, holder) if there else None
            yield AddressTaken(f"{ip} is taken: {holder}", hint, request.where, label)


def outside(network: str, ranges: Sequence[Range], request: Request) -> ManifestError:
    message = f"{request.written} is outside network {network}"
    if not ranges:
        return WrongAddress(message, "it has no subnet of that family", request.where)
    known = ", or ".join(f"{r.prefix[0]} to {r.prefix[-1]}" for r in ranges)
    place = ranges[0].spec.where
    label = (place, "the network's subnet") if place.line else None
    return WrongAddress(message, f"take one of {known}", request.where, label)


def holder_of(
    ip: Address, home: Range, request: Request, alike: Sequence[Request]
) -> tuple[str, Where | None]:
    """Who has the address, and where that is written; `alike` are all that ask for it."""
    for other in alike:
        if other is not request:
            return f"{other.name} has it", other.where
    spec = home.spec
    if str(ip) == home.gateway:
        return "the gateway" if spec.gateway else "the gateway, as none is written", spec.where
    aside = (name for name, text in spec.aux_addresses.items() if text == str(ip))
    return f"set aside for {next(aside, 'the host')}", spec.where


def free_address(ip: Address, home: Range) -> str:
    """A hint with the next address of the subnet that nobody has."""
    for step in range(1, MOST_PROBES):
        candidate = int(ip) + step
        if candidate not in home.span:
            break
        if candidate not in home.used:
            return f"{type(ip)(candidate)} is free"
    return OTHER

"""Address management, pure: what was written wins, what a running endpoint has is kept, the rest
is hashed and probed.

There is no lease file: the kernel is the store, and without history every host derives the same addresses.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from ipaddress import ip_address, ip_network
from itertools import product
from typing import NamedTuple

from ..errors import Where
from ..kinds.names import number
from ..manifest.reserved import Prefix, assignable, first_free
from ..manifest.spec import PoolSpec, SubnetSpec
from ..mistakes import NoRoom
from .prefixes import Prefixes, Span, span, value_of

# One is used when those before it are full, so that what is added at the end moves no network.
POOLS4 = (
    # A Linux bridge has at most 1023 ports (BR_MAX_PORTS), so that a /20 always suffices.
    PoolSpec(base="172.16.0.0/12", size=20),
    PoolSpec(base="192.168.0.0/16", size=24),
    # Of 10.0.0.0/8 a part that few others have as their default: clouds and OpenVPN have what is below 10.16,
    # Kubernetes 10.32 to 10.47 and from 10.96, Podman 10.88 to 10.95, DigitalOcean 10.104, Google 10.128 on.
    PoolSpec(base="10.56.0.0/13", size=24),
)
POOLS6 = (
    PoolSpec(base="fd00::/8", size=64),
)  # RFC 4193: the network's name decides 56 bits after the first 8
SPREAD6 = 1 << 32  # hashed IPv6 addresses stay in the first 2^32 of their subnet, to be readable


class Request(NamedTuple):
    """What one endpoint asks of one subnet's family."""

    name: str  # of the sandbox: what the hash is made of
    written: str = ""
    held: tuple[str, ...] = ()
    stands: tuple[str, ...] = ()  # which of them it has by now
    where: Where | None = None


class Probing:
    """The free numbers of a range, found from any of them on in near constant time however full it is.
    `past` tells where that ends which uses a number; a free one is its own answer."""

    def __init__(self, low: int, high: int, past: Callable[[int], int]):
        self.low, self.high, self.past = low, high, past
        self.skip: dict[int, int] = {}  # a used number -> where probing from it goes on

    def free(self, start: int) -> int | None:
        found = self._free_from(start)
        found = self._free_from(self.low) if found > self.high else found
        return None if found > self.high else found

    def _free_from(self, number: int) -> int:
        trail = []
        while number <= self.high and (after := self.skip.get(number) or self.past(number)) > number:
            trail.append(number)
            number = after
        for passed in trail:
            self.skip[passed] = number
        return number


class Space:
    """What is in use, which only grows, and the subnets of pools that are still free.  A subnet goes around
    all routes of the host as long as it can; else a wider one, as half a VPN's default route, says nothing.
    """

    def __init__(self, *used: Prefixes, routes: Prefixes):
        self.used, self.routes = used, routes
        self.slots: dict[tuple[str, int, bool], Probing] = {}

    def meets(self, one: Span) -> bool:
        return self.past(one) > one[0]

    def past(self, one: Span, *, around: bool = True) -> int:
        """Where that ends which is in use; with `around`, also what is wider."""
        by_routes = self.routes.past(one) if around else self.routes.past_inside(one)
        return max(by_routes, *(used.past(one) for used in self.used))

    def choose(self, name: str, pools: Sequence[PoolSpec], where: Where) -> Prefix:
        """The first free prefix of the pools, probed from where the network's name hashes to."""
        for around, pool in product((True, False), pools):
            slots = self.slots_of(pool, around=around)
            found = slots.free(number("subnet", name) % (slots.high + 1))
            if found is not None:
                return slot(ip_network(pool.base), pool.size, found)
        message = "every subnet of the pools overlaps a route of the host or another network"
        raise NoRoom(message, "add a pool under `pools:` or write `ipam.config[0].subnet`", where)

    def slots_of(self, pool: PoolSpec, *, around: bool) -> Probing:
        base, length = pool.base, pool.size
        if (base, length, around) not in self.slots:
            first, whole = span(base)
            _, size = span(f"{base.partition('/')[0]}/{length}")

            def past(index: int) -> int:
                return (self.past((first + index * size, size), around=around) - first + size - 1) // size

            self.slots[base, length, around] = Probing(0, whole // size - 1, past)
        return self.slots[base, length, around]


def slot(base: Prefix, size: int, index: int) -> Prefix:
    address = int(base.network_address) + (index << (base.max_prefixlen - size))
    return ip_network((address, size))


def gateway_of(spec: SubnetSpec) -> str:
    """As written, else the first that a host can have and that no auxiliary address has."""
    if spec.gateway:
        return spec.gateway
    if found := first_free(spec):
        return found
    hint = "set fewer of `aux_addresses` aside, or write `gateway`"
    raise NoRoom(f"subnet {spec.subnet} has no address left for the gateway", hint, spec.where)


class Range:
    """The addresses of one subnet that are still free; those to be shunned are had by who asks for them."""

    def __init__(self, spec: SubnetSpec, gateway: str, shunned: Set[str] = frozenset()):
        self.spec, self.gateway = spec, gateway
        self.prefix = ip_network(spec.subnet)
        self.span = assignable(self.prefix)
        inner = ip_network(spec.ip_range) if spec.ip_range else self.prefix
        self.low = max(self.span[0], int(inner.network_address))
        self.high = min(self.span[-1], int(inner.broadcast_address), self.low + SPREAD6 - 1)
        self.used = used = {value_of(ip) for ip in (*spec.aux_addresses.values(), gateway) if ip}
        address = type(self.prefix.network_address)

        def past(ip: int) -> int:
            """Who is shunned may be very many, of whom nobody need make numbers.  The range is not named
            here: what names each other waits for the collector."""
            return ip + (ip in used or str(address(ip)) in shunned)

        self.probing = Probing(self.low, self.high, past)

    def take(self, address: int) -> bool:
        if address in self.used or address not in self.span:
            return False
        self.used.add(address)
        return True

    def holds(self, ip: str) -> bool:
        return ip_address(ip) in self.prefix

    @staticmethod
    def within(cidr: str, ip: str) -> bool:
        return ip_address(ip) in ip_network(cidr)

    def probe(self, name: str) -> int | None:
        """The next free address from where the name hashes to."""
        size = self.high - self.low + 1
        if size <= 0 or (found := self.probing.free(self.low + number("address", name) % size)) is None:
            return None
        self.used.add(found)
        return found


def assign(
    network: str, ranges: Sequence[Range], requests: Iterable[Request], refused: list[Request]
) -> dict[str, str]:
    """An address for each request, by name.  Written ones first, then held ones, then the rest in order of
    names, and with them what was written and cannot be had: it is added to `refused`."""
    asked = sorted(requests, key=lambda request: request.name)
    given = dict(_written(ranges, asked, refused))
    given |= dict(_held(ranges, [r for r in asked if r.name not in given]))
    for request in asked:
        if request.name not in given:
            given[request.name] = _probed(network, ranges, request)
    return given


def _written(
    ranges: Sequence[Range], asked: Sequence[Request], refused: list[Request]
) -> Iterator[tuple[str, str]]:
    for request in asked:
        if request.written:
            address = ip_address(request.written)
            home = next((r for r in ranges if address in r.prefix), None)
            if home and home.take(int(address)):
                yield request.name, str(address)
            else:
                refused.append(request)


def _held(ranges: Sequence[Range], asked: Sequence[Request]) -> Iterator[tuple[str, str]]:
    for request in asked:
        for held in request.held:
            address = value_of(held)
            if any(r.take(address) for r in ranges):
                yield request.name, held
                break


def _probed(network: str, ranges: Sequence[Range], request: Request) -> str:
    for r in ranges:
        found = r.probe(request.name)
        if found is not None:
            return str(ip_address(found))
    hint = "widen `subnet` or `ip_range`, or add a subnet"
    raise NoRoom(f"network {network} has no free address left for {request.name}", hint, request.where)

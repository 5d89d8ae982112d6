"""Address management, pure: what was written wins, what a running endpoint has is kept, the rest
is hashed and probed.

There is no lease file: the kernel is the store, and without history every host derives the same addresses.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ..errors import ManifestError, Where
from ..manifest.reserved import Prefix, edges, first_free
from ..manifest.spec import PoolSpec, SubnetSpec
from .names import number

# A Linux bridge has at most 1023 ports (BR_MAX_PORTS), so that a /20 always suffices.
POOLS4 = (PoolSpec(base="172.16.0.0/12", size=20), PoolSpec(base="192.168.0.0/16", size=24))
POOLS6 = (
    PoolSpec(base="fd00::/8", size=64),
)  # RFC 4193: the network's name decides 56 bits after the first 8
SPREAD6 = 1 << 32  # hashed IPv6 addresses stay in the first 2^32 of their subnet, to be readable


class Request(NamedTuple):
    """What one endpoint asks of one subnet's family."""

    name: str  # of the sandbox: what the hash is made of
    written: str = ""
    held: tuple[str, ...] = ()
    where: Where | None = None


def choose_subnet(name: str, pools: Sequence[PoolSpec], taken: Sequence[Prefix], where: Where) -> Prefix:
    """The first free prefix of the pools, probed from where the network's name hashes to."""
    for pool in pools:
        base = ip_network(pool.base)
        slots = 1 << (pool.size - base.prefixlen)
        start = number("subnet", name) % slots
        for step in range(min(slots, 1 << 16)):
            candidate = slot(base, pool.size, (start + step) % slots)
            if not any(overlap(candidate, other) for other in taken):
                return candidate
    message = "every subnet of the pools overlaps a route of the host or another network"
    raise ManifestError(message, "add a pool under `pools:` or write `ipam.config[0].subnet`", where)


def slot(base: Prefix, size: int, index: int) -> Prefix:
    address = int(base.network_address) + (index << (base.max_prefixlen - size))
    return ip_network((address, size))


def overlap(one: Prefix, other: Prefix) -> bool:
    return one.version == other.version and one.overlaps(other)


def usable(prefix: Prefix) -> tuple[int, int]:
    """First and last address of a subnet that a host may have."""
    cut = edges(prefix)
    return int(prefix[0]) + (prefix[0] in cut), int(prefix[-1]) - (prefix[-1] in cut)


def gateway_of(spec: SubnetSpec) -> str:
    """As written, else the first usable address that no auxiliary address has."""
    if spec.gateway:
        return spec.gateway
    if found := first_free(spec):
        return found
    hint = "set fewer of `aux_addresses` aside, or write `gateway`"
    raise ManifestError(f"subnet {spec.subnet} has no address left for the gateway", hint, spec.where)


def value_of(ip: str) -> int:
    """An address in canonical form as a number: a fifth of what ip_address costs; there may be 100,000."""
    if ":" not in ip:
        a, b, c, d = ip.split(".")
        return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
    if "." in ip:  # an IPv4-mapped one
        return int(ip_address(ip))
    head, _, tail = ip.partition("::")
    value, left, right = 0, head.split(":") if head else [], tail.split(":") if tail else []
    for group in (*left, *["0"] * (8 - len(left) - len(right)), *right):
        value = value << 16 | int(group, 16)
    return value


class Range:
    """The addresses of one subnet that are still free."""

    def __init__(self, spec: SubnetSpec, gateway: str):
        self.spec, self.gateway = spec, gateway
        self.prefix = ip_network(spec.subnet)
        first, last = usable(self.prefix)
        inner = ip_network(spec.ip_range) if spec.ip_range else self.prefix
        low = max(first, int(inner.network_address))
        high = min(last, int(inner.broadcast_address))
        self.low, self.high = low, min(high, low + SPREAD6 - 1)
        reserved = [*spec.aux_addresses.values(), *filter(None, [gateway])]
        self.used = {int(ip_address(address)) for address in reserved}
        self.skip: dict[int, int] = {}  # a used address -> where probing from it goes on
        self.span = range(first, last + 1)

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
        """The next free address from where the name hashes to; near constant time however full
        the range is."""
        size = self.high - self.low + 1
        if size <= 0:
            return None
        start = self.low + number("address", name) % size
        found = self._free_from(start)
        found = self._free_from(self.low) if found > self.high else found
        if found > self.high:
            return None
        self.used.add(found)
        return found

    def _free_from(self, address: int) -> int:
        trail = []
        while address in self.used and address <= self.high:
            trail.append(address)
            address = self.skip.get(address, address + 1)
        for passed in trail:
            self.skip[passed] = address
        return address


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
    raise ManifestError(f"network {network} has no free address left for {request.name}", hint, request.where)

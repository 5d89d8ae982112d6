"""Virtual servers: addresses behind which several others stand, one of which takes each new connection.

They are where the client is, in its own sandbox, so that its address and the network's ways are untouched:
one table of nftables there, whose chains are constant; what varies is elements.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from ..core.resource import Disruption, Drift, Identity, Key, Resource, kind
from ..core.subject import SERVICES, Part, Places
from .draws import drawn_and_told, drawn_of, ends_of, interval, numbers, parts, single, single_of, widths_of
from .namespace import Namespace
from .nft import Chain, Element, InTable, Map, Table
from .ownership import NUMBER, WHOLE
from .ownership import TABLE as NAME

FAMILY = "inet"
MARKS = "/run/reconciler/balancers"  # a file for each sandbox that has some: others are not asked
CATCH_ALL = "*"  # of elements, which ours have none of
# Its address, whether the client's address tells who answers, and who stands behind it, in order, each with
# how many of the numbers are its own: none of who keeps what it has and takes nothing new, as IPVS has it
# with a weight of 0.
Server = tuple[str, bool, tuple[tuple[str, int], ...]]


def maps(family: int) -> dict[str, tuple[str, str, str]]:
    """Type, value and flags of each.  A map of intervals takes a hundred times the memory of one of numbers,
    and is there for those alone who need it."""
    ip, address = ("ip", "ipv4_addr") if family == 4 else ("ip6", "ipv6_addr")
    return {
        f"servers{family}": (address, "", ""),
        f"backends{family}": (f"{ip} saddr . {NUMBER}", f"{ip} saddr", ""),
        f"intervals{family}": (f"{ip} saddr . {NUMBER}", f"{ip} saddr", "interval"),
        f"first{family}": (address, address, ""),
        f"quiesced{family}": (f"{address} . {address}", "", ""),
    }


FORMS = {
    name: Map(family=FAMILY, table=NAME, name=name, type=type_, data=data, flags=flags)
    for family in (4, 6)
    for name, (type_, data, flags) in maps(family).items()
}


def family_of(server: Server) -> int:
    return 6 if ":" in server[0] else 4


def parts_of(server: Server) -> Sequence[int]:
    """How many numbers each behind it has, where these are drawn and few; none of who takes intervals."""
    _, by_client, backends = server
    found = iter(() if by_client else parts(tuple(share for _, share in backends if share)))
    aligned = tuple(next(found, 0) if share else 0 for _, share in backends)
    return aligned if any(aligned) else ()


def is_served(server: Server) -> bool:
    return any(share for _, share in server[2])


def led(family: int, servers: Iterable[Server]) -> Iterator[str]:
    """A rule for each count of numbers.  While a map is just changing a packet may find nothing in it: the
    first in service is never nobody.  That rule is there for nobody too: without any, Linux translates the
    packets of open connections no more (nf_ct_netns_put)."""
    ip, served = "ip" if family == 4 else "ip6", [one for one in servers if is_served(one)]
    drawn = [drawn_of(count) for count in sorted({sum(parts_of(one)) for one in served} - {0, 1})]
    yield from (f"dnat {ip} to {ip} daddr . {number} map @backends{family}" for number in drawn)
    if not all(map(parts_of, served)):
        yield from (f"dnat {ip} to {ip} daddr . {n} map @intervals{family}" for n in drawn_and_told(ip))
    yield f"dnat {ip} to {ip} daddr map @first{family}"


def chains(groups: Mapping[int, Sequence[Server]]) -> dict[str, tuple[str, ...]]:
    """What still is for one of these found nobody in service."""
    rules = (rule for family, group in groups.items() for rule in led(family, group))
    return {
        "connect": ("type nat hook output priority -100; policy accept;", *rules),
        "nobody": (
            "type filter hook output priority 0; policy accept;",
            "ip daddr @servers4 goto refuse",
            "ip6 daddr @servers6 goto refuse",
        ),
        "refuse": ("", "meta l4proto 6 reject with tcp reset", "reject"),
    }


TABLE = Table(family=FAMILY, name=NAME)


def skeleton(servers: Sequence[Server]) -> Iterator[InTable | Table]:
    """What is equal in all sandboxes that reach such as these, be they few or many."""
    groups = {family: [one for one in servers if family_of(one) == family] for family in (4, 6)}
    yield TABLE
    for family, group in groups.items():
        whole = all(map(parts_of, filter(is_served, group)))
        yield from (FORMS[name] for name in maps(family) if not (whole and name == f"intervals{family}"))
    for name, (hook, *rules) in chains(groups).items():
        yield Chain(family=FAMILY, table=NAME, name=name, hook=hook, rules=tuple(rules))


def elements(servers: Iterable[Server]) -> Iterator[Element]:
    for server in servers:
        ip, _, backends = server
        family = family_of(server)
        yield element(f"servers{family}", ip)
        for first in [backend for backend, share in backends if share][:1]:
            yield element(f"first{family}", ip, first)
        for backend in [backend for backend, share in backends if not share]:
            yield element(f"quiesced{family}", f"{ip} . {backend}")
        yield from numbered(server) if parts_of(server) else in_intervals(server)


def size(server: Server) -> int:
    """How many elements it has, which may be far more than what said it."""
    served = sum(1 for _, share in server[2] if share)
    return 1 + (served > 0) + len(server[2]) - served + (sum(parts_of(server)) or served)


def numbered(server: Server) -> Iterator[Element]:
    ip, _, backends = server
    found = parts_of(server)
    each = (backend for (backend, _), count in zip(backends, found, strict=True) for _ in range(count))
    for number, backend in zip(numbers(sum(found)), each, strict=True):
        yield element(f"backends{family_of(server)}", f"{ip} . {single(number)}", backend)


def in_intervals(server: Server) -> Iterator[Element]:
    ip, by_client, backends = server
    for (backend, share), end in zip(backends, accumulate(share for _, share in backends), strict=True):
        beyond = end + WHOLE * by_client
        if share:
            numbers_of_it = interval(beyond - share, beyond - 1)
            yield element(f"intervals{family_of(server)}", f"{ip} . {numbers_of_it}", backend)


def contents(servers: Sequence[Server]) -> list[Resource]:
    """All that a sandbox has of them."""
    return [*skeleton(servers), *elements(servers)]


def element(name: str, item: str, value: str = "") -> Element:
    return Element(family=FAMILY, table=NAME, map=name, item=item, value=value)


def servers(found: Iterable[Element]) -> Iterator[Server]:
    """What these elements say, be they of ours or not."""
    backends: dict[str, list[tuple[str, int]]] = {}
    drawn: dict[str, dict[int, str]] = {}
    sticky: set[str] = set()
    for r in (r for r in found if r.item != CATCH_ALL):
        ip, _, rest = r.item.partition(" . ")
        mine = backends.setdefault(ip, [])
        if r.map.startswith("backends"):
            drawn.setdefault(ip, {})[single_of(rest)] = r.value
        elif r.map.startswith("intervals"):
            first, last = ends_of(rest)
            mine.append((r.value, last - first + 1))
            sticky |= {ip} if last >= WHOLE else set()
        elif rest:
            mine.append((rest, 0))
    for ip, one in drawn.items():
        counts = Counter(one[number] for number in sorted(one))
        backends[ip] += zip(counts, widths_of(tuple(counts.values())), strict=True)
    return ((ip, ip in sticky, tuple(sorted(mine))) for ip, mine in sorted(backends.items()))


@kind
class Balancer(Resource):
    """All virtual servers that one sandbox reaches."""

    noun, rank, loss = "balancer", 13, "flow"

    ns: Identity[str]
    servers: tuple[Server, ...] = ()
    altered: Drift[bool] = False  # by who is root in there: chains or maps are otherwise

    @property
    def place(self) -> str:
        return self.ns

    @property
    def within(self) -> tuple[Key, ...]:
        return (Namespace.at(self.ns),)

    def part_of(self, known: Places) -> Part:
        return SERVICES, ""

    @property
    def detail(self) -> str:
        ways = (f"{ip} -> {' '.join(one for one, share in group if share)}" for ip, _, group in self.servers)
        return f"   ({', '.join(ways)})"

    def cost(self, old: Resource | None) -> Disruption:
        return "none"

    def commands(self, old: Resource | None) -> list[str]:
        head = self.removal()[:1] if old else []
        made = [line for r in contents(self.servers) for line in r.commands(None)]
        rules_last = sorted(made, key=lambda line: "'add rule " in line)
        mark = [f"mkdir -p {MARKS}", f"touch {MARKS}/{self.ns}"]
        return [*mark, *head, *(inside_nft(self.ns, line) for line in rules_last)]

    def removal(self) -> list[str]:
        return [inside_nft(self.ns, f"nft delete table {FAMILY} {NAME}"), f"rm -f {MARKS}/{self.ns}"]


def inside_nft(ns: str, command: str) -> str:
    return f"ip netns exec {ns} {command}"

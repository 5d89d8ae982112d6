"""Virtual servers: addresses behind which several others stand, one of which takes each new connection.

They are where the client is, in its own sandbox, so that its address and the network's ways are untouched:
one table of nftables there, whose chains are constant; what varies is elements.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from ..core.resource import Disruption, Identity, Key, Odd, Resource, kind
from ..core.subject import SERVICES, Part, Places
from .draws import drawn_and_told, ends_of, interval
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
    """Type, value and flags of each."""
    ip, address = ("ip", "ipv4_addr") if family == 4 else ("ip6", "ipv6_addr")
    return {
        f"servers{family}": (address, "", ""),
        f"backends{family}": (f"{ip} saddr . {NUMBER}", f"{ip} saddr", "interval"),
        f"first{family}": (address, address, ""),
        f"quiesced{family}": (f"{address} . {address}", "", ""),
    }


def led(ip: str, family: int) -> Iterator[str]:
    """Before Linux 6.17 a packet may find nothing in a map of ranges that is just changing
    (nft_set_pipapo.c): the first in service is never nobody."""
    yield from (f"dnat {ip} to {ip} daddr . {n} map @backends{family}" for n in drawn_and_told(ip))
    yield f"dnat {ip} to {ip} daddr map @first{family}"


CHAINS = {
    "connect": ("type nat hook output priority -100; policy accept;", *led("ip", 4), *led("ip6", 6)),
    # What still is for one of these found nobody in service.
    "nobody": (
        "type filter hook output priority 0; policy accept;",
        "ip daddr @servers4 goto refuse",
        "ip6 daddr @servers6 goto refuse",
    ),
    "refuse": ("", "meta l4proto 6 reject with tcp reset", "reject"),
}


TABLE = Table(family=FAMILY, name=NAME)


def skeleton() -> Iterator[InTable | Table]:
    """What is the same in all sandboxes."""
    yield TABLE
    for number in (4, 6):
        for name, (type_, data, flags) in maps(number).items():
            yield Map(family=FAMILY, table=NAME, name=name, type=type_, data=data, flags=flags)
    for name, (hook, *rules) in CHAINS.items():
        yield Chain(family=FAMILY, table=NAME, name=name, hook=hook, rules=tuple(rules))


def elements(servers: Iterable[Server]) -> Iterator[Element]:
    for ip, by_client, backends in servers:
        number, ends = 6 if ":" in ip else 4, accumulate(share for _, share in backends)
        yield element(f"servers{number}", ip)
        for first in [backend for backend, share in backends if share][:1]:
            yield element(f"first{number}", ip, first)
        for (backend, share), end in zip(backends, ends, strict=True):
            beyond = end + WHOLE * by_client
            if share:
                yield element(f"backends{number}", f"{ip} . {interval(beyond - share, beyond - 1)}", backend)
            else:
                yield element(f"quiesced{number}", f"{ip} . {backend}")


def contents(servers: Iterable[Server]) -> list[Resource]:
    """All that a sandbox has of them."""
    return [*skeleton(), *elements(servers)]


def element(name: str, item: str, value: str = "") -> Element:
    return Element(family=FAMILY, table=NAME, map=name, item=item, value=value)


def servers(found: Iterable[Element]) -> Iterator[Server]:
    """What these elements say, be they of ours or not."""
    backends: dict[str, list[tuple[str, int]]] = {}
    sticky: set[str] = set()
    for r in (r for r in found if r.item != CATCH_ALL):
        ip, _, rest = r.item.partition(" . ")
        mine = backends.setdefault(ip, [])
        if rest and r.value:
            first, last = ends_of(rest)
            mine.append((r.value, last - first + 1))
            sticky |= {ip} if last >= WHOLE else set()
        elif rest:
            mine.append((rest, 0))
    return ((ip, ip in sticky, tuple(sorted(mine))) for ip, mine in sorted(backends.items()))


@kind
class Balancer(Resource):
    """All virtual servers that one sandbox reaches."""

    noun, rank, loss = "balancer", 13, "flow"

    ns: Identity[str]
    servers: tuple[Server, ...] = ()
    altered: Odd[bool] = False  # by who is root in there: chains or maps are otherwise

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

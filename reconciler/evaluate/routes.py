"""The routing of a namespace: its rules, the tables that they lead to, and its own addresses."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import NamedTuple

from ..family import family
from ..kinds.route import LOCAL, Route
from ..kinds.rule import Rule
from .literals import number_of, span

MAIN = "main"
BITS = {4: 32, 6: 128}
LOOPBACK = {4: "127.0.0.0/8", 6: "::1/128"}
FIRST, LAST = 0, 32766  # of the rules that every host has: local, and main
UNICAST, IS_LOCAL = 1, 2  # RTN_UNICAST, RTN_LOCAL
NO_ROUTE = "unreachable"


class NextHop(NamedTuple):
    """Where a packet goes; `kind` is unicast, local, or why it goes nowhere."""

    kind: str
    link: str = ""
    via: str = ""
    src: str = ""
    by: Rule | Route | None = None  # what says so, where it says no


class Asking(NamedTuple):
    """What rules ask about, beside the destination."""

    iif: str = "lo"
    src: str = ""
    mark: int = 0


class Routing:
    def __init__(self, rules: Iterable[Rule], routes: Iterable[Route], own: Mapping[str, str]):
        self.own = own  # addresses -> their link
        # By table, family and length: number of the prefix -> route
        self.tables: dict[tuple[str, int], dict[int, dict[int, Route]]] = defaultdict(dict)
        for route in routes:
            self.enter(route)
        inet, rules = {"inet": 4, "inet6": 6}, [*rules_of(rules)]
        self.rules = {
            number: sorted(
                (rule for rule in rules if inet[rule.family] == number), key=lambda rule: int(rule.priority)
            )
            for number in (4, 6)
        }

    def enter(self, route: Route) -> None:
        net = ip_network(route.dst)
        known = self.tables[route.table, net.version].setdefault(net.prefixlen, {})
        old = known.get(int(net[0]))
        if old is None or (route.metric or 0) < (old.metric or 0):
            known[int(net[0])] = route

    def find(self, dst: str, asking: Asking) -> NextHop:
        """By the rules in their order; a `goto` leads on to a later one."""
        number, onward = family(dst), FIRST
        if self.is_local(dst):
            return NextHop("local", "lo", src=dst)
        for rule in self.rules[number]:
            if int(rule.priority) < onward or not applies(rule, dst, asking):
                continue
            if rule.action == "goto":
                onward = rule.target
            elif rule.action == "lookup":
                if route := self.match(rule.table, dst):
                    return hop(route)
            elif rule.action != "nop":
                return NextHop(rule.action, by=rule)
        return NextHop(NO_ROUTE)

    def match(self, table: str, dst: str) -> Route | None:
        """The longest prefix of a table."""
        number, value = family(dst), number_of(dst)
        known = self.tables.get((table, number), {})
        for length in sorted(known, reverse=True):
            rest = BITS[number] - length
            if route := known[length].get(value >> rest << rest):
                return route
        return None

    def is_local(self, ip: str) -> bool:
        return ip in self.own or inside(ip, LOOPBACK[family(ip)]) and not self.match(LOCAL, ip)

    def primary(self, link: str, number: int) -> str:
        """The address by which a link speaks; that of the first of all where it is lo (inet_select_addr)."""
        known = [(ip, on) for ip, on in self.own.items() if family(ip) == number and on != "lo"]
        mine = [ip for ip, on in known if on == link or link == "lo" and number == 4]
        return next((ip for ip in mine if not ip.startswith("fe80")), next(iter(mine), ""))


def rules_of(rules: Iterable[Rule]) -> Iterable[Rule]:
    """With those that every namespace has."""
    yield from rules
    for inet in ("inet", "inet6"):
        yield Rule(family=inet, priority=str(FIRST), action="lookup", table=LOCAL)
        yield Rule(family=inet, priority=str(LAST), action="lookup", table=MAIN)


def applies(rule: Rule, dst: str, asking: Asking) -> bool:
    return (
        rule.iif in ("", asking.iif)
        and asking.mark & rule.mask == rule.mark
        and (not rule.dst or inside(dst, rule.dst))
        and (not rule.src or bool(asking.src) and inside(asking.src, rule.src))
        and not rule.narrowed
    )


def hop(route: Route) -> NextHop:
    if route.kind != "unicast":
        return NextHop(route.kind, by=route)
    return NextHop("unicast", route.link, route.via, route.src, route)


def inside(ip: str, prefix: str) -> bool:
    if family(ip) != family(prefix):
        return False
    first, last = span("address", prefix)
    return int(first) <= number_of(ip) <= int(last)

"""Who is to stop takes nothing new first, and has its time to finish, while others take the rest."""

from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import replace

from .cnm.balanced import VirtualServer
from .cnm.shares import NEVER, shares
from .core.plan import Plan, plan
from .core.resource import Resource, State
from .drivers import balancer
from .drivers.firewall.shared import numbers
from .kinds.address import Address
from .kinds.balancer import Balancer, Server
from .kinds.draws import ends_of
from .kinds.maps import is_shared
from .kinds.nft import Element
from .kinds.ownership import WHOLE
from .kinds.resolver import ZoneFile
from .kinds.workload import RUNNING, Workload

Group = Sequence[tuple[Element, int, int]]  # who shares a port, each with its first number and the last


def with_rest(todo: Plan, live: State, desired: State) -> Plan:
    """The plan, before which nothing new is sent any more to those that it stops for good."""
    ends = (step.resource for step in todo if step.op == "-" and step.resource.key not in desired)
    stopped = {r.sandbox for r in ends if isinstance(r, Workload) and r.state == RUNNING}
    gone = (r for key, r in live.items() if stopped and key not in desired)
    ips = {r.ip for r in gone if isinstance(r, Address) and r.ns in stopped}
    if not ips:
        return todo
    staying = {key: r for key, r in live.items() if is_share(r) or is_at_home(r, desired)}
    eased = {**{key: r for key, r in live.items() if key not in staying}, **rested(staying, ips)}
    meant = {step.resource.key for step in todo}
    steps = (*plan(live, eased), *plan(eased, desired))
    return Plan(step for step in steps if step.resource.key in meant or is_share(step.resource))


def is_share(r: Resource) -> bool:
    return isinstance(r, Element) and is_shared(r.map)


def is_at_home(r: Resource, desired: State) -> bool:
    """Whether it stays, or may go before all that it is in."""
    return r.key in desired or isinstance(r, Balancer) and desired.keys() >= {*r.within}


def rested(live: State, ips: Set[str]) -> State:
    """The same, where those that have these addresses are led to no more."""
    found: dict[str, Resource] = {}
    ports: dict[tuple[str, ...], list[tuple[Element, int, int]]] = {}
    for r in live.values():
        if isinstance(r, Balancer):
            r = replace(r, servers=tuple(served(one, ips) for one in r.servers))
        elif isinstance(r, ZoneFile):
            r = replace(r, lines=tuple(line for line in r.lines if line.partition(" ")[0] not in ips))
        elif isinstance(r, Element) and is_shared(r.map):
            port, _, text = r.item.rpartition(" . ")
            with suppress(ValueError):  # what somebody else has put into the map is no share
                ports.setdefault((r.family, r.map, port), []).append((r, *ends_of(text)))
                continue
        found[r.key] = r
    for group in ports.values():
        found |= {r.key: r for r in divided(group, ips)}
    return found


def served(server: Server, ips: Set[str]) -> Server:
    """As it was, where nobody else is behind it."""
    ip, by_client, backends = server
    weights = tuple((one, 0 if one in ips else share) for one, share in backends)
    rest = VirtualServer(ip, weights, by_client)
    return balancer.server(rest) if any(share for _, share in weights) else server


def divided(group: Group, ips: Set[str]) -> Iterator[Element]:
    """Among those that stay, if any does."""
    parts = [0 if is_at(r, ips) or first >= NEVER else last - first + 1 for r, first, last in group]
    if not any(parts):
        yield from (r for r, *_ in group)
        return
    by_client = any(WHOLE <= first < NEVER for _, first, _ in group)
    for (r, *_), share in zip(group, shares(parts), strict=True):
        port = r.item.rpartition(" . ")[0]
        yield replace(r, item=f"{port} . {numbers(share, by_client=by_client)}")


def is_at(r: Element, ips: Set[str]) -> bool:
    return r.value.partition(" . ")[0] in ips

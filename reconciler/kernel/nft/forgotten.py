"""Which connections a transaction concerns: what conntrack remembers of them is to be forgotten."""

from collections.abc import Iterator, Sequence, Set
from itertools import chain

from ...core.resource import Key
from ...kinds.maps import INSIDE, OPEN, OUT, UNPROTECTED
from ...kinds.nft import Chain, Element, path
from ...kinds.ownership import TABLE
from ...kinds.published import (
    BY_LINK,
    CONNECTIONS,
    LIMITED,
    LIMITS,
    PUBLISH,
    RATES,
    REACHABLE,
    SOURCES,
    Flow,
    is_shared,
    published_flow,
    twin,
)
from ..netlink import conntrack
from ..netlink.admitted import admitted
from ..netlink.leaving import MASQUERADE, Leaving, Way, leaving
from . import policed
from .read import publishing
from .text import Place
from .transaction import FirewallSteps

NOBODY = "nobody . 0"  # where a port leads that is to be had no more, also at the container's own address


def forget(work: FirewallSteps, live: Sequence[Element], gone: Set[Place]) -> None:
    """`gone` are tables and maps that go; `live` is what stood in these, and in those that are concerned."""
    judges: list[conntrack.Judge] = [readdressed(work, live), admitted(narrowed(work, live))]
    if policed.asked(work, renewed(work)) and conntrack.tracked():  # many rows take a while
        judges.append(policed.judge(work, live))
    conntrack.forget(redirected(work, live, gone), *judges)


def redirected(work: FirewallSteps, live: Sequence[Element], gone: Set[Place]) -> Iterator[tuple[Flow, str]]:
    """Published ports that went or changed, with each home that they have now, "" for none."""
    afresh = renewed(work)
    leads = {e.key: (e.flow, e.value) for e in live if path(e) in afresh}
    leads |= {e.key: (e.flow, "") for e in live if {path(e), path(e)[:2]} & gone}
    for step in chain.from_iterable(group for place, group in work.elements.items() if publishing(place[2])):
        if isinstance(r := step.resource, Element):
            leads[r.key] = r.flow, "" if step.op == "-" else r.value
    changed = {flow for flow, _ in leads.values()}
    leads = {e.key: (e.flow, e.value) for e in live if e.flow in changed} | leads  # who shares it still
    new = set() if any(publishing(place[2]) for place in afresh) else opened(work, live)
    yield from ((flow, home) for flow, home in leads.values() if flow and flow not in new)
    for name in (f"{REACHABLE}{family}" for family in (4, 6)):
        for step in work.elements.get(("inet", TABLE, name), ()):
            assert isinstance(r := step.resource, Element)
            if step.op == "-" and (known := published_flow(name[-1], *r.item.split(" . "))):
                yield known, NOBODY


def opened(work: FirewallSteps, live: Sequence[Element]) -> set[Flow]:
    """Ports of TCP that led nowhere before: who asked there in vain was refused, of which nothing is kept
    (tcp_packet() in net/netfilter/nf_conntrack_proto_tcp.c), and whom the host itself answers goes on."""
    came: set[Flow] = set()
    stood = [e.flow for e in live]
    for place, steps in work.elements.items():
        for step in steps if publishing(place[2]) else ():
            assert isinstance(r := step.resource, Element)
            plain = step.op == "+" and place[2] in (f"{PUBLISH}4", f"{PUBLISH}6")
            came |= {r.flow} if plain and r.flow and r.flow.protocol == "tcp" else set()
            stood += [] if plain else [r.flow]
    known = {(one.family, port) for one in stood if one for port in range(one.first, one.last + 1)}
    return {flow for flow in came if (flow.family, flow.first) not in known}


def narrowed(work: FirewallSteps, live: Sequence[Element]) -> Iterator[tuple[Flow, list[str]]]:
    """Published ports that fewer may use from now on, each with the sources that may.  By which link somebody
    came nothing remembers: where he may still come by one, it may have been that."""
    past = {e.key: e for e in live if role(e) and e.limits}
    now: dict[Key, Element] = dict(past)
    fewer: set[Flow] = set()
    for step in chain.from_iterable(group for place, group in work.elements.items() if limiting(place)):
        assert isinstance(r := step.resource, Element)
        if not (limit := r.limits):
            continue
        now.pop(r.key, None)
        now |= {r.key: r} if step.op != "-" else {}
        if step.op == ("+" if limit.what == LIMITED else "-") and limit.what not in (RATES, CONNECTIONS):
            fewer.add(limit.flow)
    said = [(limit, key) for key, e in now.items() if (limit := e.limits)]
    for flow in fewer:
        mine = [(limit, key) for limit, key in said if limit.flow.meets(flow)]
        if any(limit.what == LIMITED for limit, _ in mine):
            yield flow, [one.source for one, key in mine if one.what == SOURCES or one.source and key in past]


def limiting(place: Place) -> bool:
    return place[:2] == ("inet", TABLE) and LIMITS.fullmatch(place[2]) is not None


def readdressed(work: FirewallSteps, live: Sequence[Element]) -> Leaving:
    """The subnets that leave otherwise from now on, or are open no more."""
    afresh, inside, closed = renewed(work), set(), set(exposed(work, live))
    ways: dict[str, Way] = {}
    for e in live:
        if role(e) in INSIDE:
            inside.add(e.item)
        elif role(e) in OUT and path(e) in afresh:
            ways[e.item] = Way(e.value or MASQUERADE)
    parts = (group for place, group in work.elements.items() if place[2][:-1] in (*OUT, *INSIDE, OPEN))
    for step in sorted(chain.from_iterable(parts), key=lambda step: step.op != "-"):
        assert isinstance(r := step.resource, Element)
        if role(r) in OUT:
            old = getattr(step.old, "value", "")
            past = ways.get(r.item, Way("")).past | ({old} if old else set())
            ways[r.item] = Way("" if step.op == "-" else r.value or MASQUERADE, past)
        elif role(r) in INSIDE and step.op != "-":
            inside.add(r.item)
        elif role(r) == OPEN and step.op == "-":
            closed.add(r.item)
    return leaving(ways, inside, closed)


def exposed(work: FirewallSteps, live: Sequence[Element]) -> Iterator[str]:
    """The subnets of projects of which a network was open on every port, and is so no more."""
    steps = work.elements.get(("inet", TABLE, UNPROTECTED), ())
    gone = {(getattr(s.resource, "project", ""), s.resource.key[-1]) for s in steps if s.op == "-"}
    for e in live if gone else ():
        if role(e) in INSIDE and (e.project, e.map[-1]) in gone:
            yield e.item


def role(r: Element) -> str:
    """What its map is for, whichever the family; "" in another's table."""
    return r.map[:-1] if (r.family, r.table) == ("inet", TABLE) else ""


def renewed(work: FirewallSteps) -> set[Place]:
    """The maps that chains ask which come or change: what began without them is yet to be asked about."""
    chains = (s.resource for s in work.chains if s.op != "-")
    return {(r.family, r.table, name) for r in chains if isinstance(r, Chain) for name in r.looks_up}


def concerned(work: FirewallSteps) -> set[Place]:
    """The maps that tell which connections are to be forgotten, beside those that change."""
    afresh = renewed(work)
    places = {*afresh, *work.elements}
    ports = {p for p in (*places, *(path(s.resource) for s in work.maps)) if publishing(p[2])}
    sharing = {(*p[:2], twin(p[2])) for p in ports} | {p for p in ports if is_shared(p[2])}
    outward = any(place[2] == UNPROTECTED or place[2][:-1] in (*OUT, OPEN) for place in places)
    limits = {
        (*place[:2], f"{name}{end}{rest}")
        for place in filter(limiting, work.elements)
        for end in [f"{'_at' * ('_at' in place[2])}{place[2].removesuffix('_range')[-1]}"]
        for name, rest in ((LIMITED, ""), (LIMITED, "_range"), (SOURCES, ""), (BY_LINK, ""))
    }
    names = [f"{name}{family}" for name in (*OUT, *INSIDE) for family in (4, 6)] if outward else []
    said = {("inet", TABLE, name) for name in names} | policed.asked(work, afresh)
    return (ports & afresh) | sharing | limits | said

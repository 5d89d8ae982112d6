"""What a plan makes reachable, or reachable no more, in the words of `--exposure`."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..change import Change
from ..core.resource import State
from ..core.subject import as_counted
from ..evaluate.difference import NO, SOME, Difference, ReachChange, difference
from ..evaluate.exposure import ANY
from ..evaluate.journey import OUTSIDE
from ..kinds.ownership import HOST

MOST = 12  # lines of a plan
NAMED = 4  # containers that one of them names
HEAD, NO_MORE = "reachable:", " no more"
HINT = "`reconcile --exposure` tells what is, with --desired what will be"
Group = tuple[tuple[str, ...], str]  # from where, and what becomes of it


def compared(change: Change, states: Sequence[State] = ()) -> Difference:
    """`states` are both of the change, where somebody has sorted them already."""
    live, desired = states or (change.live, change.desired)
    return difference(live, desired, change.facts, change.todo)


def lines(found: Difference) -> list[str]:
    """None where nothing changes; what opens comes first, and of that what opens to outside."""
    if found.unjudged:
        return [HEAD, f"  {found.unjudged}; {HINT}"]
    rows = [f"  {row}" for row in sentences(found)]
    more = [f"  and {len(rows) - MOST} more; {HINT}"] * (len(rows) > MOST)
    return [HEAD, *rows[:MOST], *more] if rows else []


def sentences(found: Difference) -> Iterator[str]:
    """One for each change, with all whom it happens to."""
    groups: dict[Group, list[str]] = {}
    for what, group in by_ports(found):
        groups.setdefault(group, []).append(what)
    order = sorted(groups, key=lambda group: (group[1] == NO_MORE, OUTSIDE not in group[0]))
    for group in order:
        yield sentence(groups[group], *group)


def by_ports(found: Difference) -> Iterator[tuple[str, Group]]:
    """What becomes of all ports of a container alike is told of the container."""
    each: dict[tuple[str, str, str], list[str]] = {}  # by container, source and what becomes of it, the ports
    for one in found.changes:
        each.setdefault((one.sandbox, one.source, becoming(one)), []).append(named(one))
    sources: dict[tuple[str, str], list[str]] = {}
    for (sandbox, source, verb), ports in each.items():
        whole = len(ports) == found.judged[sandbox]
        for name in [sandbox] if whole else [f"{sandbox}:{port}" for port in ports]:
            sources.setdefault((name, verb), []).append(source)
    yield from ((name, (tuple(those), verb)) for (name, verb), those in sources.items())


def named(one: ReachChange) -> str:
    first = f"{one.port}-{one.last}" if one.last > one.port else str(one.port)
    return "*" if one.port == ANY else f"{first}/{one.protocol}"


def becoming(one: ReachChange) -> str:
    if one.after == NO:
        return NO_MORE
    return " for some alone" if one.after == SOME else " for everybody" if one.before == SOME else ""


def sentence(who: Sequence[str], sources: Sequence[str], verb: str) -> str:
    """`shop-db-1:5432/tcp becomes reachable from outside`."""
    several, whence = len(who) > 1, listed([place(one) for one in sources])
    begins = ("are" if several else "is") if verb == NO_MORE else "become" if several else "becomes"
    return f"{listed(sorted(who, key=as_counted))} {begins} reachable from {whence}{verb}"


def place(source: str) -> str:
    return "the host" if source == HOST else source


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c, d and 3 more`."""
    shown = names[:NAMED] if len(names) > NAMED + 1 else names
    rest = [f"{len(names) - len(shown)} more"] if len(shown) < len(names) else []
    *most, last = [*shown, *rest]
    return f"{', '.join(most)} and {last}" if most else last


def as_json(found: Difference) -> dict[str, Any]:
    rows = [{("from" if k == "source" else k): v for k, v in one._asdict().items()} for one in found.changes]
    return {"exposure": rows, "exposure_unjudged": found.unjudged}

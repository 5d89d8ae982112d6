"""The picture of one state, or of two that are laid over one another, since a plan leads between them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..core.render import number
from ..core.resource import State
from ..core.subject import CONTAINER, NETWORK, PORT
from .fold import folded
from .model import (
    ADDED,
    CHANGED,
    REMOVED,
    UNALTERED,
    Alteration,
    Lane,
    Picture,
    PortLabel,
    Rail,
    Stop,
    signed,
)
from .survey import Survey

Alterations = Mapping[tuple[str, str], Alteration]  # by what it is, as core.subject says, and its name
NOTHING: Alterations = {}
WORDS = {"+": "new", "~": "changed", "-/+": "made anew", "-": "removed"}
DIGITS = re.compile(r"(\d+)")

P = TypeVar("P", Stop, PortLabel)


def of_state(state: State, subtitle: str, projects: frozenset[str] | None) -> Picture:
    """What stands, or what is wanted."""
    one = Survey(state, projects)
    return composed(one, one, NOTHING, subtitle)


def of_plan(
    states: tuple[State, State], alterations: Alterations, subtitle: str, projects: frozenset[str] | None
) -> Picture:
    """What becomes of the first state on its way to the second."""
    live, desired = (Survey(state, projects) for state in states)
    return composed(live, desired, alterations, subtitle)


def composed(live: Survey, desired: Survey, alterations: Alterations, subtitle: str) -> Picture:
    lanes = {
        name: altered(live.lanes.get(name), desired.lanes.get(name), alterations)
        for name in {**live.lanes, **desired.lanes}
    }
    rails = {name: replace(rail, alteration=alterations.get((NETWORK, name), UNALTERED))
             for name, rail in (live.rails | desired.rails).items()}  # fmt: skip
    drawn: list[Lane | Rail] = [*lanes.values(), *rails.values()]
    projects = sorted({one.project for one in drawn} - {""})
    order = sorted(rails.values(), key=lambda rail: turn(rail, lanes.values()))
    labelled = tuple(replace(rail, label=shortened(rail.name, "_", projects)) for rail in order)
    places = {rail.name: place for place, rail in enumerate(labelled)}
    named = (replace(lane, label=shortened(lane.name, "-", projects)) for lane in lanes.values())
    shown = sorted((arranged(lane, places) for lane in named), key=lambda lane: seat(lane, places))
    ports = len({port.door for lane in lanes.values() for port in lane.ports})
    sizes = number(len(lanes), "container"), number(len(rails), "network"), number(ports, "published port")
    return Picture(
        title=", ".join(projects) or "nothing",
        subtitle=" · ".join(filter(None, (*sizes[: 2 + bool(ports)], subtitle))),
        rails=labelled,
        lanes=tuple(folded(shown)),
        counts=tuple(counted(drawn)),
    )


def altered(live: Lane | None, desired: Lane | None, alterations: Alterations) -> Lane:
    """One container as it will be, and what is lost of it as it was."""
    one = desired or live
    assert one is not None
    told = alterations.get((CONTAINER, one.name), UNALTERED)
    ports = merged(live.ports if live else (), desired.ports if desired else ())
    stops = merged(live.stops if live else (), desired.stops if desired else ())
    doors = [alterations.get((PORT, port.door), UNALTERED) for port in ports if port.op]
    if not told.op and doors:
        cost = next((door.cost for door in doors if door.cost != "none"), "none")
        told = Alteration(CHANGED, cost, "; ".join(filter(None, (door.detail for door in doors))))
    if told.op in (ADDED, REMOVED):  # which its sign says once
        stops = [stop._replace(op=told.op) for stop in stops]
        ports = [port._replace(op=told.op) for port in ports]
    return replace(one, stops=tuple(stops), ports=tuple(ports), alteration=told)


def merged(before: Sequence[P], after: Sequence[P]) -> list[P]:
    """What is in one of them alone is new, or lost."""
    was, now = identified(before), identified(after)
    there = [one._replace(op=becoming(was.get(key), one)) for key, one in now.items()]
    gone = [one._replace(op=REMOVED) for key, one in was.items() if key not in now]
    return there + gone


def identified(those: Sequence[P]) -> dict[tuple[str, str | int], P]:
    """A port by where it is and where it leads; a stop by its network, and which of several links there."""
    counts: Counter[str] = Counter()
    found: dict[tuple[str, str | int], P] = {}
    for one in those:
        if isinstance(one, PortLabel):
            found[one.door, one.target] = one
        else:
            found[one.network, counts[one.network]] = one
            counts[one.network] += 1
    return found


def becoming(old: Stop | PortLabel | None, new: Stop | PortLabel) -> str:
    return ADDED if old is None else CHANGED if old != new else ""


def shortened(name: str, mark: str, projects: Sequence[str]) -> str:
    """Without the project, where there is only one."""
    return name.removeprefix(f"{projects[0]}{mark}") if len(projects) == 1 else name


def turn(rail: Rail, lanes: Iterable[Lane]) -> tuple[object, ...]:
    """From the left: what ports lead to, what leads out, what is internal."""
    entered = any(port.network == rail.name for lane in lanes for port in lane.ports)
    return rail.project, not entered, rail.internal, natural(rail.name)


def arranged(lane: Lane, places: Mapping[str, int]) -> Lane:
    return replace(lane, stops=tuple(sorted(lane.stops, key=lambda stop: places[stop.network])))


def seat(lane: Lane, places: Mapping[str, int]) -> tuple[object, ...]:
    """By its networks, so that lanes that are alike stand together."""
    return lane.project, not lane.ports, [places[stop.network] for stop in lane.stops], natural(lane.name)


def natural(name: str) -> list[tuple[int, str]]:
    """`web-2` comes before `web-10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in DIGITS.split(name)]


def counted(every: Sequence[Lane | Rail]) -> Iterator[tuple[str, str]]:
    """How many containers and networks are new, changed and removed, each with its sign."""
    counts = Counter(one.op for one in every)
    for op, words in WORDS.items():
        if counts[op]:
            yield op, f"{signed(op)}{counts[op]} {words}"
    if 0 < counts[""] < len(every):
        yield "", f"{counts['']} unchanged"

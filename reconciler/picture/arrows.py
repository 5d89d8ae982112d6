"""The arrows between those whom policies bind, where these are few enough to be drawn."""

from collections.abc import Iterator
from typing import NamedTuple

from .model import EGRESS, Allowance, Lane, Picture

MOST = 40  # arrows that anybody follows


class Arrow(NamedTuple):
    """From one to another: lanes by their first container, networks, or what else policies name."""

    source: str
    target: str
    what: str


def arrows(picture: Picture) -> list[Arrow]:
    """None where there are too many."""
    lanes = {member.name: lane for lane in picture.lanes for member in lane.every}
    found = dict.fromkeys(arrow for lane in picture.lanes for arrow in of_lane(lane, lanes))
    return [*found] if len(found) <= MOST else []


def of_lane(lane: Lane, lanes: dict[str, Lane]) -> Iterator[Arrow]:
    for one in lane.allows:
        other = lanes.get(one.peer)
        ends = lane.name, other.name if other else one.peer
        for what in agreed(one, lane, other) if other else (one.what,):
            yield Arrow(*(ends if one.way == EGRESS else ends[::-1]), what)


def agreed(one: Allowance, lane: Lane, other: Lane) -> Iterator[str]:
    """At what ports; the other end, where it is bound as well, must say so too."""
    own = {lane.name, *(member.name for member in lane.every), *(stop.network for stop in lane.stops)}
    back = [their for their in other.allows if their.way != one.way and their.peer in own]
    if all(way == one.way for way in other.bound):
        yield one.what
    for their in back:
        if (what := common(one.what, their.what)) is not None:
            yield what


def common(one: str, other: str) -> str | None:
    """The ports, as `80-89/tcp`, that are in both; "" is all of them, None is none."""
    if not one or not other:
        return one or other
    (spans, protocol), (others, another) = (what.split("/") for what in (one, other))
    (low, high), (first, last) = span(spans), span(others)
    low, high = max(low, first), min(high, last)
    if protocol != another or low > high:
        return None
    return f"{low}-{high}/{protocol}" if high > low else f"{low}/{protocol}"


def span(ports: str) -> tuple[int, int]:
    low, _, high = ports.partition("-")
    return int(low), int(high or low)

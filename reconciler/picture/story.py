"""What is told of a lane, a rail or a stop when somebody points at it: lines of text."""

from collections import defaultdict
from collections.abc import Iterator

from .fold import listed
from .model import EGRESS, Alteration, Lane, Rail, Stop

MOST = 24  # containers of a folded lane that are told one by one


def of_lane(lane: Lane) -> str:
    return "\n".join(said_of_lane(lane))


def said_of_lane(lane: Lane) -> Iterator[str]:
    several = f"{len(lane.members)} containers" if lane.members else lane.name
    yield f"{several} of project {lane.project}"
    yield from changed(lane.alteration)
    for member in lane.members[:MOST]:
        at = " ".join(ip for stop in member.stops for ip in stop.addresses)
        yield f"{member.name}: {at}"
    if len(lane.members) > MOST:
        yield f"and {len(lane.members) - MOST} more"
    yield from (of_stop(stop) for stop in lane.stops)
    yield from (f"port {port.text}" for port in lane.ports)
    yield from dict.fromkeys(words for member in lane.every for words in member.notes)
    yield from allowed(lane)
    yield from dict.fromkeys(f"written: {member.where}" for member in lane.every if member.where)


def allowed(lane: Lane) -> Iterator[str]:
    """What policies let through, by ports."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for way, peer, what in lane.allows:
        groups[way, what].append(peer)
    for (way, what), peers in [*groups.items()][:MOST]:
        words = "may reach" if way == EGRESS else "may be reached by"
        yield f"{words} {listed(peers)}" + f" at {what}" * bool(what)
    if len(groups) > MOST:
        yield f"and {len(groups) - MOST} more"


def of_stop(stop: Stop) -> str:
    known = " ".join((stop.link, *stop.addresses)).strip()
    return f"{stop.op}{stop.network}" + f": {known}" * bool(known)


def of_rail(rail: Rail) -> str:
    return "\n".join(said_of_rail(rail))


def said_of_rail(rail: Rail) -> Iterator[str]:
    yield f"network {rail.name}" + f" of project {rail.project}" * bool(rail.project)
    yield from changed(rail.alteration)
    yield from filter(None, (rail.driver and f"driver {rail.driver}", *rail.subnets, *rail.notes))
    if rail.where:
        yield f"written: {rail.where}"


def changed(what: Alteration) -> Iterator[str]:
    if what.op:
        detail = what.detail.strip("()") if what.detail.startswith("(") else what.detail
        yield "; ".join(filter(None, (f"{what.op} {detail}".strip(), what.cuts)))

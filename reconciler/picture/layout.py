"""Where everything is on the sheet, in pixels: nothing that is written stands on something else."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import cos, radians, sin
from typing import NamedTuple

from ..values import value
from . import text
from .model import REMOVED, Lane, Picture, PortLabel, Rail, signed

MARGIN, GAP = 24, 20
TITLE, SMALL, NAME, PORT = 17.0, 11.0, 13.0, 12.0  # sizes of text
TOP = 48  # the title's band
LANE, EXTRA = 28, 17  # height of a lane, and of each port beyond its first
SECTION = 34  # of a project's name, where there are several
LEGEND = 56
ANGLE = 38  # of what rails are called
SPACINGS = ((12, 54), (24, 42), (1 << 30, 30))  # of so many rails
MOST_HEAD, MOST_NAME, MOST_ASIDE, MOST_DOOR, MOST_PORTS = 200.0, 320.0, 380.0, 260.0, 6


class PortLine(NamedTuple):
    """A port as it is written before a lane."""

    text: str
    op: str


class Head(NamedTuple):
    """What is said above a rail, in three pieces, and how far along each of the last two begins."""

    rail: Rail
    name: str
    cuts: str
    said: str
    cuts_at: float
    said_at: float
    length: float


@value
class LanePlace:
    lane: Lane
    y: float  # of its middle
    height: float
    label: str
    aside: str
    lines: tuple[PortLine, ...]
    arrow: str = ""  # the network that its ports lead to

    @property
    def top(self) -> float:
        return self.y - LANE / 2


@value
class Sheet:
    """`columns` are where rails stand; `sections` the names of projects, each with where it stands."""

    width: float
    height: float
    columns: dict[str, float]
    heads: tuple[Head, ...]
    head: float  # where the rails begin
    foot: float  # and end
    ports: float  # where arrows begin
    names: float
    cuts: float  # where the last column ends
    places: tuple[LanePlace, ...]
    sections: tuple[tuple[str, float], ...]


def sheet(picture: Picture) -> Sheet:
    heads = tuple(map(head, picture.rails))
    spacing = next(space for most, space in SPACINGS if len(heads) <= most)
    reach = [one.length for one in heads]
    slope, run = sin(radians(ANGLE)), cos(radians(ANGLE))
    begin = TOP + max([26.0, *(length * slope + 14 for length in reach)])
    sections, places, foot = rows(picture, begin + 12)
    lines = [line for place in places for line in place.lines]
    entry = max([0.0, *(text.mono_width(line.text, PORT) for line in lines)])
    ports = MARGIN + (max(entry, text.width("published on the host", SMALL)) + GAP / 2 if lines else 0)
    first = ports + (40 if lines else GAP)
    columns = {one.rail.name: first + spacing * turn for turn, one in enumerate(heads)}
    last = max(columns.values(), default=ports)
    names = last + 40
    widest = max([120.0, *map(name_width, places)])
    cut = max(text.width(place.lane.alteration.cuts, SMALL, bold=True) for place in places) if places else 0
    cuts = names + widest + (GAP + cut if cut else 0)
    title = text.width(picture.title, TITLE, bold=True) + text.width(picture.subtitle, SMALL) + GAP
    slanted = [x + length * run + 8 for x, length in zip(columns.values(), reach, strict=True)]
    legend = sum(text.width(words, SMALL) + GAP for _, words in legend_words(picture))
    return Sheet(
        width=round(max(cuts, MARGIN + min(title, 900), MARGIN + legend, *slanted, 0) + MARGIN),
        height=round(foot + (LEGEND if legend_words(picture) else MARGIN)),
        columns=columns,
        heads=heads,
        head=begin,
        foot=foot,
        ports=ports,
        names=names,
        cuts=cuts,
        places=tuple(places),
        sections=tuple(sections),
    )


def legend_words(picture: Picture) -> list[tuple[str, str]]:
    """What happens to how many, each with its operation, and what a reader may not guess."""
    dotted = [("", "dotted: internal, no way out")] if any(rail.internal for rail in picture.rails) else []
    bound = [("", "egress, ingress: so many may be reached, or reach it, and nobody else")]
    return [*picture.counts, *dotted, *(bound if any(lane.bound for lane in picture.lanes) else ())]


def rows(picture: Picture, y: float) -> tuple[list[tuple[str, float]], list[LanePlace], float]:
    """Lanes from above, by project; and where the last of them ends."""
    sections, places = [], []
    for project, lanes in groupby(picture.lanes, key=lambda lane: lane.project):
        if len(picture.projects) > 1:
            sections.append((project, y + SECTION - 12))
            y += SECTION
        for lane in lanes:
            places.append(placed(lane, y + LANE / 2))
            y += places[-1].height
    return sections, places, y + 8


def placed(lane: Lane, y: float) -> LanePlace:
    lines = tuple(port_lines(lane.ports))
    label = text.clipped(f"{signed(lane.op)} {lane.label}".strip(), MOST_NAME, NAME, bold=True)
    stops = [stop for stop in lane.stops if stop.op != REMOVED or lane.op == REMOVED]
    said = lane.aside or "  ".join(ip for stop in stops for ip in shown(stop.addresses))
    said = " · ".join(filter(None, (said, lane.policed)))
    return LanePlace(
        lane=lane,
        y=y,
        height=LANE + EXTRA * max(0, len(lines) - 1),
        label=label,
        aside=text.clipped(said, MOST_ASIDE, SMALL),
        lines=lines,
        arrow=next((port.network for port in lane.ports if port.network), ""),
    )


def shown(addresses: Sequence[str]) -> Sequence[str]:
    """IPv4 alone where there is some: the rest is told by who points at it."""
    return [ip for ip in addresses if ":" not in ip] or addresses


def port_lines(ports: Sequence[PortLabel]) -> Iterator[PortLine]:
    """As many as fit, those that change first."""
    first = sorted(ports, key=lambda port: not port.op)
    most = MOST_PORTS if len(first) <= MOST_PORTS else MOST_PORTS - 1
    for port in first[:most]:
        yield PortLine(clipped_mono(port.text), port.op)
    if len(first) > most:
        yield PortLine(f"and {len(first) - most} more", "")


def clipped_mono(words: str) -> str:
    words = text.visible(words)
    most = int(MOST_DOOR / text.mono_width("m", PORT))
    return words if len(words) <= most else f"{words[: most - 1]}…"


def name_width(place: LanePlace) -> float:
    return text.width(place.label, NAME, bold=True) + 10 + text.width(place.aside, SMALL)


def head(rail: Rail) -> Head:
    said = " ".join(filter(None, ("internal" * rail.internal, *shown(rail.subnets)[:1])))
    name = text.clipped(f"{signed(rail.op)} {rail.label or rail.name}".strip(), MOST_HEAD, NAME, bold=True)
    cuts = rail.alteration.cuts
    beside = text.width(name, NAME, bold=True) + 8
    beyond = beside + (text.width(cuts, SMALL, bold=True) + 8 if cuts else 0)
    said = text.clipped(said, MOST_HEAD, SMALL)
    return Head(rail, name, cuts, said, beside, beyond, beyond + text.width(said, SMALL))

"""A picture as SVG, which stands alone: colours as they are, text as text, and for each thing its story."""

from collections.abc import Iterator, Mapping

from . import colours, story
from .layout import (
    ANGLE,
    EXTRA,
    GAP,
    LANE,
    MARGIN,
    NAME,
    PORT,
    SMALL,
    TITLE,
    Head,
    LanePlace,
    Sheet,
    legend_words,
    sheet,
)
from .model import REMOVED, Picture, Stop
from .text import clipped, width, xml

SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = " font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\""
BOLD = ' font-weight="600"'
STRUCK = ' text-decoration="line-through"'
RADIUS = 6.5
WAVE = "M-3.2 1Q-1.6 -2.6 0 0T3.2 -1"
# Of a stop, by what happens there, around its middle.
SHAPES = {"+": "M-3.2 0H3.2M0 -3.2V3.2", "-": "M-2.4 -2.4L2.4 2.4M2.4 -2.4L-2.4 2.4", "~": WAVE, "-/+": WAVE}


def written(picture: Picture) -> Iterator[str]:
    where = sheet(picture)
    wide, high = f"{where.width:g}", f"{where.height:g}"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}"'
    yield f' viewBox="0 0 {wide} {high}" font-family="{SANS}" role="img">\n'
    yield f"<title>{xml(f'{picture.title}: {picture.subtitle}')}</title>\n"
    yield f'<rect class="paper" width="{wide}" height="{high}" fill="{colours.LIGHT["paper"]}"/>\n'
    yield from heading(picture, where)
    turns = {rail.name: turn for turn, rail in enumerate(picture.rails)}
    for head in where.heads:
        yield from drawn_rail(head, where, colours.of_rail(turns[head.rail.name], head.rail.op))
    for project, y in where.sections:
        yield f'<g class="section">{text((MARGIN, y), project, SMALL, "ink", BOLD)}'
        yield f"{stroke(f'M{MARGIN} {y + 7:g}H{where.cuts:g}', 'quiet', 1)}</g>\n"
    for place in where.places:
        yield from drawn_lane(place, where, turns)
    yield from legend(picture, where)
    yield "</svg>\n"


def text(at: tuple[float, float], words: str, size: float, kind: str, more: str = "") -> str:
    where = f'x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}"'
    return f'<text class="{kind}" {where} fill="{colours.LIGHT[kind]}"{more}>{xml(words)}</text>'


def named(at: tuple[float, float], words: str, kind: str, op: str) -> str:
    whole = text(at, words, NAME, kind, BOLD)
    return crossed(whole, words, 2) if op == REMOVED else whole


def crossed(whole: str, words: str, sign: int) -> str:
    """What goes is struck through, but for as many characters as its sign has."""
    return whole.replace(f">{xml(words)}<", f">{words[:sign]}<tspan{STRUCK}>{xml(words[sign:])}</tspan><")


def stroke(path: str, kind: str, thick: float, more: str = "") -> str:
    colour = colours.LIGHT[kind]
    return f'<path class="s-{kind}" d="{path}" fill="none" stroke="{colour}" stroke-width="{thick:g}"{more}/>'


def titled(words: str) -> str:
    return f"<title>{xml(words)}</title>"


def heading(picture: Picture, where: Sheet) -> Iterator[str]:
    name = clipped(picture.title, 420, TITLE, bold=True)
    yield text((MARGIN, 34), name, TITLE, "ink", BOLD)
    beside = MARGIN + width(name, TITLE, bold=True) + 12
    yield text((beside, 34), picture.subtitle, SMALL, "faint") + "\n"
    if any(place.lines for place in where.places):
        yield text((MARGIN, where.head - 2), "published on the host", SMALL, "faint") + "\n"


def drawn_rail(head: Head, where: Sheet, kind: str) -> Iterator[str]:
    rail, x = head.rail, where.columns[head.rail.name]
    dots = ' stroke-dasharray="0.1 10"' if rail.internal else ""
    faded = "" if rail.op else ' opacity=".4"'
    yield f'<g class="rail">{titled(story.of_rail(rail))}'
    yield stroke(f"M{x:g} {where.head:g}V{where.foot:g}", kind, 5, f' stroke-linecap="round"{dots}{faded}')
    yield f'<g transform="translate({x + 4:g},{where.head - 10:g}) rotate(-{ANGLE})">'
    yield named((0, 0), head.name, kind, rail.op)
    if head.cuts:
        yield text((head.cuts_at, 0), head.cuts, SMALL, kind, BOLD)
    yield text((head.said_at, 0), head.said, SMALL, "faint") + "</g></g>\n"


def drawn_lane(place: LanePlace, where: Sheet, turns: Mapping[str, int]) -> Iterator[str]:
    lane, kind = place.lane, colours.OPERATIONS[place.lane.op]
    names = " ".join(member.name for member in lane.members[story.MOST :])
    found = f' data-names="{xml(names)}"' if names else ""
    yield f'<g class="lane" transform="translate(0,{place.y:g})" data-h="{place.height:g}"{found}>'
    yield titled(story.of_lane(lane))
    fill, seen = (colours.LIGHT[kind], ".1") if lane.op else (colours.LIGHT["paper"], "0")
    box = f'x="8" y="{2 - LANE / 2:g}" width="{where.width - 16:g}" height="{place.height - 2:g}" rx="6"'
    yield f'<rect class="band {kind}" {box} fill="{fill}" fill-opacity="{seen}"/>'
    for number, line in enumerate(place.lines):
        colour = colours.OPERATIONS[line.op] if line.op else "ink"
        entry = text((MARGIN, 4.5 + EXTRA * number), line.text, PORT, colour, MONO)
        yield crossed(entry, line.text, 1) if line.op == REMOVED else entry
    yield from track(place, where)
    for stop in lane.stops:
        x, own = where.columns[stop.network], colours.of_rail(turns[stop.network], stop.op)
        yield station(stop, x, own)
    yield named((where.names, 4.5), place.label, kind, lane.op)
    beside = where.names + width(place.label, NAME, bold=True) + 10
    yield text((beside, 4.5), place.aside, SMALL, "faint")
    if cuts := lane.alteration.cuts:
        yield text((where.cuts, 4.5), cuts, SMALL, kind, f'{BOLD} text-anchor="end"')
    yield "</g>\n"


def track(place: LanePlace, where: Sheet) -> Iterator[str]:
    """From its first stop to its name; and from the host's ports to the stop that they lead to."""
    lane = place.lane
    stops = [where.columns[stop.network] for stop in lane.stops]
    if stops:
        kind, thick = (colours.OPERATIONS[lane.op], 2.0) if lane.op else ("quiet", 1.0)
        dashes = ' stroke-dasharray="5 4"' if lane.op == REMOVED else ""
        yield stroke(f"M{min(stops):g} 0H{where.names - 8:g}", kind, thick, dashes)
    if place.arrow:
        end = where.columns[place.arrow] - RADIUS - 2
        yield stroke(f"M{where.ports:g} 0H{end - 4:g}", "port", 1.8)
        yield f'<path class="port" d="M{end:g} 0l-7 -4v8z" fill="{colours.LIGHT["port"]}"/>'


def station(stop: Stop, x: float, kind: str) -> str:
    colour, paper = colours.LIGHT[kind], colours.LIGHT["paper"]
    circle = (
        f'<circle class="stop s-{kind}" r="{RADIUS:g}" fill="{paper}" stroke="{colour}" stroke-width="2.6"/>'
    )
    shape = stroke(SHAPES[stop.op], kind, 1.8, ' stroke-linecap="round"') if stop.op else ""
    return f'<g transform="translate({x:g},0)">{titled(story.of_stop(stop))}{circle}{shape}</g>'


def legend(picture: Picture, where: Sheet) -> Iterator[str]:
    x, y = float(MARGIN), where.height - 20
    yield '<g class="legend">'
    for op, words in legend_words(picture):
        yield text((x, y), words, SMALL, colours.OPERATIONS[op] if op else "faint")
        x += width(words, SMALL) + GAP
    yield "</g>\n"

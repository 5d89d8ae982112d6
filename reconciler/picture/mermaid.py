"""A picture as Mermaid, which GitHub, GitLab and many wikis draw: boxes are containers, stadiums networks."""

import json
from collections.abc import Iterator

from . import colours
from .arrows import arrows
from .model import Lane, Picture, Rail, caption, signed
from .text import visible

PLAIN = frozenset(" .,:/_()×→−–…@-")  # beside letters and digits: not what begins a list in Markdown


def written(picture: Picture) -> Iterator[str]:
    title = visible(f"{picture.title}: {picture.subtitle}")
    yield f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\nflowchart LR\n"
    nets = {rail.name: f"n{turn}" for turn, rail in enumerate(picture.rails)}
    lanes = [(f"c{turn}", lane) for turn, lane in enumerate(picture.lanes)]
    drawn = arrows(picture)
    named = {end for arrow in drawn for end in arrow[:2]}
    if any(lane.ports for _, lane in lanes) or "host" in named:
        yield "  host((host))\n"
    known = {"host": "host", **nets, **{lane.name: name for name, lane in lanes}}
    others = {end: f"p{turn}" for turn, end in enumerate(sorted(named - known.keys()))}
    yield from (f"  {name}[/{quoted(end)}/]\n" for end, name in others.items())
    yield from (f"  {name}[{label(lane)}]{class_of(lane.op)}\n" for name, lane in lanes)
    yield from (f"  {nets[rail.name]}([{label(rail)}]){class_of(rail.op)}\n" for rail in picture.rails)
    for name, lane in lanes:
        yield from (f"  host -->|{quoted(port.text)}| {name}\n" for port in lane.ports)
    for name, lane in lanes:
        for stop in lane.stops:
            said = f"|{quoted(signed(stop.op))}|" if stop.op and stop.op != lane.op else ""
            yield f"  {name} ---{said} {nets[stop.network]}\n"
    known |= others
    for source, target, what in drawn:
        yield f"  {known[source]} ==>" + f"|{quoted(what)}|" * bool(what) + f" {known[target]}\n"
    yield from classes(picture)


def classes(picture: Picture) -> Iterator[str]:
    """Dashes are for what goes, and dots for what is internal."""
    if internal := [f"n{turn}" for turn, rail in enumerate(picture.rails) if rail.internal]:
        yield f"  classDef internal stroke-dasharray:2 4\n  class {','.join(internal)} internal\n"
    drawn: list[Lane | Rail] = [*picture.lanes, *picture.rails]
    for kind in sorted({colours.OPERATIONS[one.op] for one in drawn if one.op}):
        dashes = ",stroke-dasharray:6 4" * (kind == "del")
        colour = colours.LIGHT[kind]
        yield f"  classDef {kind} stroke:{colour},color:{colour},stroke-width:2px{dashes}\n"


def class_of(op: str) -> str:
    return f":::{colours.OPERATIONS[op]}" if op else ""


def label(one: Lane | Rail) -> str:
    return quoted(caption(one))


def quoted(words: str) -> str:
    """Whatever might be of its grammar, or of HTML's, by number."""
    rows = (visible(row) for row in words.split("\n"))
    said = ("".join(c if c.isalnum() or c in PLAIN else f"#{ord(c)};" for c in row) for row in rows)
    return f'"{"<br/>".join(said)}"'

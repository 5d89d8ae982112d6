"""A picture as DOT, for Graphviz: boxes are containers, rounded ones networks."""

from collections.abc import Iterator

from . import colours
from .arrows import arrows
from .model import REMOVED, Lane, Picture, Rail, caption, signed
from .text import visible


def written(picture: Picture) -> Iterator[str]:
    yield "digraph reconciler {\n  rankdir=LR\n"
    yield f"  label={quoted(f'{picture.title}: {picture.subtitle}')}\n"
    yield '  graph [fontname="sans-serif" labelloc=t]\n  node [fontname="sans-serif" shape=box]\n'
    yield '  edge [fontname="sans-serif" fontsize=10 dir=none]\n'
    nets = {rail.name: f"n{turn}" for turn, rail in enumerate(picture.rails)}
    lanes = [(f"c{turn}", lane) for turn, lane in enumerate(picture.lanes)]
    drawn = arrows(picture)
    named = {end for arrow in drawn for end in arrow[:2]}
    if any(lane.ports for _, lane in lanes) or "host" in named:
        yield "  host [shape=circle]\n"
    known = {"host": "host", **nets, **{lane.name: name for name, lane in lanes}}
    others = {end: f"p{turn}" for turn, end in enumerate(sorted(named - known.keys()))}
    yield from (f"  {name} [label={quoted(end)} shape=plaintext]\n" for end, name in others.items())
    yield from (f"  {name} [{node(lane)}]\n" for name, lane in lanes)
    yield from (f"  {nets[rail.name]} [{node(rail)}]\n" for rail in picture.rails)
    for name, lane in lanes:
        yield from (
            f"  host -> {name} [dir=forward label={quoted(port.text)}{colour(port.op)}]\n"
            for port in lane.ports
        )
    for name, lane in lanes:
        for stop in lane.stops:
            said = f" label={quoted(signed(stop.op))}" if stop.op and stop.op != lane.op else ""
            more = f"{said}{colour(stop.op)}" + ' style="dashed"' * (stop.op == REMOVED)
            yield f"  {name} -> {nets[stop.network]}" + f" [{more.strip()}]" * bool(more) + "\n"
    known |= others
    for source, target, what in drawn:
        said = f" label={quoted(what)}" * bool(what)
        yield f"  {known[source]} -> {known[target]} [dir=forward style=bold constraint=false{said}]\n"
    yield "}\n"


def node(one: Lane | Rail) -> str:
    styles = [
        *(["rounded"] if isinstance(one, Rail) else []),
        *(["dotted"] if isinstance(one, Rail) and one.internal else []),
        *(["dashed"] if one.op == REMOVED else []),
    ]
    style = f' style="{",".join(styles)}"' if styles else ""
    return f"label={quoted(caption(one))}{style}{colour(one.op)}"


def colour(op: str) -> str:
    told = colours.LIGHT[colours.OPERATIONS[op]]
    return f' color="{told}" fontcolor="{told}"' if op else ""


def quoted(words: str) -> str:
    """A backslash begins an escape there, as `\\N` for the name of a node."""
    rows = (visible(row).replace("\\", "\\\\").replace('"', '\\"') for row in words.split("\n"))
    return '"' + "\\n".join(rows) + '"'

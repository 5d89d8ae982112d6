"""A picture as DOT, for Graphviz: boxes are containers, rounded ones networks."""

from collections.abc import Iterator

from . import colours
from .model import REMOVED, Lane, Picture, Rail, caption, signed
from .text import visible


def written(picture: Picture) -> Iterator[str]:
    yield "digraph reconciler {\n  rankdir=LR\n"
    yield f"  label={quoted(f'{picture.title}: {picture.subtitle}')}\n"
    yield '  graph [fontname="sans-serif" labelloc=t]\n  node [fontname="sans-serif" shape=box]\n'
    yield '  edge [fontname="sans-serif" fontsize=10 dir=none]\n'
    nets = {rail.name: f"n{turn}" for turn, rail in enumerate(picture.rails)}
    lanes = [(f"c{turn}", lane) for turn, lane in enumerate(picture.lanes)]
    if any(lane.ports for _, lane in lanes):
        yield "  host [shape=circle]\n"
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

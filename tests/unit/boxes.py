"""Where the texts of an SVG stand, as boxes that may be turned, and which of them stand on one another."""

import re
from collections.abc import Iterator
from itertools import combinations
from math import cos, radians, sin
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

from reconciler.picture.text import mono_width, width

NS = "{http://www.w3.org/2000/svg}"
MOVE = re.compile(r"translate\(([-\d.]+),([-\d.]+)\)(?: rotate\(([-\d.]+)\))?")
Corner = tuple[float, float]


class Box(NamedTuple):
    text: str
    corners: tuple[Corner, ...]


def boxes(svg: str) -> tuple[Box, list[Box]]:
    """The sheet, and each text on it."""
    root = fromstring(svg)
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    return Box("", ((0, 0), (wide, 0), (wide, high), (0, high))), list(below(root, (0, 0, 0)))


def below(one: Element, at: tuple[float, float, float]) -> Iterator[Box]:
    if found := MOVE.fullmatch(one.get("transform", "")):
        x, y, turn = (float(number or 0) for number in found.groups())
        at = at[0] + x, at[1] + y, at[2] + turn
    if one.tag == f"{NS}text":
        yield box(one, at)
    for child in one:
        yield from below(child, at)


def box(one: Element, at: tuple[float, float, float]) -> Box:
    words, size = "".join(one.itertext()), float(one.attrib["font-size"])
    long = width(words, size, bold="font-weight" in one.attrib)
    if "mono" in one.get("font-family", ""):
        long = mono_width(words, size)
    x, y = float(one.attrib["x"]), float(one.attrib["y"])
    x -= long if one.get("text-anchor") == "end" else 0
    plain = (x, y - 0.8 * size), (x + long, y - 0.8 * size), (x + long, y + 0.25 * size), (x, y + 0.25 * size)
    c, s = cos(radians(at[2])), sin(radians(at[2]))
    return Box(words, tuple((at[0] + px * c - py * s, at[1] + px * s + py * c) for px, py in plain))


def overlaps(those: list[Box]) -> list[tuple[str, str]]:
    return [(a.text, b.text) for a, b in combinations(those, 2) if a.text and b.text and not apart(a, b)]


def apart(a: Box, b: Box) -> bool:
    """Whether a line can be drawn between them: along a side of one of them, as they are convex."""
    for one in (a, b):
        for (x, y), (u, v) in zip(one.corners, one.corners[1:], strict=False):
            spans = [[px * (v - y) - py * (u - x) for px, py in each.corners] for each in (a, b)]
            if max(spans[0]) <= min(spans[1]) + 1e-6 or max(spans[1]) <= min(spans[0]) + 1e-6:
                return True
    return False


def outside(sheet: Box, those: list[Box]) -> list[str]:
    (wide, high) = sheet.corners[2]
    return [one.text for one in those if any(not (0 <= x <= wide and 0 <= y <= high) for x, y in one.corners)]

"""A mistake as a good compiler tells it: the message, the source line, a caret under the token, a hint."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from unicodedata import combining, east_asian_width

from ... import disk
from ...errors import ManifestError, ManifestErrors, ReconcileError, Where

TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s,\[\]{}#]+|.""")
WIDEST = 120  # columns of source that are shown; of a longer line the part around the token
LONGEST = 500  # characters of one line of a report
MOST = 50  # mistakes of a report: a folder may be full of files that are no manifests
LARGEST = 64 << 20

BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line for YAML

Sources = Callable[[str], str]
Lines = Callable[[str], list[str]]


def from_disk(file: str) -> str:
    """The text of a file, or nothing where it cannot be had or is no UTF-8: a report must not fail."""
    try:
        return disk.read(file, LARGEST).decode("utf-8-sig")
    except (OSError, ValueError):
        return ""


def report(error: ManifestError, sources: Sources = from_disk) -> str:
    """The mistake, or the first of several, an empty line between; `sources` gives the text of a file."""
    lines = cache(lambda file: BREAK.split(sources(file)))
    errors = error.errors if isinstance(error, ManifestErrors) else [error]
    rest = [f"and {len(errors) - MOST} more errors: --validate -o json lists all"] * (len(errors) > MOST)
    return "\n\n".join([*(paragraph(one, lines) for one in errors[:MOST]), *rest])


def paragraph(error: ManifestError, lines: Lines) -> str:
    said = [f"error: {error.message}"]
    if error.where:
        said += snippet(error.where, ("-->", "^", ""), lines)
    if error.label:
        said += snippet(error.label[0], (":::", "-", f" {error.label[1]}"), lines)
    said += [f"  hint: {error.hint}"] if error.hint else []
    return "\n".join(printable(line) for line in said)


def snippet(where: Where, style: tuple[str, str, str], lines: Lines) -> list[str]:
    """The place and, where its text is at hand, the line with the token marked."""
    arrow, mark, note = style
    source = lines(where.file) if where.line and where.column else []
    if not 0 < where.line <= len(source):
        return [f"  {arrow} {where}{note}"]
    line, column = window(source[where.line - 1], where.column - 1)
    token = TOKEN.match(line, column)
    length = width(token[0].removesuffix(":")) if token else 1
    gutter = " " * len(str(where.line))
    return [
        f"{gutter} {arrow} {where}",
        f"{gutter} |",
        f"{where.line} | {line}".rstrip(),
        f"{gutter} | {' ' * width(line[:column])}{mark * max(length, 1)}{note}",
    ]


def window(line: str, column: int) -> tuple[str, int]:
    """At most WIDEST columns of a line, and where in them the column is."""
    line = line.replace("\t", " ")
    if len(line) <= WIDEST:
        return line, column
    start = max(0, min(column - WIDEST // 3, len(line) - WIDEST))
    return line[start : start + WIDEST], column - start


def width(text: str) -> int:
    """Columns on a terminal."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str) -> str:
    """Without what a terminal would obey: a manifest's text must not move the cursor, nor fill the screen."""
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def as_json(error: ReconcileError) -> dict[str, Any]:
    """The mistake for programs."""
    second = error.label if isinstance(error, ManifestError) else None
    label = {**place(second[0]), "message": second[1]} if second else None
    return {
        "id": error.id,
        "message": error.message,
        "hint": error.hint,
        **place(error.where),
        "label": label,
    }


def place(where: Where | None) -> dict[str, Any]:
    known = where or Where("")
    return {"file": known.file, "line": known.line, "column": known.column, "path": known.path}

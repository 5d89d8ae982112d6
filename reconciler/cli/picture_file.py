"""Where a picture goes, and in which form: the word behind --graph, and -o."""

import os
from collections.abc import Iterator
from typing import Any

from ..errors import UsageError
from .options import PICTURES, STDOUT, Options

# What the names of files end in, and the form that a picture has there.
SUFFIXES = {".svg": "svg", ".html": "html", ".htm": "html", ".mmd": "mermaid", ".dot": "dot", ".gv": "dot"}
IMAGES = (".png", ".pdf", ".jpg", ".jpeg", ".webp")
USUAL = "dot"  # where nothing says which, as other tools have it


def path_of_graph(given: dict[str, Any]) -> Iterator[str]:
    """What stands behind --graph is a PATH, as behind a mode, unless it is called as pictures are: so nobody
    draws over a manifest.  Raises UsageError for a picture of a kind that cannot be drawn."""
    file = given.get("graph", "")
    if file.endswith(IMAGES):
        command = f"reconcile --graph -o svg | rsvg-convert -o {file}"
        raise UsageError(f"{file}: --graph draws no such pictures", f"`{command}` makes one")
    if file and file != STDOUT and not file.endswith(tuple(SUFFIXES)):
        given["graph"] = STDOUT
        yield file


def refuse_undrawn(options: Options) -> None:
    """Raise UsageError for a picture that nobody draws, or that would stand among other words."""
    if not options.graph:
        raise UsageError(f"-o {options.output} goes with --graph")
    if options.mode not in ("graph", "plan"):
        raise UsageError("--graph goes with --plan, or stands alone")
    if is_called_otherwise(options):
        raise UsageError(
            f"{options.graph} is {form_by_name(options)} by its name, and -o says {options.output}"
        )
    if options.output not in ("text", *PICTURES) and (options.mode == "graph" or options.graph == STDOUT):
        raise UsageError(f"-o {options.output} is no picture", f"there are: {', '.join(PICTURES)}")


def is_called_otherwise(options: Options) -> bool:
    """Whether the file's name says another form than -o does."""
    return options.output in PICTURES and form_by_name(options) not in ("", options.output)


def form_by_name(options: Options) -> str:
    return SUFFIXES.get(os.path.splitext(options.graph)[1], "")


def form(options: Options) -> str:
    return options.output if options.output in PICTURES else form_by_name(options) or USUAL

"""What is asked of a person before something goes that no manifest would bring back."""

import sys

from ..change import Change
from ..errors import Refused
from . import streams
from .options import Options
from .story import Story


def is_asked(options: Options) -> bool:
    """Whether a person looks on; a script has no terminal, and is not asked."""
    return not options.yes and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(change: Change) -> str:
    """The digest of the plan that a person has agreed to, also of one that does nothing: what comes
    meanwhile was not asked about.  Raises Refused where the answer is no."""
    if not change.todo:
        return change.todo.digest
    told = Story(change)
    streams.complain(told.text().rstrip())
    streams.complain(told.summary())
    if answer("Remove all of this? [y/N] ") not in ("y", "yes"):
        raise Refused("nothing is removed", "--yes asks nothing")
    return change.todo.digest


def answer(question: str) -> str:
    """In small letters; the end of the input is no answer."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = ""
    try:
        line = sys.stdin.readline()
    finally:
        if not line.endswith("\n"):  # nor has the terminal begun another one
            streams.complain("")
    return line.strip().lower()

"""The command: what it said before, if it would say the same, and else all of it."""

import sys
from collections.abc import Sequence

from . import memo, streams


def main(argv: Sequence[str] | None = None) -> int:
    words = tuple(sys.argv[1:] if argv is None else argv)
    if (said := memo.recalled(words)) is None:
        from .arguments import main as run

        return run(words)
    streams.stand()
    return streams.say_again(said)

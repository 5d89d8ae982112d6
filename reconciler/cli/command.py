"""The command: what it said before, if it would say the same, and else all of it."""

import gc
import sys
from collections.abc import Sequence

from . import memo, streams


def main(argv: Sequence[str] | None = None) -> int:
    words = tuple(sys.argv[1:] if argv is None else argv)
    gc.disable()  # a run is short and makes many small values: collecting them costs more than it frees
    try:
        return answered(words)
    finally:
        gc.freeze()  # nor is what it leaves gone through when the process ends, which takes a tenth of a run


def answered(words: tuple[str, ...]) -> int:
    if (said := memo.recalled(words)) is None:
        from .arguments import main as run

        return run(words)
    streams.stand()
    return streams.say_again(said)

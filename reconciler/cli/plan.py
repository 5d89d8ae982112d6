"""What would change, and everything about one resource of it."""

from collections.abc import Iterable

from ..core import render
from ..errors import LISTED, Refused, UsageError
from ..pipeline import Change
from ..safety import removals
from ..safety.limits import REMOVALS
from . import memo, streams
from .beside import warn_of_files_beside
from .options import Options
from .paragraph import ID, paragraph
from .scaled import warn_of_return
from .session import comparison, machine, note, plan_json, print_plan, tell, tell_who_waits, write_out


def plan(options: Options) -> int:
    host, origin = machine(options), memo.origin(options)
    with streams.copied() as said:
        change = comparison(options, host)
        if options.out:
            write_out(options.out, map(str.encode, plan_json(change)))
        print_plan(options, change)
        warn_of_removals(options, change)
        warn_of_return(options, change)
        warn_of_files_beside(options, change)
    if not (change.todo or change.closed or change.waiting) and origin == memo.origin(options):
        memo.keep(options, host.transcript, origin, said)
    tell_who_waits(change)
    return 2 if options.exit_code and (change.todo or change.closed) else 0


def likely(word: str, keys: Iterable[str]) -> str:
    """Keys that have the word in them, or what is nearly it; "" where there are none."""
    from difflib import get_close_matches

    longest_first = sorted({*keys}, key=lambda key: (-len(key), key))
    parts = {part: key for key in longest_first for part in key.replace("/", " ").split()}
    near = sorted((key for key in longest_first if word.lower() in key.lower()), key=len)
    found = near[:LISTED] or [parts[part] for part in get_close_matches(word, parts, 1)]
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""


def warn_of_removals(options: Options, change: Change) -> None:
    """Who applies it by hand may; a watcher, or whoever has a limit, would not."""
    limit = options.max_removals or REMOVALS
    try:
        removals.refuse_removals(change, limit, dict if options.against else removals.recalled)
    except Refused as error:
        note(options, f"warning: {error}")


def explain(options: Options) -> int:
    if ID.fullmatch(options.explain):
        tell(options, paragraph(options.explain))
        return 0
    change = comparison(options, machine(options))
    if options.explain not in {**change.live, **change.desired}:
        raise UsageError(
            f"nothing has the key {options.explain!r}",
            likely(options.explain, [*change.live, *change.desired]) or "see --plan -o wide",
        )
    tell(options, render.explained(options.explain, change.live, change.desired), end="")
    return 0

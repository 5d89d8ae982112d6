"""What would change, and everything about one resource of it."""

from ..core import render
from ..errors import Refused, UsageError
from ..pipeline import Change
from ..safety import removals
from ..safety.limits import REMOVALS
from . import memo, streams
from .options import Options
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
    if not (change.todo or change.closed or change.waiting) and origin == memo.origin(options):
        memo.keep(options, host.transcript, origin, said)
    tell_who_waits(change)
    return 2 if options.exit_code and (change.todo or change.closed) else 0


def warn_of_removals(options: Options, change: Change) -> None:
    """Who applies it by hand may; a watcher, or whoever has a limit, would not."""
    limit = options.max_removals or REMOVALS
    try:
        removals.refuse_removals(change, limit, dict if options.against else removals.recalled)
    except Refused as error:
        note(options, f"warning: {error}")


def explain(options: Options) -> int:
    change = comparison(options, machine(options))
    if options.explain not in {**change.live, **change.desired}:
        from difflib import get_close_matches

        near = get_close_matches(options.explain, [*change.live, *change.desired], 1)
        raise UsageError(
            f"nothing has the key {options.explain!r}",
            f"did you mean {near[0]!r}?" if near else "see --plan -o wide",
        )
    tell(options, render.explained(options.explain, change.live, change.desired), end="")
    return 0

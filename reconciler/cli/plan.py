"""What would change."""

from ..errors import Refused
from ..pipeline import Change
from ..safety import removals
from ..safety.limits import REMOVALS
from . import memo, streams
from .beside import warn_of_files_beside
from .options import Options
from .scaled import warn_of_return
from .session import comparison, machine, note, plan_json, print_plan, tell_who_waits, write_out


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


def warn_of_removals(options: Options, change: Change) -> None:
    """Who applies it by hand may; a watcher, or whoever has a limit, would not."""
    limit = options.max_removals or REMOVALS
    try:
        removals.refuse_removals(change, limit, dict if options.against else removals.recalled)
    except Refused as error:
        note(options, f"warning: {error}")

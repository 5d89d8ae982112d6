"""What would change."""

from collections.abc import Iterator
from math import inf

from ..change import Change
from ..errors import Refused
from ..safety import removals
from ..safety.limits import REMOVALS
from . import memo, streams
from .beside import files_left_out
from .graph import draw_plan
from .options import STDOUT, Options
from .scaled import returns
from .session import comparison, machine, note, plan_json, print_plan, tell_who_waits, write_out


def plan(options: Options) -> int:
    host, origin = machine(options), memo.origin(options)
    with streams.copied() as said:
        change = comparison(options, host)
        idle = not (change.todo or change.closed or change.waiting)
        if idle:
            print_all(options, change)
    if not idle:  # of which no copy is wanted: it may be larger than all else
        print_all(options, change)
    elif origin == memo.origin(options) and change.topology.turns == inf:
        memo.keep(options, host.transcript, origin, said)
    tell_who_waits(change)
    return 2 if options.exit_code and (change.todo or change.closed) else 0


def print_all(options: Options, change: Change) -> None:
    """The plan, and what else a person should know of it."""
    beside = [
        *removals_warned_of(options, change),
        *returns(options, change),
        *files_left_out(options, change),
    ]
    if options.out:
        write_out(options.out, map(str.encode, plan_json(options, change, beside)))
    if options.graph != STDOUT:
        print_plan(options, change, beside=beside)
    if options.graph:
        draw_plan(options, change)
    for words in beside:
        note(options, f"warning: {words}")


def removals_warned_of(options: Options, change: Change) -> Iterator[str]:
    """Who applies it by hand may; a watcher, or whoever has a limit, would not."""
    limit = options.max_removals or REMOVALS
    try:
        removals.refuse_removals(change, limit, dict if options.against else removals.recalled)
    except Refused as error:
        yield str(error)

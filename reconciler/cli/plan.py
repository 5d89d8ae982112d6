"""What would change, and everything about one resource of it."""

from ..core import render
from ..errors import UsageError
from .options import Options
from .session import comparison, machine, plan_json, print_plan, tell, write_out


def plan(options: Options) -> int:
    change = comparison(options, machine(options))
    if options.out:
        write_out(options.out, map(str.encode, plan_json(change)))
    print_plan(options, change)
    return 2 if options.exit_code and (change.todo or change.closed) else 0


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

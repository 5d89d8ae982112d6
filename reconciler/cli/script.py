"""A plan as a script of ip, bridge, nft and other programs, for people; apply itself runs none of them."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby

from ..core.plan import Plan, Step

NFT = "nft "
RULE, PARTING = "add rule ", "delete element "
LEADING = re.compile(r"add element .* : (jump|goto) ")
HEADER = """\
#!/bin/sh
# What `reconcile --apply` would do, for the host that the plan was made for, as it stands: to be read, and to
# be run where nothing else is to be had.  It stops at what fails, and undoes nothing.  Afterwards the plan
# says nothing to do, but for this:
# - What plugins of CNI and remote drivers are to make is said in words, or by cnitool, and is made anew.
# - Where `ip` is older than 6.8 (Debian 12), it neither limits what a bridge learns (fdb_max_learned), nor
#   marks addresses as ours (proto): the next `reconcile --apply` does, and disturbs nobody.
set -e
"""
# By what is in those scripts that need it.
NEEDED = {
    "address replace |fdb_max_learned": """
ip link help bridge 2>&1 | grep -q fdb_max_learned || ip() {
    words=$*
    case $words in
    *fdb_max_learned*) echo "left out: ip $words" >&2 ;;
    *"address replace "*) command ip ${words% proto *} ;;
    *) command ip "$@" ;;
    esac
}
""",
    r"\$nobody": """
# Where root may be somebody else, which it may not in a user namespace of one user.
nobody='--user=nobody --group=nogroup'
! grep -q deny /proc/self/setgroups || nobody='--user= --group='
""",
}


def script(todo: Plan) -> str:
    """Rules come when all chains are there that they may jump to."""
    rows: list[str] = []
    for _, steps in groupby(todo, key=lambda step: (step.resource.stage, step.op == "-")):
        rows += together([command for step in steps for command in commands(step)])
    body = "".join(f"{row}\n" for row in rows)
    return HEADER + "".join(text for what, text in NEEDED.items() if re.search(what, body)) + "\n" + body


def commands(step: Step) -> list[str]:
    if step.op == "-":
        return step.resource.removal()
    return step.resource.commands(step.before)


def together(found: list[str]) -> Iterator[str]:
    """What nft is told of one place is one transaction: a rule is refused whose map nft has to ask the kernel
    for, where that says `th dport` (nftables 1.0.6)."""
    for enter, group in groupby(found, key=nft_of):
        if enter is None:
            yield from group
            continue
        lines = [" ".join(shlex.split(command.removeprefix(enter))[1:]) for command in group]
        counts = any("$((" in line for line in lines)  # how long something is still to be there
        yield f"{enter}nft -f - <<{'END' if counts else repr('END')}"
        yield from sorted(lines, key=turn)
        yield "END"


def turn(line: str) -> int:
    """What leads to a chain goes before that, and comes behind it; rules come last."""
    if line.startswith(RULE):
        return 3
    return 2 if LEADING.match(line) else not line.startswith(PARTING)


def nft_of(command: str) -> str | None:
    """What comes before `nft` in a command; None where it is none of it."""
    enter, found, _ = command.partition(NFT)
    return enter if found and (not enter or enter.startswith("ip netns exec ")) else None

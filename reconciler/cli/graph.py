"""A picture of what stands, of what is declared, or of what a plan would change."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from ..change import Change
from ..core.resource import State
from ..core.subject import NETWORK
from ..errors import ReconcileError
from ..hosts.snapshot import saved
from ..inventory import ownership
from ..paths import DEFAULT_PATH
from ..picture import FORMS
from ..picture.drawing import of_plan, of_state
from ..picture.model import CHANGED, Alteration, Picture
from .options import STDOUT, Options
from .picture_file import form
from .session import comparison, machine, refuse_strangers, tell, tell_who_waits, write_out
from .story import Becoming, Story


def graph(options: Options) -> int:
    if not options.paths:
        draw(options, of_standing(options))
        return 0
    change = comparison(options, machine(options))
    draw(options, of_state(change.desired, "as declared", frozenset(change.topology.projects)))
    tell_who_waits(change)
    return 0


def of_standing(options: Options) -> Picture:
    """What stands, with the lines of the manifests that it is by, where these are at their place."""
    host = saved(options.against, options.host) if options.against else machine(options)
    live, name = host.observe(), host.facts().name
    refuse_strangers(options, ownership.projects(live))
    if os.path.exists(DEFAULT_PATH) and not options.against:
        with suppress(ReconcileError):
            live = with_origins(live, comparison(options, host).desired)
    return of_state(live, f"what stands on {name}", options.projects)


def with_origins(live: State, desired: State) -> State:
    origins = {key: r.origin for key, r in desired.items()}
    return {key: replace(r, origin=origins[key]) if origins.get(key) else r for key, r in live.items()}


def draw_plan(options: Options, change: Change) -> None:
    subtitle = f"plan {change.todo.digest}" if change.todo else "nothing to do"
    states = change.live, change.desired
    draw(options, of_plan(states, alterations(change), subtitle, change.projects))


def alterations(change: Change) -> Mapping[tuple[str, str], Alteration]:
    """The lines of the plan's text, by what they are about."""
    lines = (line for line in Story(change).lines if not is_consequence(line))
    return {
        (line.subject.kind, line.subject.name): Alteration(line.op, line.cost, line.detail) for line in lines
    }


def is_consequence(line: Becoming) -> bool:
    """Of a network of which only the firewall's entries come and go, with those of its containers."""
    return line.subject.kind == NETWORK and line.op == CHANGED and line.detail.startswith("(")


def draw(options: Options, picture: Picture) -> None:
    """Into the file, or on standard output."""
    parts = FORMS[form(options)](picture)
    if options.graph != STDOUT:
        write_out(options.graph, map(str.encode, parts))
    else:
        tell(options, "".join(parts), end="")

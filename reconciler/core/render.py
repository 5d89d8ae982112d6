"""A plan as text or JSON.  Pure: what is printed is returned."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..errors import Where
from .plan import Plan, Step, ordered
from .resource import Disruption, Key, Resource, State, roles

SCHEMA_VERSION = 1
PIECE = 16  # steps that are written together: a zone of a large network is 100 KiB
COLOURS = {"+": "32", "~": "33", "-": "31"}
IN_SYNC = "in sync"
OPS = {"+": "create", "~": "update", "-": "delete"}


def line(step: Step) -> str:
    """A step with its cost and its place: the line of `-o wide` and of the log."""
    detail = step.resource.detail if step.op == "+" else ""
    return f"{step}{detail}{priced(step.disruption, place(step.resource))}"


def priced(cost: Disruption, where: str) -> str:
    """How a line ends, of a step or of a container."""
    return f"   [{cost}]" * (cost != "none") + where


def place(resource: Resource) -> str:
    where = resource.where
    return f"   {where.file}:{where.line}" if where and where.file else ""


def text(todo: Plan, *, wide: bool = False, colour: bool = False) -> str:
    """One line a step; unless `wide`, what is made inside something new is counted behind it."""
    lines = (row for step in todo for row in (line(step), *body(step))) if wide else summarised(todo)
    return "".join(f"{paint(row) if colour else row}\n" for row in lines)


def body(step: Step) -> Iterator[str]:
    """What changes in a text of several lines, as `diff -u` tells it."""
    before, after = step.old.body if step.old else "", step.resource.body if step.op != "-" else ""
    if before != after:
        from difflib import unified_diff

        rows = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
        yield from (f"    {row}" for row in rows if not row.startswith("@@"))


def paint(row: str) -> str:
    colour = COLOURS.get(row.lstrip()[:1])
    return f"\033[{colour}m{row}\033[0m" if colour else row


def summarised(todo: Plan) -> Iterator[str]:
    created = {step.resource.key for step in todo if step.op == "+" and step.old is None}
    inside: dict[Key, Counter[str]] = {}
    for step in todo:
        home = outermost(step, created)
        if home:
            inside.setdefault(home, Counter())[step.resource.noun] += 1
    for step in todo:
        if not outermost(step, created):
            contents = inside.get(step.resource.key)
            yield line(step) if not contents else f"{step}   ({counted(contents)}){place(step.resource)}"


def outermost(step: Step, created: set[Key]) -> Key:
    """The new thing that a new thing stands in, as far out as it goes; "" if it stands for itself."""
    if step.op != "+" or step.old is not None:
        return ""
    return next((key for key in step.resource.homes if key in created), "")


def counted(contents: Counter[str]) -> str:
    """What is one resource for many of a kind, as `neighbours`, has no number of its own."""
    many = {"neighbours", "entries", "odd-entries"}
    return ", ".join(noun if noun in many else number(n, noun) for noun, n in sorted(contents.items()))


def number(n: int, noun: str) -> str:
    """`1 network`, `2 networks`, `3 addresses`."""
    return f"{n} {noun}{'' if n == 1 else 'es' if noun.endswith(('s', 'x')) else 's'}"


def as_json(
    todo: Plan, live: State, about: Callable[[Resource], Mapping[str, str]] = lambda r: {}, **more: Any
) -> Iterator[str]:
    """The text that `-o json` prints, a line a step and never whole: it is larger than what it is about.
    `about` tells what a person calls what a resource is part of.  Keys are only added, never renamed."""
    counts = todo.counts()
    untouched = len(live) - counts["update"] - counts["replace"] - counts["delete"]
    told = {
        "schema_version": SCHEMA_VERSION,
        **more,
        "digest": todo.digest,
        "summary": {**counts, "unchanged": max(untouched, 0)},
    }
    yield json.dumps(told, indent=1).removesuffix("\n}") + ',\n "steps": ['
    rows = (json.dumps({**step_json(step), **about(step.resource)}) for step in todo)
    before = "\n  "
    while piece := list(islice(rows, PIECE)):
        yield before + ",\n  ".join(piece)
        before = ",\n  "
    yield "\n ]\n}" if todo else "]\n}"


def step_json(step: Step) -> dict[str, Any]:
    replaced = step.op == "+" and step.old is not None
    return {
        "op": "replace" if replaced else OPS[step.op],
        "kind": step.resource.noun,
        "key": step.resource.key,
        "because": step.because,
        "disruption": step.disruption,
        "origin": origin_json(step.resource),
        "before": step.old.values() if step.old else None,
        "after": step.resource.values() if step.op != "-" else None,
    }


def origin_json(resource: Resource) -> dict[str, Any] | None:
    if resource.origin is None:
        return None
    where: Where = resource.origin.where
    told = {"file": where.file, "line": where.line, "column": where.column, "path": where.path}
    return {**told, "driver": resource.origin.driver}


def listing(state: State) -> str:
    """Every resource with its values, in the order of building: the golden format of a state."""
    return "".join(f"{entry(resource)}\n" for resource in ordered(state.values()))


def entry(resource: Resource) -> str:
    keys = roles(type(resource)).keys
    values = {name: value for name, value in resource.values().items() if value and name not in keys}
    return "  ".join([resource.key, *(f"{name}={value}" for name, value in values.items())])


def standing(key: Key, live: State, desired: State) -> str:
    """How what stands is to what is wanted, in a word."""
    old, new = live.get(key), desired.get(key)
    return IN_SYNC if old == new else "missing" if old is None else "differs" if new else "not wanted"


def explained(key: Key, live: State, desired: State) -> str:
    """Everything known of one resource: what stands, what is wanted, why, and the commands
    that say the same."""
    old, new = live.get(key), desired.get(key)
    lines = [key]
    if some := new or old:
        lines += [f"  wanted by  {some.origin.where} (driver {some.origin.driver})"] if some.origin else []
        lines += [f"  within     {', '.join(some.within)}"] if some.within else []
        lines += [f"  refers to  {', '.join(some.refers)}"] if some.refers else []
        lines += [f"  $ {command}" for command in some.commands(None)]
    lines += rows(old.values() if old else {}, new.values() if new else {})
    lines += [f"  {standing(key, live, desired)}"]
    return "".join(f"{row}\n" for row in lines)


def rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    names = {**before, **after}
    width = max(10, *map(len, names))
    for name in names:
        old, new = before.get(name), after.get(name)
        value = new if old == new or not before else f"{old} -> {new}" if after else old
        yield f"  {name:<{width}} {value}"

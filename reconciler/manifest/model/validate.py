"""Nodes through their forms: what passes is typed, what fails is told in our words at its place."""

import re
from typing import Any, TypeVar

from ..compose.ignored_keys import INSIDE, NOTHING
from ..yaml.node import Mistakes, Node, Place, dotted, followed, nearest, raw
from .forms import NETWORK, SERVICE, TOP, Form
from .pydantics_core import ValidationError

Steps = tuple[str | int, ...]
R = TypeVar("R")
ABSENT = (None, "")  # an unset `${VARIABLE}` leaves a blank text
EITHER = "a list or a mapping"
NAMES = ("networks", "depends_on")  # keys that list names, or say more of each
ASSIGNED = (
    "labels",
    "environment",
    "sysctls",
    "annotations",
    "extra_hosts",
)  # keys that list KEY=VALUE, or map
RECORDS = ("config", "routes", "preferences")  # keys that list mappings alone
WORD = re.compile(r"[\w.:/=*-]{1,60}")
LIMITS = ("host_if", "rate", "max_conns")
TYPES = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}
HINTS = {
    "text": "in quotes it is text",
    "a list": "write `[...]`, or each entry on a line that begins with `- `",
    "a mapping": "write `{KEY: VALUE}`, or each key on a line below it",
    EITHER: "write `{KEY: VALUE}`, or `[KEY=VALUE]`",
    "a whole number": "as 3",
    "a number": "as 3, or 0.5",
    "true or false": "write `true` or `false`",
}
EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
LEVELS = {"a project": TOP, "a network": NETWORK, "a service": SERVICE}
WAYS, PEER = ("egress", "ingress"), "write PEER or PEER:PORT, as in `outside:443` or `db:5432/tcp`"


def record_of(node: Node, form: Form[R], path: Steps, mistakes: Mistakes, unused: set[str]) -> R | None:
    """The record that the node describes; None, and mistakes, where it describes none."""
    data = record(node, form, f"{path[0]}.*", unused) if type(node.value) is dict else raw(node)
    misspelt_inside(node, form, path, mistakes)
    try:
        return form.check({} if data is None else data)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            tell(one, node, form, path, mistakes)
    return None


def misspelt_inside(node: Node, form: Form[Any], path: Steps, mistakes: Mistakes) -> None:
    """Keys that Compose does not know in what nothing of ours uses."""
    for key, child in node.items():
        known = INSIDE.get(key, NOTHING) if key in form.outline.unused else NOTHING
        for word, below in child.items() if known else ():
            if word not in known and not word.startswith("x-"):
                spot = child.keys.get(word, below.place)
                mistakes.at(spot, dotted((*path, key, word)), f"unknown key `{word}`", nearest(word, known))


def record(node: Node, form: Form[Any], path: str, unused: set[str]) -> dict[str, Any]:
    """A mapping's data as its form takes it: without `x-` keys, without nulls, without what nothing uses."""
    data = {}
    for key, child in node.value.items():
        if key in form.outline.unused:
            unused.add(f"{path}.{key}" if path else key)
        elif (child.value not in ABSENT or is_limit(key, child)) and not key.startswith("x-"):
            data[key] = (
                inner(child, form.nested[key], f"{path}.{key}", unused) if key in form.nested else raw(child)
            )
    return data


def is_limit(key: str, child: Node) -> bool:
    """Whether it would let everybody in to take a blank for nothing."""
    return key in LIMITS and child.value is not None


def inner(node: Node, records: tuple[str, Form[Any]], path: str, unused: set[str]) -> Any:
    how, form = records
    match how, node.value:
        case "one", dict():
            return record(node, form, path, unused)
        case "map", dict():
            return {key: entry(child, form, path, unused) for key, child in node.value.items()}
        case "list", list():
            return [entry(child, form, path, unused) for child in node.value]
    return raw(node)


def entry(node: Node, form: Form[Any], path: str, unused: set[str]) -> Any:
    if node.value is None:
        return {}
    return (
        record(node, form, path, unused)
        if type(node.value) is dict
        else node.value
        if type(node.value) is not list
        else raw(node)
    )


def tell(error: Any, node: Node, form: Form[Any], path: Steps, mistakes: Mistakes) -> None:
    """One of pydantic's errors as one of ours."""
    steps = tuple(step for step in error["loc"] if step != "[key]")
    message, hint = words(error, form, steps)
    mistakes.at(spot(error["type"], node, steps), dotted((*path, *steps)), message, hint)


def words(error: Any, form: Form[Any], steps: Steps) -> tuple[str, str]:
    context, given = error.get("ctx", {}), error["input"]
    match error["type"]:
        case "value":
            return context["message"], context["hint"]
        case "extra_forbidden":
            return f"unknown key `{steps[-1]}`", likely(str(steps[-1]), form_at(form, steps[:-1]))
        case "missing":
            return f"`{steps[-1]}` is missing", f"add `{steps[-1]}:`"
        case "literal_error":
            return (
                f"{shortened(given)} is no value of `{steps[-1]}`",
                f"there are: {context['expected'].replace(chr(39), '')}",
            )
        case "greater_than_equal":
            return f"{shortened(given)} is too small", f"at least {context['ge']}"
        case "less_than_equal":
            return f"{shortened(given)} is too large", f"at most {context['le']}"
        case kind if kind in EXPECTED:
            what = f"`{steps[-1]}`" if steps and isinstance(steps[-1], str) else "this entry"
            takes = wanted(kind, given, steps)
            return f"{what} must be {takes}, not {described(given, steps)}", hint(takes, given, steps)
    return error["msg"], ""


def wanted(kind: str, given: Any, steps: Steps) -> str:
    """What its key takes; some take a list as well as a mapping."""
    either = steps and steps[-1] in (*NAMES, *ASSIGNED) and not isinstance(given, dict | list)
    return EITHER if either and EXPECTED[kind] == "a mapping" else EXPECTED[kind]


def hint(takes: str, given: Any, steps: Steps) -> str:
    key = steps[-1] if steps else 0
    match given:
        case dict() | list() if takes == "text":
            return next((PEER for step in steps if step in WAYS), "one alone")
        case bool() | dict() | list() | None:
            return HINTS[takes]
    listed = key in NAMES if takes == EITHER else takes == "a list" and key not in RECORDS
    if listed and isinstance(key, str) and WORD.fullmatch(word := str(given)):
        return f"write `{key}: [{word}]`" if word.isalnum() else f'write `{key}: ["{word}"]`'
    return HINTS[takes]


def likely(word: str, form: Form[Any]) -> str:
    """The key that was probably meant, or the one that this is a key of."""
    inside = {key: inner for key, (_, inner) in form.nested.items()}
    deeper = {f"{key}.{own}": two for key, one in inside.items() for own, (_, two) in one.nested.items()}
    known = [*inside.items(), *deeper.items()]
    if of := next((key for key, one in known if word in one.outline.written), ""):
        return f"`{word}` is a key of `{of}`"
    if elsewhere := [what for what, one in LEVELS.items() if word in one.outline.written]:
        return f"`{word}` is a key of {' and of '.join(elsewhere)}"
    return nearest(word, {*form.outline.written, *form.outline.unused})


def shortened(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def described(value: Any, steps: Steps) -> str:
    """A container by its type, a scalar by its text, which in `environment` may be a secret."""
    if isinstance(value, dict | list):
        return TYPES[type(value)]
    return "a scalar" if "environment" in steps else shortened(value)


def spot(kind: str, node: Node, steps: Steps) -> Place:
    """An unknown key is shown at the key, anything else at the value."""
    nodes = followed(node, steps)
    if kind == "extra_forbidden" and len(nodes) > len(steps):
        return nodes[-2].keys.get(str(steps[-1]), nodes[-1].place)
    return nodes[-1].place


def form_at(form: Form[Any], steps: Steps) -> Form[Any]:
    """The form of the mapping that a path leads to."""
    for step in steps:
        if isinstance(step, str) and step in form.nested:
            form = form.nested[step][1]
    return form

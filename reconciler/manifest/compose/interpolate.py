"""`${VAR}` in all of Compose's forms, applied to values and never to keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...mistakes import NoValue
from ..yaml.node import Mistakes, Node, Place, dotted, where

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOLLAR = re.compile(r"\$(?:\$|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<brace>\{))?")
BRACE = re.compile(r"[{}]")
MAX_DEPTH = 32  # of a default within a default
MAX_EXPANDED = 64 << 20  # characters that variables may make of a file: lines of `A=$A$A` double them
OPERATOR = re.compile(r":?[-?+]")


class BadTemplate(ValueError):
    """What stands after a `$` is none of the forms, or a required variable has no value."""


@dataclass
class Variables:
    """What `${...}` may name; remembers what was asked for."""

    values: Mapping[str, str]
    used: dict[str, str | None] = field(default_factory=dict)
    blank: dict[str, Place] = field(default_factory=dict)  # neither set nor given a default
    expanded: int = 0  # characters so far

    def get(self, name: str) -> str | None:
        self.used[name] = self.values.get(name)
        return self.used[name]

    def joined(self, parts: list[str]) -> str:
        self.expanded += sum(map(len, parts))
        if self.expanded > MAX_EXPANDED:
            raise BadTemplate(f"the variables grow to more than {MAX_EXPANDED >> 20} million characters")
        return "".join(parts)


def substitute(text: str, variables: Variables, place: Place | None = None, depth: int = 0) -> str:
    """The text with every form replaced; raises BadTemplate."""
    if depth > MAX_DEPTH:
        raise BadTemplate(f"invalid interpolation: nested deeper than {MAX_DEPTH} levels")
    done: list[str] = []
    at = 0
    while found := DOLLAR.search(text, at):
        done.append(text[at : found.start()])
        at = found.end()
        if found["name"]:
            done.append(plain(found["name"], variables, place))
        elif found["brace"]:
            end = closing(text, found.start("brace"))
            done.append(expand(text[at:end], variables, place, depth))
            at = end + 1
        else:
            done.append("$")
    return variables.joined([*done, text[at:]]) if done else text


def closing(text: str, start: int) -> int:
    """Where the `}` stands that closes the `{` at `start`."""
    depth = 0
    for brace in BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.start()
    if (last := text.rfind("}", start)) > 0:
        return last
    raise BadTemplate("invalid interpolation: `${` is not closed")


def expand(inner: str, variables: Variables, place: Place | None, depth: int) -> str:
    name = NAME.match(inner)
    operator = OPERATOR.match(inner, name.end()) if name else None
    if not name or not operator and name.end() < len(inner):
        raise BadTemplate("invalid interpolation: `${` is followed by no name and operator")
    if not operator:
        return plain(name[0], variables, place)
    value, word = variables.get(name[0]), inner[operator.end() :]
    present = bool(value) if operator[0].startswith(":") else value is not None
    match operator[0][-1]:
        case "-":
            return str(value) if present else substitute(word, variables, place, depth + 1)
        case "+":
            return substitute(word, variables, place, depth + 1) if present else ""
    if present:
        return str(value)
    reason = substitute(word, variables, place, depth + 1)
    raise BadTemplate(f"required variable {name[0]} is missing a value{f': {reason}' if reason else ''}")


def plain(name: str, variables: Variables, place: Place | None) -> str:
    value = variables.get(name)
    if value is None and place:
        variables.blank.setdefault(name, place)
    return value or ""


def interpolated(
    node: Node, variables: Variables, mistakes: Mistakes, path: tuple[str | int, ...] = ()
) -> Node:
    """The tree with every text substituted; what holds no `$` is shared with the original."""
    value = node.value
    if type(value) is str and "$" in value:
        try:
            return Node(substitute(value, variables, node.place), node.place, node.tag)
        except BadTemplate as error:
            hint = (
                "a literal dollar is written $$"
                if "invalid" in str(error)
                else "set it in the environment or in .env"
            )
            mistakes.extend([NoValue(str(error), hint, where(node.place, dotted(path)))])
            mistakes.flawed.add(node.place)
            return Node("", node.place, node.tag)
    if type(value) is dict:
        children = {k: interpolated(v, variables, mistakes, (*path, k)) for k, v in value.items()}
        return Node(children, node.place, node.tag, node.keys)
    if type(value) is list:
        elements = [interpolated(v, variables, mistakes, (*path, i)) for i, v in enumerate(value)]
        return Node(elements, node.place, node.tag)
    return node

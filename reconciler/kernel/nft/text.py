"""From steps to the text of one transaction.  Nothing enters it that its own strict pattern does not know.

Chains that change or go are emptied first, so that nothing uses what goes; rules come last, so that chains
may
jump to one another.  Each line belongs to a step: libnftables names the line that it or the kernel refuses.
"""

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...core.plan import Step
from ...core.resource import Resource
from ...errors import KernelError
from ...kinds.comment import encoded
from ...kinds.nft import Chain, Element, Map, Table, path
from ...kinds.ownership import TABLE, TABLE_PREFIX
from .datatypes import Type, named

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
# Compiled when something is first written.
HOOK = (
    r"type (?:filter|nat|route) hook (?:prerouting|input|forward|output|postrouting)"
    r" priority -?[0-9]{1,10}; policy (?:accept|drop);"
)
RULE = r"""(?:[A-Za-z0-9 _.,:/@=!<>&|^+*{}()-]|"[A-Za-z0-9 _.,:/@=!+*()-]*")+"""


class Shape(NamedTuple):
    """What the elements of a map look like."""

    key: Type
    data: Type | None
    flags: str

    @property
    def interval(self) -> bool:
        return self.flags == "interval"


def opaque(digest: str) -> tuple[str, ...]:
    """The rules of a chain that says something else than is wanted: equal to nothing, and never written."""
    return (f"<differs: {digest[:12]}>",)


def illegible(resource: Resource) -> bool:
    """Rolling back cannot restore such a chain: it is left alone, and named by the reading that follows."""
    return isinstance(resource, Chain) and "".join(resource.rules[:1]).startswith("<differs: ")


class Line(NamedTuple):
    text: str
    step: Step


Place = tuple[str, ...]  # family, table, and what stands in it
Shapes = Mapping[Place, Shape]


def shape(wanted: Map) -> Shape:
    return Shape(named(wanted.type), named(wanted.data) if wanted.data else None, wanted.flags)


def transaction(steps: Sequence[Step], live: Shapes) -> list[Line]:
    """Raises KernelError for a step that holds anything unexpected; `live` are the maps that stand."""
    steps = [s for s in steps if s.op == "-" or not illegible(s.resource)]
    chains = [s for s in steps if isinstance(s.resource, Chain)]
    elements = [s for s in steps if isinstance(s.resource, Element)]
    others = [s for s in steps if not isinstance(s.resource, Element)]
    made = [line(s, head, "add") for s in others if s.op == "+"]
    new = (s.resource for s in others if s.op == "+")
    shapes = {**live, **{path(r): shape(r) for r in new if isinstance(r, Map)}}
    return [
        *(line(s, head, "flush") for s in chains if s.op != "+"),
        *grouped([s for s in elements if s.op != "+"], live, "delete"),
        *(line(s, head, "delete") for s in others if s.op == "-"),
        *made,
        *grouped([s for s in elements if s.op != "-"], shapes, "add"),
        *(line(s, rule, r) for s in chains if s.op != "-" for r in getattr(s.resource, "rules", ())),
    ]


def line(step: Step, write: Callable[..., str], *arguments: object) -> Line:
    try:
        return Line(write(step.resource, *arguments), step)
    except ValueError as error:
        words = f"not in normal form: {error}"
        raise KernelError(str(step), errno.EINVAL, words, step.resource.where) from None


def head(resource: Resource, verb: str) -> str:
    """A table, map or chain: made, emptied or removed."""
    body = stated(resource) if verb == "add" else ""
    return f"{verb} {noun(resource)} {place(*path(resource))}" + f" {{ {body} }}" * bool(body)


def stated(resource: Resource) -> str:
    """What stands in the braces."""
    match resource:
        case Table(root=root) if root:
            return f'comment "{encoded(root)}";'
        case Map():
            shape(resource)
            return resource.declaration
        case Chain(hook=hook) if hook:
            return checked(HOOK, hook)
    return ""


def noun(resource: Resource) -> str:
    return resource.word if isinstance(resource, Map) else resource.noun


def rule(chain: Chain, text: str) -> str:
    return f"add rule {place(*path(chain))} {checked(RULE, text)}"


def grouped(steps: Iterable[Step], shapes: Shapes, verb: str) -> Iterator[Line]:
    """One command for all elements of a map, one element a line."""
    maps: dict[Place, list[Step]] = {}
    for step in steps:
        maps.setdefault(path(step.resource), []).append(step)
    for where, group in maps.items():
        yield line(group[0], opening, verb)
        yield from (line(step, element, shapes.get(where), verb) for step in group)
        yield Line("}", group[-1])


def opening(resource: Element, verb: str) -> str:
    return f"{verb} element {place(*path(resource))} {{"


def element(resource: Element, form: Shape | None, verb: str) -> str:
    if not form:
        raise ValueError("no such map")
    text = form.key.text(resource.item, interval=form.interval)
    if verb == "delete":
        return f"{text},"
    if bool(resource.value) != bool(form.data):
        raise ValueError(resource.text)
    if comment := encoded(resource.project, resource.root):
        text += f' comment "{comment}"'
    return f"{text} : {form.data.text(resource.value)}," if form.data else f"{text},"


def place(family: str, table: str, *name: str) -> str:
    """As nft writes it; only ever in tables of ours."""
    if family not in ("inet", "bridge") or not (table == TABLE or table.startswith(TABLE_PREFIX)):
        raise ValueError(f"{family} {table}")
    return " ".join((family, *(checked(NAME, word) for word in (table, *name))))


def checked(pattern: re.Pattern[str] | str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(repr(text))
    return text

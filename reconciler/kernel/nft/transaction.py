"""From steps to the messages of one transaction.

Chains that change or go are emptied first, so that nothing uses what goes; rules come last, so that chains
may jump to one another.
"""

import errno
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from itertools import accumulate, count
from typing import Any, NamedTuple

from ...core.plan import Step
from ...core.resource import Key, Resource
from ...errors import KernelError
from ...kinds.nft import Chain, Code, Element, Map, Table, path
from ...kinds.ownership import TABLE, TABLE_PREFIX
from ..netlink.socket import ATTR, CREATE, EXCL, attr, text
from . import encode, hooks, verdicts
from .batch import BEFORE, BEHIND, BatchMessage
from .code import ANY_NAME, renumbered
from .raw import DORMANT, TABLE_FLAGS
from .text import NAME, Place, Shape, Shapes, checked, illegible
from .wire import (
    DELCHAIN,
    DELRULE,
    DELSET,
    DELSETELEM,
    DELTABLE,
    NEWCHAIN,
    NEWRULE,
    NEWSET,
    NEWSETELEM,
    NEWTABLE,
    NUMBERS,
)

APPEND = 0x800  # NLM_F_APPEND
OF_TABLE, OF_CHAIN, OF_SET = 1, 3, 2  # attributes that name where something stands; in a rule, 2 is its chain
TABLE_USERDATA, SET_ID = 6, 10  # NFTA_TABLE_USERDATA, NFTA_SET_ID
ELEMENTS, ELEMENTS_OF_ID = 3, 4  # NFTA_SET_ELEM_LIST_*
CHAIN, EXPRESSIONS, RULE_USERDATA = 2, 4, 7  # NFTA_RULE_*
LONGEST = 0xFFFF - 4  # bytes of an attribute, whose length is a 16-bit number
Codes = Mapping[Key, Code]


class FirewallSteps(NamedTuple):
    """By what is done with them; elements by their map."""

    others: list[Step]
    elements: dict[Place, list[Step]]

    @property
    def chains(self) -> list[Step]:
        return [s for s in self.others if isinstance(s.resource, Chain)]

    @property
    def maps(self) -> list[Step]:
        return [s for s in self.others if isinstance(s.resource, Map)]

    def by_map(self, operations: str) -> dict[Place, list[Step]]:
        """Elements, of these operations alone."""
        groups = ((place, [s for s in group if s.op in operations]) for place, group in self.elements.items())
        return {place: group for place, group in groups if group}


def sorted_out(steps: Sequence[Step]) -> FirewallSteps:
    """Without chains that nobody can write."""
    others: list[Step] = []
    elements: dict[Place, list[Step]] = defaultdict(list)
    for step in steps:
        r = step.resource
        if isinstance(r, Element):
            elements[r.family, r.table, r.map].append(step)
        elif step.op == "-" or not illegible(r):
            others.append(step)
    return FirewallSteps(others, elements)


def transaction(steps: FirewallSteps, live: Shapes, shapes: Shapes, codes: Codes) -> list[BatchMessage]:
    """`live` are the maps that stand, `shapes` those that will, `codes` what chains and maps came to.  Raises
    KernelError for a step that holds anything unexpected."""
    going, coming, ids = steps.by_map("~-"), steps.by_map("~+"), count(1)
    gone = {path(s.resource) for s in steps.others if s.op == "-"}
    leaving = (one for place in going for one in listed(going[place], live.get(place), DELSETELEM))
    arriving = (one for place in coming for one in listed(coming[place], shapes.get(place), NEWSETELEM))
    return [
        *(flushed(s) for s in steps.chains if s.op != "+"),
        *(emptied(s) for s in steps.maps if s.op == "-" and leads_on(s.resource)),
        *(in_turn(one, BEHIND, coming.keys()) for one in leaving),
        *(removed(s) for s in steps.others if s.op == "-"),
        *(made(s, codes, 0) for s in steps.others if s.op == "~" and isinstance(s.resource, Table)),
        *(in_turn(made(s, codes, next(ids)), BEFORE, gone) for s in steps.others if s.op == "+"),
        *(in_turn(one, BEFORE, gone | going.keys()) for one in arriving),
        *(one for s in steps.chains if s.op != "-" for one in rules(s, codes[s.resource.key], ids)),
    ]


def in_turn(one: BatchMessage, turn: int, others: Set[Place]) -> BatchMessage:
    """What is new may come before the rest, and what goes behind it, unless its table or map is among the
    `others`; a chain comes with all, and what leads there."""
    resource = one.steps[0].resource
    leads = isinstance(resource, Chain) or (isinstance(resource, Element) and resource.jumps)
    bound = leads or {path(resource)[:2], path(resource)} & others
    return one if bound else one._replace(turn=turn)


@contextmanager
def normal(step: Step) -> Iterator[None]:
    """Raises KernelError for a ValueError inside."""
    try:
        yield
    except ValueError as error:
        words = f"not in normal form: {error}"
        raise KernelError(str(step), errno.EINVAL, words, step.resource.where) from None


def message(step: Step, kind: int, flags: int, attributes: bytes) -> BatchMessage:
    return BatchMessage(kind, flags, NUMBERS[path(step.resource)[0]], attributes, (step,))


def placed(resource: Resource, noun: int = 0) -> bytes:
    """The names of a table of ours and, where `noun` is its attribute, of what stands in it."""
    family, table, *name = path(resource)
    if family not in ("inet", "bridge") or not (table == TABLE or table.startswith(TABLE_PREFIX)):
        raise ValueError(f"{family} {table}")
    names = [checked(NAME, word) for word in (table, *name)]
    return text(OF_TABLE, names[0]) + (text(noun, names[1]) if noun else b"")


def flushed(step: Step) -> BatchMessage:
    with normal(step):
        return message(step, DELRULE, 0, placed(step.resource, CHAIN))


def leads_on(resource: Resource) -> bool:
    return isinstance(resource, Map) and resource.data == verdicts.NAME


def emptied(step: Step) -> BatchMessage:
    """A map that goes lets go of the chains that it leads to before these go: their order tells nothing."""
    with normal(step):
        return message(step, DELSETELEM, 0, placed(step.resource, OF_SET))


def removed(step: Step) -> BatchMessage:
    with normal(step):
        match step.resource:
            case Map():
                return message(step, DELSET, 0, placed(step.resource, OF_SET))
            case Chain():
                return message(step, DELCHAIN, 0, placed(step.resource, OF_CHAIN))
        return message(step, DELTABLE, 0, placed(step.resource))


def made(step: Step, codes: Codes, number: int) -> BatchMessage:
    """A table, map or chain; `number` names a map in the transaction."""
    with normal(step):
        match step.resource:
            case Map(key=key) as wanted:
                [(_, declaration, _)] = codes[key].sets
                body = placed(wanted, OF_SET) + attr(SET_ID, number.to_bytes(4, "big")) + declaration
                return message(step, NEWSET, CREATE, body)
            case Chain(hook=hook) as wanted:
                return message(step, NEWCHAIN, CREATE, placed(wanted, OF_CHAIN) + hooks.packed(hook))
            case Table(root=root) as wanted:
                told = encode.userdata(root)
                body = placed(wanted) + (attr(TABLE_USERDATA, told) if told else b"")
                if wanted.dormant or step.op == "~":
                    body += attr(TABLE_FLAGS, (DORMANT * wanted.dormant).to_bytes(4, "big"))
                return message(step, NEWTABLE, CREATE, body)
    raise AssertionError(step)


def listed(group: Sequence[Step], form: Shape | None, kind: int) -> Iterator[BatchMessage]:
    """As many elements of one map as a message takes; `kind` is NEWSETELEM or DELSETELEM.

    Without EXCL the kernel takes one end of a plain interval for that of another that is there (rbtree).
    """
    new = kind == NEWSETELEM
    with normal(group[0]):
        if form is None:
            raise ValueError("no such map")
        where = placed(group[0].resource, OF_SET)
    flags = CREATE | EXCL * form.is_plain_interval if new else 0
    parts = packed(group, form, encode.elements if new else encode.keys)
    for start, stop in chunks(parts):
        body = where + attr(ELEMENTS, b"".join(parts[start:stop]))
        starts = list(accumulate(map(len, parts[start : stop - 1]), initial=len(where) + ATTR.size))
        yield message(group[start], kind, flags, body)._replace(steps=group[start:stop], starts=starts)


def packed(group: Sequence[Step], form: Shape, write: Callable[[Any, Shape], list[bytes]]) -> list[bytes]:
    """All at once; where that fails, one after another, so that it is told which."""
    with suppress(ValueError):
        return write([step.resource for step in group], form)
    for step in group:
        with normal(step):
            write([step.resource], form)
    raise AssertionError(form)


def chunks(parts: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """From where to where they are as long as one attribute may be."""
    ends = list(accumulate(map(len, parts)))
    start = 0
    while start < len(parts):
        before = ends[start - 1] if start else 0
        stop = bisect_right(ends, before + LONGEST)
        yield start, stop
        start = stop


def rules(step: Step, code: Code, ids: Iterator[int]) -> Iterator[BatchMessage]:
    """A chain's, behind the anonymous sets that they ask."""
    chain = step.resource
    table = text(OF_TABLE, path(chain)[1])
    numbers = {name: next(ids) for name, _, _ in code.sets}
    for name, declaration, lists in code.sets:
        number = numbers[name].to_bytes(4, "big")
        head = table + attr(OF_SET, ANY_NAME)
        yield message(step, NEWSET, CREATE, head + attr(SET_ID, number) + declaration)
        for listed in lists:
            body = head + attr(ELEMENTS, listed) + attr(ELEMENTS_OF_ID, number)
            yield message(step, NEWSETELEM, CREATE, body)
    where = placed(chain, CHAIN)
    for expressions, comment in code.rules:
        body = where + attr(EXPRESSIONS, renumbered(expressions, numbers))
        told = attr(RULE_USERDATA, comment) if comment else b""
        yield message(step, NEWRULE, CREATE | APPEND, body + told)

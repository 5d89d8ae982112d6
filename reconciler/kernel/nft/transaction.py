"""From steps to the messages of one transaction.

Chains that change or go are emptied first, so that nothing uses what goes; rules come last, so that chains
may jump to one another.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, count

from ...core.plan import Step
from ...core.resource import Key, Resource
from ...errors import KernelError
from ...kinds.nft import Chain, Code, Element, Map, Table, path
from ...kinds.ownership import TABLE, TABLE_PREFIX
from ..netlink.socket import ATTR, CREATE, EXCL, attr, text
from . import encode, hooks
from .batch import BatchMessage
from .code import ANY_NAME, made_again
from .text import NAME, Place, Shape, Shapes, checked
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
)  # fmt: skip

APPEND = 0x800  # NLM_F_APPEND
OF_TABLE, OF_CHAIN, OF_SET = 1, 3, 2  # attributes that name where something stands; in a rule, 2 is its chain
TABLE_USERDATA, SET_ID, ELEMENTS, ELEMENTS_OF_ID = (
    6,
    10,
    3,
    4,
)  # NFTA_TABLE_*, NFTA_SET_*, NFTA_SET_ELEM_LIST_*
CHAIN, EXPRESSIONS, RULE_USERDATA = 2, 4, 7  # NFTA_RULE_*
LONGEST = 0xFFFF - 4  # bytes of an attribute, whose length is a 16-bit number
Codes = Mapping[Key, Code]


def transaction(steps: Sequence[Step], shapes: Shapes, codes: Codes) -> list[BatchMessage]:
    """`shapes` are the maps that stand or come, `codes` what chains and maps came to.  Raises KernelError
    for a step that holds anything unexpected."""
    chains = [s for s in steps if isinstance(s.resource, Chain)]
    elements = [s for s in steps if isinstance(s.resource, Element)]
    others = [s for s in steps if not isinstance(s.resource, Element)]
    left = {path(s.resource) for s in steps if s.op != "+"}
    ids = count(1)
    return [
        *(flushed(s) for s in chains if s.op != "+"),
        *grouped([s for s in elements if s.op != "+"], shapes, DELSETELEM),
        *(removed(s) for s in others if s.op == "-"),
        *(early(made(s, codes, next(ids)), left) for s in others if s.op == "+"),
        *(early(one, left) for one in grouped([s for s in elements if s.op != "-"], shapes, NEWSETELEM)),
        *(one for s in chains if s.op != "-" for one in rules(s, codes[s.resource.key], ids)),
    ]


def early(one: BatchMessage, left: set[Place]) -> BatchMessage:
    """What is new may come before the rest, unless something goes from where it stands or it is a chain."""
    resource = one.about[0][1].resource
    free = not isinstance(resource, Chain) and not left & {path(resource)[:2], path(resource)}
    return one._replace(early=free)


@contextmanager
def normal(step: Step) -> Iterator[None]:
    """Raises KernelError for a ValueError inside."""
    try:
        yield
    except ValueError as error:
        words = f"not in normal form: {error}"
        raise KernelError(str(step), errno.EINVAL, words, step.resource.where) from None


def message(step: Step, kind: int, flags: int, attributes: bytes) -> BatchMessage:
    return BatchMessage(kind, flags, NUMBERS[path(step.resource)[0]], attributes, ((0, step),))


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
                return message(step, NEWTABLE, CREATE, body)
    raise AssertionError(step)


def grouped(steps: Iterable[Step], shapes: Shapes, kind: int) -> Iterator[BatchMessage]:
    """The elements by map; `kind` is NEWSETELEM or DELSETELEM."""
    maps: dict[Place, list[Step]] = {}
    for step in steps:
        maps.setdefault(path(step.resource), []).append(step)
    for where, group in maps.items():
        with normal(group[0]):
            if not (form := shapes.get(where)):
                raise ValueError("no such map")
            yield from filled(group, form, kind)


def filled(group: Sequence[Step], form: Shape, kind: int) -> Iterator[BatchMessage]:
    """As many elements of one map as a message takes.

    Without EXCL the kernel takes one end of a plain interval for that of another that is there (rbtree).
    """
    new = kind == NEWSETELEM
    flags = CREATE | EXCL * form.is_plain_interval if new else 0
    write = encode.element if new else encode.key
    where = placed(group[0].resource, OF_SET)
    for chunk in chunks([(written(step, write, form), step) for step in group]):
        parts, steps = zip(*chunk, strict=True)
        starts = accumulate(map(len, parts), initial=len(where) + ATTR.size)
        body = where + attr(ELEMENTS, b"".join(parts))
        yield message(steps[0], kind, flags, body)._replace(about=tuple(zip(starts, steps, strict=False)))


def written(step: Step, write: Callable[[Element, Shape], bytes], form: Shape) -> bytes:
    assert isinstance(step.resource, Element)
    with normal(step):
        return write(step.resource, form)


def chunks(parts: Sequence[tuple[bytes, Step]]) -> Iterator[Sequence[tuple[bytes, Step]]]:
    """As long as one attribute may be."""
    start, size = 0, 0
    for at, (part, _) in enumerate(parts):
        if size + len(part) > LONGEST:
            yield parts[start:at]
            start, size = at, 0
        size += len(part)
    yield parts[start:]


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
    for expressions, comment in code.rules:
        body = placed(chain, CHAIN) + attr(EXPRESSIONS, made_again(expressions, numbers))
        told = attr(RULE_USERDATA, comment) if comment else b""
        yield message(step, NEWRULE, CREATE | APPEND, body + told)

"""Rules by digest.  Text cannot be compared with the kernel's byte code, so it is loaded where it harms
nobody, in an empty network namespace, and its byte code is compared.

The digests are cached; the key is the text itself, the kernel and the library, never the project, so that one
skeleton serves them all.  Deleting the cache costs some milliseconds.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from ... import disk
from ...core.plan import Step, ordered
from ...core.resource import Resource
from ...errors import KernelError
from ...kinds.nft import Chain, Map, Table
from ...kinds.ownership import TABLE_PREFIX
from .. import netns
from ..lock import RUN
from ..netlink.netfilter import word
from ..netlink.socket import attributes, items
from . import library, raw
from .text import illegible, shape, transaction
from .wire import snapshot

NAME = "skeleton"  # every project is renamed to this: rules name sets and chains, never their table
Digests = Mapping[str, str]  # by chain


def digests(table: raw.RawTable) -> Digests:
    """What a table's chains do, less what changes on its own: counters, and the names of anonymous sets."""
    contents = {one.name: content(one) for one in table.sets if one.flags & raw.ANONYMOUS}
    return {
        chain.name: digest(repr([(stable(rule.expressions, contents), rule.comment) for rule in chain.rules]))
        for chain in table.chains
        if chain.rules
    }


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content(one: raw.RawSet) -> bytes:
    """The kernel numbers anonymous sets as they come, and orders hash tables at random."""
    elements = sorted(element for message in one.elements for _, element in items(message))
    return digest(repr((one.flags, one.key, one.data, elements))).encode()


def stable(expressions: bytes, contents: Mapping[str, bytes]) -> object:
    if b"counter\0" not in expressions and b"\0__" not in expressions:
        return expressions
    return [(name, None if name == "counter" else named(data, contents)) for name, data in parts(expressions)]


def parts(expressions: bytes) -> Iterable[tuple[str, bytes]]:
    """Name and data of each expression of a rule."""
    for _, expression in items(expressions):
        found = attributes(expression)
        yield word(found[1]), found.get(2, b"")


def named(data: bytes, contents: Mapping[str, bytes]) -> list[tuple[int, bytes]]:
    return [(kind, contents.get(word(value), value)) for kind, value in items(data)]


def canonical(skeleton: Iterable[Resource]) -> Digests:
    """The digests of chains as they are written; `skeleton` is one table with its maps and chains."""
    steps = [Step("+", renamed(resource)) for resource in ordered(skeleton) if writable(resource)]
    content = "\n".join(line.text for line in transaction(steps, {}))
    path = f"{RUN}/rules-{digest(content + os.uname().release + library.version())}.json"
    if (known := cached(path)) is None and (known := loaded(content)):
        with suppress(OSError):
            store(path, known)
    return known or {}


def writable(resource: Resource) -> bool:
    """A past that is to return may hold maps that somebody else made."""
    with suppress(ValueError):
        return not isinstance(resource, Map) or bool(shape(resource))
    return False


def renamed(resource: Resource) -> Resource:
    name = TABLE_PREFIX + NAME
    match resource:
        case Table():
            return replace(resource, name=name, root="")
        case Chain(rules=rules) if not rules or illegible(resource):
            return replace(resource, table=name, hook="", rules=())  # others may jump to it
        case Map() | Chain():
            return replace(resource, table=name)
    raise ValueError(resource.key)


def loaded(content: str) -> Digests | None:
    """None where the library refuses: what cannot be loaded stands nowhere."""

    def scratch() -> tuple[bool, str]:
        netns.make()
        accepted, words = library.run(content)
        if not accepted:
            return False, words
        [table] = snapshot(lambda reading: raw.tables(reading, raw.Selection(raw.ours(frozenset({NAME})))))
        return True, json.dumps(digests(table))

    answer = library.in_child(scratch)
    if answer.died:
        raise KernelError("load rules in a scratch namespace", 0, answer.complaint)
    return json.loads(answer.words) if answer.accepted else None


def cached(path: str) -> Digests | None:
    with suppress(OSError, ValueError):
        known = disk.parsed(disk.read(path))
        if isinstance(known, dict) and all(isinstance(value, str) for value in known.values()):
            return known
    return None


def store(path: str, known: Digests) -> None:
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    disk.write(path, json.dumps(known).encode())

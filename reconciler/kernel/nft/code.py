"""What chains do, as the kernel's byte code: taken out of a dump, compared, made again elsewhere."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from ...kinds.nft import Code
from ..netlink.netfilter import word
from ..netlink.socket import attr, attributes, items, nest, text
from . import raw

LIST_ELEM, NAME, DATA = 1, 1, 2  # NFTA_LIST_ELEM, NFTA_EXPR_*
SETS = {"lookup": (1, 4), "dynset": (1, 2), "objref": (4, 5)}  # attributes: the set's name, and its id
LOADED = 2  # NFTA_IMMEDIATE_DATA, and NFTA_SET_ELEM_DATA alike
VERDICT, VERDICT_CHAIN = 2, 2  # NFTA_DATA_VERDICT, NFTA_VERDICT_CHAIN
ANY_NAME = b"__set%d\0"  # the kernel puts a number there
# Where it is 0 the kernel tells it and does not take it (nft_dynset_dump, nft_exthdr_dump_common).
ONLY_TOLD = {"dynset": 6, "exthdr": 5}  # NFTA_DYNSET_TIMEOUT, NFTA_EXTHDR_FLAGS
NOTHING_COUNTED = attr(1, bytes(8)) + attr(2, bytes(8))  # NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS
Sets = Mapping[str, raw.RawSet]


def anonymous(table: raw.RawTable) -> Sets:
    return {one.name: one for one in table.sets if one.flags & raw.ANONYMOUS}


def code(rules: Iterable[raw.RawRule], unnamed: Sets) -> Code:
    """What these rules do; `unnamed` are the anonymous sets of their table."""
    rules = tuple(rules)
    found = [part for rule in rules for part in parts(rule.expressions)]
    asked = {word(attributes(data)[SETS[name][0]]) for name, data in found if asks(name, data)}
    sets = [unnamed[name] for name in sorted(asked & unnamed.keys())]
    elements = [element for one in sets for message in one.elements for _, element in items(message)]
    loaded = [*elements, *(data for name, data in found if name == "immediate")]
    return Code(
        tuple((fit_to_send(rule.expressions), rule.comment) for rule in rules),
        tuple((one.name, one.declaration, tuple(one.elements)) for one in sets),
        frozenset(asked - unnamed.keys()),
        frozenset(filter(None, map(target, loaded))),
    )


def parts(expressions: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and data of each expression of a rule."""
    for _, expression in items(expressions):
        found = attributes(expression)
        yield word(found[NAME]), found.get(DATA, b"")


def asks(name: str, data: bytes) -> bool:
    """Whether an expression names a set."""
    return name in SETS and SETS[name][0] in attributes(data)


def target(data: bytes) -> str:
    """The chain of a verdict that is loaded; "" where it is none or leads nowhere."""
    verdict = attributes(attributes(data).get(LOADED, b"")).get(VERDICT, b"")
    return word(attributes(verdict).get(VERDICT_CHAIN, b""))


def fit_to_send(expressions: bytes) -> bytes:
    """As the kernel takes them again, counting from nothing."""
    if not any(b"%s\0" % name.encode() in expressions for name in ("counter", *ONLY_TOLD)):
        return expressions
    return rebuilt(expressions, lambda name, data: NOTHING_COUNTED if name == "counter" else data)


def renumbered(expressions: bytes, ids: Mapping[str, int]) -> bytes:
    """Anonymous sets are named by these ids of a transaction."""
    if b"\0__" not in expressions:
        return expressions

    def changed(name: str, data: bytes) -> bytes:
        by_name, by_id = SETS.get(name, (0, 0))
        asked = word(attributes(data).get(by_name, b""))
        if asked not in ids:
            return data
        rest = (attr(kind, value) for kind, value in items(data) if kind != by_name)
        return b"".join([attr(by_name, ANY_NAME), attr(by_id, ids[asked].to_bytes(4, "big")), *rest])

    return rebuilt(expressions, changed)


def rebuilt(expressions: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Less what is only told."""
    found: list[bytes] = []
    for name, data in parts(expressions):
        if name in ONLY_TOLD:
            told = ((kind, value) for kind, value in items(data) if kind != ONLY_TOLD[name] or any(value))
            data = b"".join(attr(kind, value) for kind, value in told)
        found.append(nest(LIST_ELEM, text(NAME, name), nest(DATA, change(name, data))))
    return b"".join(found)


def digests(table: raw.RawTable) -> dict[str, str]:
    """What each chain with rules does, less what changes by itself: counters, and the numbers of sets."""
    contents = {name: content(one) for name, one in anonymous(table).items()}
    return {
        chain.name: digest(repr([(stable(rule.expressions, contents), rule.comment) for rule in chain.rules]))
        for chain in table.chains
        if chain.rules
    }


def digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def content(one: raw.RawSet) -> bytes:
    """The kernel numbers anonymous sets as they come, and orders hash tables at random."""
    elements = sorted(element for message in one.elements for _, element in items(message))
    return digest(repr((one.flags, one.key, one.data, elements))).encode()


def stable(expressions: bytes, contents: Mapping[str, bytes]) -> object:
    if b"counter\0" not in expressions and b"\0__" not in expressions:
        return expressions
    return [(name, None if name == "counter" else named(data, contents)) for name, data in parts(expressions)]


def named(data: bytes, contents: Mapping[str, bytes]) -> list[tuple[int, bytes]]:
    return [(kind, contents.get(word(value), value)) for kind, value in items(data)]

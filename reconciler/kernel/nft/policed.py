"""What policies say from now on, where a transaction changes that: for connections that stand."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from itertools import chain
from typing import TypeVar

from ...kinds.maps import ALLOWING, BOUND, INSIDE, NO_METADATA, OPENED, RESOLVERS
from ...kinds.named import NAMES_OF
from ...kinds.nft import Element, path
from ...kinds.ownership import TABLE
from ..netlink.leaving import Subnets, prefixes
from ..netlink.policed import Bounds, Policed, by_direction, by_own_address
from .datatypes import named
from .named import by_source
from .text import Place
from .transaction import FirewallSteps

T = TypeVar("T")

FAMILIES = {"4": "ipv4_addr", "6": "ipv6_addr"}
# By how many there are: what is bound, what is allowed with the host or the outside, and with an address.
PARTS = {1: "{0}", 3: "{0} . inet_proto . inet_service", 4: "{0} . {0} . inet_proto . inet_service"}
POLICED = (*BOUND, *ALLOWING, OPENED, NAMES_OF)
TELLING = {("inet", TABLE, f"{name}{number}") for name in POLICED for number in FAMILIES}
TELLING |= {("inet", TABLE, NO_METADATA)}
BESIDE = {("inet", TABLE, f"{name}{number}") for name in INSIDE for number in FAMILIES}
BESIDE |= {("inet", TABLE, RESOLVERS)}


def asked(work: FirewallSteps, renewed: Set[Place]) -> set[Place]:
    """The maps that tell what policies say, where some of them change or are asked anew."""
    return TELLING | BESIDE if TELLING & {*work.elements, *renewed} else set()


def judge(work: FirewallSteps, live: Sequence[Element]) -> Policed:
    """`live` is what stood in these maps."""
    places = TELLING | BESIDE
    stands = {e.key: e for e in live if path(e) in places}
    for step in chain.from_iterable(group for place, group in work.elements.items() if place in places):
        if isinstance(r := step.resource, Element) and step.op != "-":
            stands[r.key] = r
        else:
            stands.pop(step.resource.key, None)
    found: dict[str, list[Element]] = defaultdict(list)
    for e in stands.values():
        found[e.map.rstrip("46")].append(e)
    inside = [e for name in INSIDE for e, _ in read(found[name], nets)]
    mute = silenced(work)
    return Policed(
        bound=by_direction((name, parts[0][0]) for name in BOUND for _, parts in read(found[name], bounds)),
        allowed=by_own_address((name, parts) for name in ALLOWING for _, parts in read(found[name], bounds)),
        inside=Subnets({e.item: "" for e in inside}),
        resolvers=frozenset(port for _, port in read(found[RESOLVERS], lambda e: int(e.item))),
        silenced=Subnets({e.item: "" for e in inside if e.project in mute}),
        closing=[parts for _, parts in read(closing(work, live), bounds)],
        opened=[parts for _, parts in read(found[OPENED], bounds)],
        by_name=by_source(work, (e for e, _ in read(found[NAMES_OF], bounds))),
    )


def read(elements: Iterable[Element], how: Callable[[Element], T]) -> Iterator[tuple[Element, T]]:
    """Without those that nobody reads: what is not ours in our maps is on its way out."""
    for e in elements:
        with suppress(ValueError, KeyError):
            yield e, how(e)


def nets(e: Element) -> object:
    return [*prefixes(e.item)]


def closing(work: FirewallSteps, live: Sequence[Element]) -> Iterator[Element]:
    """What opens no way any more."""
    gone = {step.resource.key for step in chain.from_iterable(work.elements.values()) if step.op == "-"}
    yield from (e for e in live if e.map.rstrip("46") == OPENED and e.key in gone)


def silenced(work: FirewallSteps) -> set[str]:
    """The projects of which a network may ask for metadata no more: which of theirs, no connection tells."""
    steps = work.elements.get(("inet", TABLE, NO_METADATA), ())
    return {getattr(step.resource, "project", "") for step in steps if step.op != "-"}


def bounds(e: Element) -> Bounds:
    """Of each part, the first and the last that it may be."""
    words = e.item.split(" . ")
    kinds = named(PARTS[len(words)].format(FAMILIES[e.map[-1]])).parts
    return tuple(kind.bounds(word) for kind, word in zip(kinds, words, strict=True))

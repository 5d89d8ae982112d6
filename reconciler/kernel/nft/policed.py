"""What policies say from now on, where a transaction changes that: for connections that stand."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import chain

from ...kinds.maps import ALLOWING, BOUND, INSIDE, NO_METADATA, RESOLVERS
from ...kinds.named import NAMES_OF
from ...kinds.nft import Element, path
from ...kinds.ownership import TABLE
from ..netlink.leaving import Subnets
from ..netlink.policed import Bounds, Policed, policed
from .datatypes import named
from .named import by_source
from .text import Place
from .transaction import FirewallSteps

FAMILIES = {"4": "ipv4_addr", "6": "ipv6_addr"}
# By how many there are: what is bound, what is allowed with the host or the outside, and with an address.
PARTS = {1: "{0}", 3: "{0} . inet_proto . inet_service", 4: "{0} . {0} . inet_proto . inet_service"}
POLICED = (*BOUND, *ALLOWING, NAMES_OF)
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
    judging = policed(
        bound=((name, bounds(e)[0][0]) for name in BOUND for e in found[name]),
        allowed=((name, bounds(e)) for name in ALLOWING for e in found[name]),
        inside=Subnets({e.item: "" for name in INSIDE for e in found[name]}),
        resolvers=(int(e.item) for e in found[RESOLVERS]),
        silenced=Subnets({e.item: "" for name in INSIDE for e in found[name] if e.project in silenced(work)}),
    )
    return replace(judging, by_name=by_source(work, found[NAMES_OF]))


def silenced(work: FirewallSteps) -> set[str]:
    """The projects of which a network may ask for metadata no more: which of theirs, no connection tells."""
    steps = work.elements.get(("inet", TABLE, NO_METADATA), ())
    return {getattr(step.resource, "project", "") for step in steps if step.op != "-"}


def bounds(e: Element) -> Bounds:
    """Of each part, the first and the last that it may be."""
    words = e.item.split(" . ")
    kinds = named(PARTS[len(words)].format(FAMILIES[e.map[-1]])).parts
    return tuple(kind.bounds(word) for kind, word in zip(kinds, words, strict=True))

"""Tables, chains, maps and elements: read as one ruleset, written as one transaction (kernel/nft)."""

from collections.abc import Iterable, Set
from errno import ENOENT

from ...kinds.nft import Chain, Element, InTable, Map, Table, path
from ...kinds.ownership import HOST
from .. import nft
from .table import Held, Key, Kind, Live, Readings, Resource, register


def asked(readings: Readings, places: Set[str]) -> Iterable[Resource]:
    """All of it; read again only when it has changed, or something is asked about that was not before."""
    if HOST not in places:
        return ()
    wanted = frozenset(r for kind in (Table, Map, Chain) for r in readings.wanted(kind))
    known = readings.ruleset
    if known is None or not (wanted <= known.compared if readings.sure else known.tells(wanted)):
        known = nft.read_ruleset([*(known.compared if known else ()), *wanted])
    readings.ruleset, readings.sure = (known := known.lasting()), True
    return known.resources(readings.about)


def missing(r: InTable, held: Held) -> int:
    return 0 if r.within[0] in held else ENOENT


def cascade(old: Table | Map, live: Live) -> None:
    """All that stands in it."""
    place = path(old)
    for r in [r for r in live.values() if isinstance(r, InTable)]:
        if path(r)[: len(place)] == place:
            del live[r.key]


def needs(r: Chain | Element) -> list[Key]:
    """The maps that a chain looks up, and the chains that it or an element jumps to."""
    if isinstance(r, Chain):
        return [*r.refers, *r.jumps]
    return [*r.jumps]


register(Kind(of=Table, asked=asked, cascade=cascade))
register(Kind(of=Map, missing=missing, cascade=cascade))
register(Kind(of=Chain, missing=missing, needs=needs))
register(Kind(of=Element, missing=missing, needs=needs))

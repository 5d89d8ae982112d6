"""Tables, chains, maps and elements: read as one ruleset, written as one transaction (kernel/nft)."""

import re
from collections.abc import Iterable, Set
from errno import ENOENT

from ...kinds.nft import Chain, Element, Map, Table
from ...kinds.ownership import HOST
from .. import nft
from .table import Held, Key, Kind, Live, Readings, Resource, register

JUMP = r"\b(?:jump|goto) ([\w-]+)"


def asked(readings: Readings, places: Set[str]) -> Iterable[Resource]:
    """All of it; read again only when something is asked about that was not asked about before."""
    if HOST not in places:
        return ()
    named: list[Table | Map | Chain] = [
        *readings.wanted(Table),
        *readings.wanted(Map),
        *readings.wanted(Chain),
    ]
    wanted = frozenset(named)
    if readings.ruleset is None or not wanted <= readings.ruleset[0]:
        readings.ruleset = wanted, nft.read(None, wanted)
    return readings.ruleset[1]


def missing_table(r: Map | Chain, held: Held) -> int:
    return 0 if Table.at(r.family, r.table) in held else ENOENT


def missing_map(r: Element, held: Held) -> int:
    return 0 if Map.at(r.family, r.table, r.map) in held else ENOENT


def cascade_table(old: Table, live: Live) -> None:
    inside = [r for r in live.values() if isinstance(r, Map | Chain | Element)]
    for r in inside:
        if (r.family, r.table) == (old.family, old.name):
            del live[r.key]


def cascade_map(old: Map, live: Live) -> None:
    inside = [r for r in live.values() if isinstance(r, Element)]
    for r in inside:
        if (r.family, r.table, r.map) == (old.family, old.table, old.name):
            del live[r.key]


def needs(r: Chain | Element) -> list[Key]:
    """The maps that a chain looks up, and the chains that it or an element jumps to."""
    maps, texts = ((), (r.value,)) if isinstance(r, Element) else (r.refers, r.rules)
    jumps = (name for text in texts for name in re.findall(JUMP, text))
    return [*maps, *(Chain.at(r.family, r.table, name) for name in jumps)]


register(Kind(of=Table, asked=asked, cascade=cascade_table))
register(Kind(of=Map, missing=missing_table, cascade=cascade_map))
register(Kind(of=Chain, missing=missing_table, needs=needs))
register(Kind(of=Element, missing=missing_map, needs=needs))

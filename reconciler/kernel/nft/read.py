"""From the kernel's bytes to resources in normal form.

Map types are numbers in the kernel and rules its own byte code, so what is `named` (desired tables, maps,
chains) is compared in the kernel's terms, and what is equal there reads back in the words it was named by.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import replace

from ...core.resource import Key, Resource
from ...kinds.comment import decoded, encoded
from ...kinds.nft import Chain, Element, Map, Table, path
from ...kinds.published import PUBLISH
from ..netlink.socket import attributes
from . import hooks, raw, stateful, verdicts
from .code import anonymous, code, digests
from .compiler import Compiled, compiled
from .datatypes import Type, numbered
from .elements import listed
from .kept import KeptRuleset, is_over, ruleset
from .text import Place, Shape, Unit, is_opaque, of_chain, opaque, shape
from .wire import RulesetReading, snapshot

Named = Mapping[Key, Resource]


def read(named: Iterable[Resource] = ()) -> list[Resource]:
    """Everything of ours, of one generation of the ruleset, or an error.

    `named` holds the desired tables, maps and chains.  A chain that does what its namesake there says has its
    rules; any other has a digest for its rules, which equals nothing.
    """
    return [*read_ruleset(named).resources()]


def read_ruleset(named: Iterable[Resource]) -> KeptRuleset:
    wanted = {r.key: r for r in named if isinstance(r, Table | Map | Chain)}
    generation, found = snapshot(whole)
    every = (resource for table in found for resource in resources(table, wanted))
    return ruleset(generation, frozenset(wanted.values()), every)


def whole(reading: RulesetReading) -> tuple[int, list[raw.RawTable]]:
    return reading.generation or 0, raw.tables(reading, raw.Selection(raw.is_ours))


def resources(table: raw.RawTable, named: Named) -> Iterator[Resource]:
    yield head(table, named)
    for one in table.sets:
        if not one.flags & raw.ANONYMOUS:
            yield from contents(table, one, named)
    yield from chains(table, named)


def head(table: raw.RawTable, named: Named) -> Table:
    wanted = named.get(Table.at(table.family, table.name))
    if isinstance(wanted, Table) and encoded(wanted.root) == table.comment:
        return replace(wanted, dormant=table.dormant, origin=None)
    root = " ".join(decoded(table.comment))
    return Table(family=table.family, name=table.name, root=root, dormant=table.dormant)


def contents(table: raw.RawTable, one: raw.RawSet, named: Named) -> Iterator[Map | Element]:
    """A map and its elements; of a type that is none of ours, the map alone, since it goes as a whole."""
    form = formed(one)
    if form is None:
        data = f"type {one.data[0]}" if one.flags & raw.MAP else ""
        yield Map(family=table.family, table=table.name, name=one.name, type=f"type {one.key[0]}", data=data)
        return
    wanted = named.get(Map.at(table.family, table.name, one.name))
    if isinstance(wanted, Map) and shape(wanted) == form:
        yield replace(wanted, origin=None)
    else:
        yield Map(
            family=table.family,
            table=table.name,
            name=one.name,
            type=form.key.name,
            data=form.data.name if form.data else "",
            flags=form.flags,
            template=form.template,
        )
    for item, value, (project, root), (limit, until) in listed(form, one.elements):
        if is_over(until):
            continue
        yield Element(
            family=table.family,
            table=table.name,
            map=one.name,
            item=item,
            value=value,
            project=project,
            root=root,
            limit=limit,
            until=until,
        )


def formed(one: raw.RawSet) -> Shape | None:
    key = numbered(*one.key)
    data = datum(*one.data) if one.flags & raw.MAP else None
    if key is None or (data is None and one.flags & raw.MAP):
        return None
    flags = ", ".join(word for bit, word in raw.FLAGS.items() if one.flags & bit)
    template = attributes(one.declaration).get(raw.EXPRESSION)
    return Shape(key, data, flags, stateful.said(template) if template else "")


def datum(number: int, size: int) -> Type | None:
    """What a map leads to."""
    return verdicts.TYPE if number == verdicts.NUMBER else numbered(number, size)


def chains(table: raw.RawTable, named: Named) -> Iterator[Chain]:
    held, unnamed = digests(table), anonymous(table)
    known = wanted_digests(table, named)
    for one in table.chains:
        hook = hooks.said(one.hook)
        found = Chain(family=table.family, table=table.name, name=one.name, hook=hook)
        wanted = named.get(found.key)
        if one.name not in held:
            yield found
        elif isinstance(wanted, Chain) and held[one.name] == known.get(wanted.key):
            yield replace(found, rules=wanted.rules)
        else:
            yield replace(found, rules=opaque(held[one.name]), code=code(one.rules, unnamed))


def wanted_digests(table: raw.RawTable, named: Named) -> dict[Key, str]:
    """What the chains that are named in this table would come to.  A past that is to return may hold chains
    and maps that somebody else made, of which nothing is known."""
    here = [r for r in named.values() if isinstance(r, Map | Chain)]
    here = [r for r in here if (r.family, r.table) == (table.family, table.name)]
    forms = {one.name: form for one in table.sets if (form := formed(one))}
    for r in here:
        with suppress(ValueError):
            forms |= {r.name: shape(r)} if isinstance(r, Map) else {}
    units: dict[Key, Unit] = {}
    for r in here:
        with suppress(KeyError, ValueError):
            if isinstance(r, Chain) and r.rules and not is_opaque(r):
                units[r.key] = of_chain(r, forms)
    found = compiled(units.values())
    outcomes = ((key, found[unit.key]) for key, unit in units.items())
    return {key: one.digest for key, one in outcomes if isinstance(one, Compiled)}


def shapes(reading: RulesetReading, tables: Set[Place]) -> dict[Place, Shape]:
    """What stands of the maps of these tables."""
    parts = raw.Selection({name for _, name in tables}.__contains__, chains=False, elements=False)
    found = raw.tables(reading, parts) if tables else []
    pairs = (((t.family, t.name, one.name), formed(one)) for t in found for one in t.sets)
    return {place: form for place, form in pairs if form and place[:2] in tables}


def elements(reading: RulesetReading, places: Set[Place]) -> list[Element]:
    """What stands in these maps, and in the maps of published ports of these tables."""
    tables = {place[1] for place in places}
    maps = {place[2] for place in places if len(place) > 2}
    parts = raw.Selection(tables.__contains__, lambda name: name in maps or publishing(name), chains=False)
    found = raw.tables(reading, parts) if places else []
    every = (r for table in found for one in table.sets for r in contents(table, one, {}))
    return [r for r in every if isinstance(r, Element) and {path(r), path(r)[:2]} & places]


def publishing(name: str) -> bool:
    return name.startswith(PUBLISH)

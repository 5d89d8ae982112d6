"""From the kernel's bytes to resources in normal form.

Map types are numbers in the kernel and rules its own byte code, so what is `named` (desired tables, maps,
chains) is compared in the kernel's terms, and what is equal there reads back in the words it was named by.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ...core.resource import Key, Resource
from ...kinds.comment import decoded, encoded
from ...kinds.nft import PUBLISH, Chain, Element, Flow, Map, Table, path
from . import raw
from .canonical import Digests, canonical, digests
from .datatypes import numbered
from .elements import listed
from .text import Place, Shape, opaque, shape
from .wire import snapshot

HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")  # NF_INET_*, and NF_BR_* alike
POLICIES = ("drop", "accept")
Named = Mapping[Key, Resource]


def read(projects: frozenset[str] | None = None, named: Iterable[Resource] = ()) -> list[Resource]:
    """Everything of these projects (of all for None), of one generation of the ruleset, or an error.

    `named` holds the desired tables, maps and chains.  A chain that does what its namesake there says has its
    rules; any other has a digest for its rules, which equals nothing.
    """
    wanted = {r.key: r for r in named if isinstance(r, Table | Map | Chain)}
    found = snapshot(lambda reading: raw.tables(reading, raw.Selection(raw.ours(projects))))
    return [resource for table in found for resource in resources(table, wanted)]


def resources(table: raw.RawTable, named: Named) -> Iterator[Resource]:
    yield head(table, named)
    for one in table.sets:
        if not one.flags & raw.ANONYMOUS:
            yield from contents(table, one, named)
    yield from chains(table, named)


def head(table: raw.RawTable, named: Named) -> Table:
    wanted = named.get(Table.at(table.family, table.name))
    if isinstance(wanted, Table) and encoded(wanted.root) == table.comment:
        return replace(wanted, origin=None)
    return Table(family=table.family, name=table.name, root=" ".join(decoded(table.comment)))


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
        key, data, flags = form.key.name, form.data.name if form.data else "", form.flags
        yield Map(family=table.family, table=table.name, name=one.name, type=key, data=data, flags=flags)
    for item, value, (project, root) in listed(form, one.elements):
        yield Element(
            family=table.family,
            table=table.name,
            map=one.name,
            item=item,
            value=value,
            project=project,
            root=root,
        )


def formed(one: raw.RawSet) -> Shape | None:
    key = numbered(*one.key)
    data = numbered(*one.data) if one.flags & raw.MAP else None
    if key is None or (data is None and one.flags & raw.MAP):
        return None
    return Shape(key, data, " ".join(word for bit, word in raw.FLAGS.items() if one.flags & bit))


def chains(table: raw.RawTable, named: Named) -> Iterator[Chain]:
    held = digests(table)
    known = skeleton(table, named)
    for chain in table.chains:
        wanted = named.get(Chain.at(table.family, table.name, chain.name))
        rules = opaque(held[chain.name]) if chain.name in held else ()
        if rules and isinstance(wanted, Chain) and held[chain.name] == known.get(chain.name):
            rules = wanted.rules
        yield Chain(
            family=table.family, table=table.name, name=chain.name, hook=hook(chain.hook), rules=rules
        )


def skeleton(table: raw.RawTable, named: Named) -> Digests:
    here = table.family, table.name
    inside = [r for r in named.values() if isinstance(r, Map | Chain) and path(r)[:2] == here]
    if not any(isinstance(r, Chain) for r in inside):
        return {}
    return canonical([Table(family=table.family, name=table.name), *inside])


def hook(found: raw.Hook | None) -> str:
    if found is None:
        return ""
    return (
        f"type {found.kind} hook {HOOKS[found.number]} priority {found.priority}; "
        f"policy {POLICIES[found.policy]};"
    )


def shapes(places: Iterable[Place]) -> Mapping[Place, Shape]:
    """What stands of these maps."""
    wanted = set(places)
    if not wanted:
        return {}
    tables, names = ({place[n] for place in wanted} for n in (1, 2))
    parts = raw.Selection(tables.__contains__, names.__contains__, chains=False, elements=False)
    found = snapshot(lambda reading: raw.tables(reading, parts))
    pairs = (((t.family, t.name, one.name), formed(one)) for t in found for one in t.sets)
    return {place: form for place, form in pairs if form}


def published(places: Iterable[Place]) -> list[Flow]:
    """The published ports that stand in these tables or maps."""
    inside = tuple(places)
    if not inside:
        return []
    tables = {place[1] for place in inside}
    found = elements(raw.Selection(tables.__contains__, publishing, chains=False))
    held = [element for element in found if path(element)[:2] in inside or path(element) in inside]
    return [flow for element in held if (flow := element.flow)]


def publishing(name: str) -> bool:
    return name.startswith(PUBLISH)


def elements(wanted: raw.Selection) -> list[Element]:
    found = snapshot(lambda reading: raw.tables(reading, wanted))
    every = (r for table in found for one in table.sets for r in contents(table, one, {}))
    return [r for r in every if isinstance(r, Element)]

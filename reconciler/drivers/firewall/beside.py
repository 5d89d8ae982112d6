"""The parts of the firewall that stand for others, beside a run that is about some projects alone.

Chains refer to the maps of one another: what stands does not tell by itself who needs what.  So the parts
that few need stay with the elements that are in them, and as they are where anybody logs, or nobody does.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

from ...core.resource import Key, Resource, State, state
from ...kinds.maps import LOGGED
from ...kinds.nft import Chain, Element, InTable
from ...kinds.ownership import TABLE
from . import apart, drops, limits, policies
from .elements import OF_POLICIES
from .rules import CORE
from .ruleset import Ruleset
from .shared import SHARED

TELLER = Chain.at("inet", TABLE, drops.TELLING)
SELDOM = (limits.LIMITS, SHARED, apart.APART, *policies.ALL, *OF_POLICIES)
Maps = frozenset[tuple[str, str]]  # family and name


def with_parts(theirs: State, wanted: State) -> State:
    """What others have, with those parts alone that their elements are in.  Whoever of them, or of those who
    are `wanted`, logs, has the chains of all of them tell what they refuse."""
    if not theirs:
        return theirs
    maps, mine = maps_in(theirs), maps_in(wanted)
    logs = any(name.startswith(LOGGED) for _, name in maps | mine)
    needed = used(maps, logs=logs)
    kept = {key: r for key, r in theirs.items() if key in needed or key not in seldom()}
    turned = {
        key: r
        for key, r in spoken(logs=logs).items()
        if key in needed and isinstance(one := kept.get(key), Chain) and (TELLER in one.jumps) != logs
    }
    more = state(*drops.DROPS.skeleton()) if turned and logs else {}
    return {**more, **kept, **turned}


def maps_in(some: State) -> Maps:
    """Those that elements are in."""
    return frozenset((r.family, r.map) for r in some.values() if isinstance(r, Element))


@cache
def spoken(*, logs: bool) -> dict[Key, Chain]:
    """The chains that are otherwise where anybody logs, as they are to be: how one stands is told by where it
    leads, since nobody knows the text of a chain that is not asked for."""
    here, there = (state(*skeletons(logs=which)) for which in (logs, not logs))
    return {key: r for key, r in here.items() if isinstance(r, Chain) and r != there.get(key, r)}


def skeletons(*, logs: bool) -> Iterator[Resource]:
    return chain.from_iterable(drops.telling(one, logs=logs).skeleton() for one in (CORE, *SELDOM))


@cache
def seldom() -> frozenset[Key]:
    """The keys of what stays with the elements that are in it."""
    return keys(drops.telling(one, logs=True) for one in SELDOM) - keys([CORE])


@cache
def used(maps: Maps, *, logs: bool) -> frozenset[Key]:
    """The keys of the parts that elements in these maps are in."""
    found = [one for one, own in zip(SELDOM, own_maps(), strict=True) if not own.isdisjoint(maps)]
    return keys(drops.telling(one, logs=logs) for one in (CORE, *found))


@cache
def own_maps() -> tuple[Maps, ...]:
    """Of each of these parts, the maps that tell of its use: what no part before it has, or all where it has
    none of its own."""
    known, found = maps_of(CORE), []
    for ruleset in SELDOM:
        mine = maps_of(ruleset)
        found.append(mine - known or mine)
        known |= mine
    return tuple(found)


def maps_of(ruleset: Ruleset) -> Maps:
    return frozenset((ruleset.family, name) for name in ruleset.maps)


def keys(rulesets: Iterable[Ruleset]) -> frozenset[Key]:
    """Of chains and maps: tables are of all."""
    return frozenset(r.key for one in rulesets for r in one.skeleton() if isinstance(r, InTable))

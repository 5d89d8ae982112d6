"""A name of the outside, by addresses that stand for whatever it means: as if who answers had told these."""

from collections.abc import Iterator

from ..core.resource import Key, Resource, State
from ..family import family
from ..kinds.named import covers, set_of
from ..kinds.nft import Element, Map
from ..kinds.ownership import TABLE
from ..kinds.resolver import Resolver
from .ways import SOMEWHERE


def with_name(state: State, name: str, wanted: State) -> State:
    """The state, had each that may be told of the name asked for it; `wanted` knows manifests' lines."""
    return {**state, **dict(elements(state, name, wanted))} if name else state


def elements(state: State, name: str, wanted: State) -> Iterator[tuple[Key, Resource]]:
    for resolver in (r for r in state.values() if isinstance(r, Resolver)):
        for domain, digest in resolver.written:
            if covers(resolver.project, domain, digest, name.lower()):
                yield from ((e.key, e) for e in written(resolver.project, digest, wanted))


def written(project: str, digest: str, wanted: State) -> Iterator[Element]:
    for ip in SOMEWHERE:
        place = "inet", TABLE, set_of(digest, family(ip))
        asked = wanted.get(Map.at(*place))
        yield Element(
            family="inet",
            table=TABLE,
            map=place[2],
            item=ip,
            project=project,
            origin=asked.origin if asked else None,
        )

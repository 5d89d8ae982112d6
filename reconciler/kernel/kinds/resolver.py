"""Names and who answers for them, by kernel/resolvers."""

from collections.abc import Iterator, Set

from ...kinds.ownership import HOST
from ...kinds.resolver import Resolver, StrayResolver, ZoneFile
from .. import resolvers
from ..apply.batch import refusing
from .namespace import absent_place
from .table import Batch, Kind, Readings, Requests, Step, register


def put_names(requests: Requests, step: Step, names: ZoneFile) -> None:
    resolvers.write(names)
    hang_up(requests, step, names)


def remove_names(requests: Requests, step: Step, names: ZoneFile) -> None:
    resolvers.remove_file(names.path)
    hang_up(requests, step, names)


def hang_up(requests: Requests, step: Step, names: ZoneFile) -> None:
    """Once, when all are written."""
    renamed = requests.batch.renamed
    renamed.add(names.option)
    requests.batch.later("names", step, lambda: resolvers.hang_up(renamed))


def put(requests: Requests, step: Step, resolver: Resolver) -> None:
    """All of them start beside one another, when their sandboxes have names."""
    if requests.batch.lost is None:
        requests.batch.lost = (*resolvers.lost(),)
    resolvers.stop(resolver, requests.batch.lost)  # one that goes on as it was told before, or is stopped
    wanted = requests.batch.resolvers
    wanted[resolver] = step
    requests.batch.later("resolvers", step, lambda: start(requests.batch))


def start(batch: Batch) -> None:
    """What one in a sandbox refuses is that sandbox's trouble."""
    wanted = {r: step for r, step in batch.resolvers.items() if r.place not in batch.refusals}
    if not wanted:
        return
    process = resolvers.start([*wanted])
    for one, error in resolvers.started(process, [*wanted]):
        with batch.confined(one.place), refusing(wanted[one]):
            raise error


def remove(_: Requests, __: Step, resolver: Resolver) -> None:
    resolvers.stop(resolver)


def remove_stray(_: Requests, __: Step, resolver: Resolver) -> None:
    resolvers.stop(resolver, resolvers.lost())


def strays(readings: Readings, places: Set[str]) -> Iterator[StrayResolver]:
    return resolvers.strays(readings.names) if HOST in places else iter(())


register(
    Kind(
        of=ZoneFile,
        put=put_names,
        remove=remove_names,
        at_once=True,
        decode=lambda _, __: resolvers.names_of_host(),
    )
)
register(
    Kind(
        of=Resolver,
        put=put,
        remove=remove,
        at_once=True,
        from_outside="-",
        places=(True, True),
        decode=lambda _, ns: resolvers.of(ns),
        missing=lambda resolver, held: absent_place(resolver.ns, held),
    )
)
register(
    Kind(
        of=StrayResolver,
        remove=remove_stray,
        at_once=True,
        from_outside="-",
        places=(False, False),
        asked=strays,
    )
)

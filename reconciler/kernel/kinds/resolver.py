"""Names and who answers for them, by kernel/resolvers."""

from collections.abc import Iterator, Sequence, Set

from ...kinds.ownership import HOST
from ...kinds.resolver import Resolver, StrayResolver, ZoneFile
from .. import resolvers
from ..apply.batch import refusing
from .namespace import absent_place
from .table import Batch, Kind, Readings, Requests, Step, register


def put_names(requests: Requests, step: Step, names: ZoneFile) -> None:
    resolvers.write(names)
    requests.batch.later(hang_up, step)


def remove_names(requests: Requests, step: Step, names: ZoneFile) -> None:
    resolvers.remove_file(names.path)
    requests.batch.later(hang_up, step)


def hang_up(_: Batch, steps: Sequence[Step]) -> None:
    """Whoever reads one of these files reads it again."""
    resolvers.hang_up({r.option for step in steps if isinstance(r := step.resource, ZoneFile)})


def put(requests: Requests, step: Step, _: Resolver) -> None:
    """When all sandboxes have names."""
    requests.batch.later(start, step)


def start(batch: Batch, steps: Sequence[Step]) -> None:
    """All beside one another, instead of what was told otherwise, is stopped, or has lost its file.  What one
    in a sandbox refuses is that sandbox's trouble."""
    wanted = {
        r: step
        for step in steps
        if isinstance(r := step.resource, Resolver) and r.place not in batch.refusals
    }
    if not wanted:
        return
    lost = [*resolvers.lost()]
    for resolver in wanted:
        resolvers.stop(resolver, lost)
    process = resolvers.start([*wanted])
    for resolver, error in resolvers.started(process, [*wanted]):
        with batch.confined(resolver.place), refusing(wanted[resolver]):
            raise error


def remove(_: Requests, __: Step, resolver: Resolver) -> None:
    resolvers.stop(resolver)


def remove_stray(_: Requests, __: Step, resolver: Resolver) -> None:
    resolvers.stop(resolver, resolvers.lost())


def strays(readings: Readings, places: Set[str]) -> Iterator[StrayResolver]:
    return resolvers.strays(readings.is_named) if HOST in places else iter(())


def names_of_host(readings: Readings, _: str) -> Iterator[ZoneFile]:
    return resolvers.names_of_host(readings.about.beside if readings.about else frozenset())


register(Kind(of=ZoneFile, put=put_names, remove=remove_names, at_once=True, decode=names_of_host))
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

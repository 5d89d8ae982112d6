"""What runs in sandboxes, by kernel/workloads."""

from collections.abc import Iterator, Set

from ...kinds.workload import Workload
from .. import looking, workloads
from ..transcript import EVERYWHERE, doubt, engine_of
from .namespace import absent_place
from .table import Kind, Readings, register, remembered


@remembered(ends=False)
def listing(_: Readings, engine: str) -> list[Workload]:
    """Nothing of an engine that cannot be asked: what it should run is refused, and holds up nothing else."""
    try:
        return [*workloads.runner(engine).listing()]
    except (OSError, ValueError):
        doubt(EVERYWHERE)
        return []


def asked(readings: Readings, _: Set[str]) -> Iterator[Workload]:
    """All that engines have of ours; of those that are wanted also that they have nothing is an answer."""
    wanted = {r.place: r for r in readings.wanted(Workload)}
    told = readings.places
    if told is not None and not any(map(engine_of, told)):
        return
    for engine in sorted({*workloads.engines(), *(r.engine for r in wanted.values())}):
        found = {r.place: r for r in listing(readings, engine)}
        for place in found.keys() | {place for place, r in wanted.items() if r.engine == engine}:
            if told is None or place in told:
                looking.workload(place, found.get(place))
        yield from (r for r in found.values() if told is None or r.place in told)


register(
    Kind(
        of=Workload,
        enters=lambda _: False,
        places=(False, False),
        asked=asked,
        missing=lambda workload, held: absent_place(workload.sandbox, held) if workload.sandbox else 0,
    )
)

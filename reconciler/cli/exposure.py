"""The table of what is reachable from where."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from ..core.subject import as_counted
from ..evaluate.exposure import ANY, Exposed
from ..evaluate.exposure import exposure as exposed
from ..evaluate.world import World
from .options import Options
from .session import questioned, tell, tell_who_waits
from .traced import UNBUILT

HEAD = ("TO", "FROM OUTSIDE", "FROM THE HOST", "FROM CONTAINERS")
NOBODY = "-"
LISTED = 4  # containers that are named


def exposure(options: Options) -> int:
    change = questioned(options)
    wanted = options.desired or not change.live
    world = World(change.desired if wanted else change.live, change.facts)
    names = [one.name for one in change.topology.sandboxes if one.name in world.sandboxes]
    rows = [*exposed(world, names)]
    if options.output == "json":
        of = "desired" if wanted else "live"
        told = {"schema_version": 1, "of": of, "rows": [one._asdict() for one in rows]}
        tell(options, json.dumps(told, indent=1))
    else:
        tell(options, "\n".join(table(rows)) if rows or wanted else UNBUILT)
    tell_who_waits(change)
    return 0


def table(rows: Sequence[Exposed]) -> Iterator[str]:
    cells = [HEAD, *map(row, rows)]
    widths = [max(len(one[column]) for one in cells) for column in range(len(HEAD) - 1)]
    for *some, last in cells:
        padded = (f"{text:<{width}}" for text, width in zip(some, widths, strict=True))
        yield f"{'  '.join(padded)}  {last}"


def row(one: Exposed) -> tuple[str, ...]:
    names, more = sorted(one.sandboxes, key=as_counted)[:LISTED], len(one.sandboxes) - LISTED
    containers = " ".join(names) + f" and {more} more" * (more > 0)
    outside = (f"{way} (limited)" if way in one.limited else way for way in one.outside)
    columns = (" ".join(shortened([*outside])), " ".join(shortened(one.host)), containers)
    return (f"{one.sandbox}:{port(one)}", *(text or NOBODY for text in columns))


def shortened(ways: Sequence[str]) -> Iterator[str]:
    """One word for a port that has addresses of both families."""
    ports = Counter(way.rpartition(":")[2] for way in ways)
    last = ((way, way.rpartition(":")[2]) for way in ways)
    yield from dict.fromkeys(f"*:{port}" if ports[port] > 1 else way for way, port in last)


def port(one: Exposed) -> str:
    if one.port == ANY:
        return "*"
    first = f"{one.port}-{one.last}" if one.last > one.port else str(one.port)
    return first if one.protocol == "tcp" else f"{first}/{one.protocol}"

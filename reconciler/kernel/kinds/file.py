"""The small files of sandboxes, by kernel/files."""

from collections.abc import Iterator, Set

from ...kinds.file import File, Orphan
from .. import files
from .table import Kind, Readings, Requests, Step, register


def remove(_: Requests, __: Step, file: File) -> None:
    files.remove(file)


def decode(_: Readings, ns: str) -> Iterator[File]:
    return files.of(ns)


def orphans(readings: Readings, _: Set[str]) -> Iterator[Orphan]:
    """Those of sandboxes that are no more, but for what is wanted again."""
    wanted = {r.path for r in readings.wanted(File)}
    found = files.orphans(readings.names, readings.places)
    return (file for file in found if file.path not in wanted)


register(
    Kind(
        of=File,
        put=lambda _, __, file: files.write(file),
        at_once=True,
        remove=remove,
        from_outside="+~-",
        places=(False, True),
        decode=decode,
        shut=decode,
        refuse=files.refuse_foreign,
    )
)
register(Kind(of=Orphan, remove=remove, at_once=True, from_outside="-", places=(False, False), asked=orphans))

"""Tables of ours in the namespace that the thread is in: what they are is that place's, not the host's."""

from collections.abc import Iterable

from ...core.resource import Resource
from ...kinds.nft import Chain, Map, Table
from ..transcript import HERE, Transcript, note, noting
from . import raw
from .read import resources
from .wire import snapshot


def tables() -> list[raw.RawTable]:
    with noting(Transcript()):  # of the host's ruleset it says nothing
        return snapshot(lambda reading: raw.tables(reading, raw.Selection(raw.is_ours)))


def answer() -> list[bytes]:
    """What `read` notes."""
    return words(tables())


def words(found: list[raw.RawTable]) -> list[bytes]:
    """All that they say, as bytes."""
    return [repr(found).encode()]


def read(named: Iterable[Resource]) -> list[Resource]:
    """As read.read of the host's."""
    found = tables()
    note("tables", (), words(found), HERE.get())
    wanted = {r.key: r for r in named if isinstance(r, Table | Map | Chain)}
    with noting(Transcript()):
        return [resource for table in found for resource in resources(table, wanted)]

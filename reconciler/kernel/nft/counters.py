"""What passed through published ports: packets fill sets of each project's table, one
element a container's port."""

from collections.abc import Iterator
from typing import NamedTuple

from ...kinds.ownership import TABLE_PREFIX
from ..netlink.socket import attributes, items
from . import raw
from .elements import single
from .read import formed
from .wire import snapshot

EXPRESSION, DATA = 7, 2  # NFTA_SET_ELEM_EXPR, NFTA_EXPR_DATA
BYTES, PACKETS = 1, 2  # NFTA_COUNTER_*


class ContainerPort(NamedTuple):
    """A container's end of a published port."""

    project: str
    ip: str
    protocol: str
    port: int


class Traffic(NamedTuple):
    """Since the table stands; bytes are those of IP packets, headers and all.  The fields are the sets of
    drivers/firewall/rules.py, less the family behind."""

    connections: int = 0
    received: int = 0  # bytes, by the container
    sent: int = 0


def traffic() -> dict[ContainerPort, Traffic]:
    """Of every port through which anything passed."""
    parts = raw.Selection(
        raw.ours(None), lambda name: name[:-1] in Traffic._fields, chains=False, dynamic=True
    )
    found: dict[ContainerPort, Traffic] = {}
    for table in snapshot(lambda reading: raw.tables(reading, parts)):
        for one in table.sets:
            for end, counter in counters(table.name.removeprefix(TABLE_PREFIX), one):
                name = one.name[:-1]
                number = counter[PACKETS if name == "connections" else BYTES]
                found[end] = found.get(end, Traffic())._replace(**{name: int.from_bytes(number, "big")})
    return found


def counters(project: str, one: raw.RawSet) -> Iterator[tuple[ContainerPort, dict[int, bytes]]]:
    """What somebody put there by hand counts nothing."""
    if not (form := formed(one)):
        return
    for _, element in (pair for message in one.elements for pair in items(message)):
        if expression := attributes(element).get(EXPRESSION):
            ip, protocol, port = single(form, element)[0].split(" . ")
            yield ContainerPort(project, ip, protocol, int(port)), attributes(attributes(expression)[DATA])

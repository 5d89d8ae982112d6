"""Links that are lent to bridges of ours as rtnetlink messages, both ways; only a port can bear the mark."""

import errno
from collections.abc import Iterator

from ...core.plan import Step
from ...kinds.bridge_port import BridgePort
from ...kinds.link import Link, Vlans
from ...kinds.ownership import HOST, LENT, OUTER
from ..apply.batch import Batch, Requests
from ..netlink.fields import integer
from ..netlink.links import (
    IFLA_BRPORT_LEARNING,
    IFLA_BRPORT_UNICAST_FLOOD,
    IFLA_MASTER,
    NEWLINK,
    bridge_port,
    named,
)
from ..netlink.socket import Message, u8, u32
from ..netlink.vlans import membership, vlans_of_ports
from ..observe.readings import Readings, remembered
from .table import Held, Kind, register

COST = integer(3)  # IFLA_BRPORT_COST


def put(requests: Requests, step: Step, port: BridgePort) -> None:
    requests.flush()
    master = requests.batch.index(port.bridge)
    requests.add(step, *lend(port, master), *port_vlans(requests.batch, step, port.link))


def remove(requests: Requests, step: Step, port: BridgePort) -> None:
    requests.flush()
    requests.add(step, mastered(port, 0))


def mastered(port: BridgePort, master: int) -> Message:
    """A port of the bridge with this index, or of none."""
    return Message(NEWLINK, 0, named(port.link) + u32(IFLA_MASTER, master))


def lend(port: BridgePort, master: int) -> list[Message]:
    learning = [u8(kind, port.learning) for kind in (IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD)]
    mark = bridge_port(COST.to(LENT), *learning)
    return [mastered(port, master), Message(NEWLINK, 0, named(port.link) + mark)]


def port_vlans(batch: Batch, step: Step, port: str) -> list[Message]:
    """The VLANs of a port of a bridge, where it has or had any."""
    vlans = getattr(step.resource, "vlans", ())
    return membership(batch.index(port), vlans) if vlans or getattr(step.old, "vlans", ()) else []


@remembered(ends=True)
def vlans(readings: Readings, ns: str) -> dict[int, Vlans]:
    """Of each port by its index; where no bridge filters there is nothing to ask for."""
    return vlans_of_ports() if any(seen.filtering for seen in readings.view(ns).links.values()) else {}


def decode(readings: Readings, ns: str) -> Iterator[BridgePort]:
    """The ports that bridges of ours on a LAN have of the host."""
    links = readings.view(ns).links
    for seen in links.values():
        bridge = links.get(seen.number(IFLA_MASTER))
        if bridge and bridge.group == OUTER and COST.of(seen.port) == LENT:
            of, learning = vlans(readings, ns).get(seen.index, ()), seen.learning == {b"\1"}
            yield BridgePort(link=seen.name, bridge=bridge.name, vlans=of, learning=learning)


def missing(port: BridgePort, held: Held) -> int:
    needed = {Link.at(HOST, port.link), Link.at(HOST, port.bridge)}
    return 0 if needed <= held.keys() else errno.ENODEV


register(Kind(of=BridgePort, put=put, remove=remove, decode=decode, missing=missing))

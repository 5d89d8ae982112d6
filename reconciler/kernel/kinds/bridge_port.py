"""Links that are lent to bridges of ours as rtnetlink messages, both ways; only a port can bear the mark."""

import errno
from collections.abc import Iterator

from ...kinds.bridge_port import BridgePort
from ...kinds.link import Link, Vlans
from ...kinds.ownership import HOST, LENT, OUTER
from ..netlink import links as rtnl
from ..netlink.fields import integer
from ..netlink.socket import Message
from ..netlink.vlans import membership, normal, vlans_of_ports
from .table import Batch, Held, Kind, Readings, Requests, Seen, Step, register, remembered

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
    return rtnl.change(rtnl.named(port.link) + rtnl.master(master))


def lend(port: BridgePort, master: int) -> list[Message]:
    mark = rtnl.bridge_port(COST.to(LENT), rtnl.learning(on=port.learning))
    return [mastered(port, master), rtnl.change(rtnl.named(port.link) + mark)]


def port_vlans(batch: Batch, step: Step, port: str) -> list[Message]:
    """The VLANs of a port of a bridge, where it has or had others than those it began with."""
    vlans = getattr(step.resource, "vlans", ())
    if vlans or not getattr(step.old, "vlans", ()):
        return membership(batch.index(port), vlans) if vlans else []
    bridge = rtnl.link_called(batch.host, getattr(step.resource, "bridge", ""))
    return membership(batch.index(port), vlans, bridge.native)


@remembered(ends=True)
def vlans(readings: Readings, ns: str) -> dict[int, Vlans]:
    """Of each port by its index; where no bridge filters there is nothing to ask for."""
    return vlans_of_ports() if any(seen.filtering for seen in readings.view(ns).links.values()) else {}


def vlans_at(readings: Readings, port: Seen, bridge: Seen | None) -> Vlans:
    """Those of a port of this bridge, if any.  Where it does not filter, being in none means nothing."""
    found = vlans(readings, HOST).get(port.index)
    if found is None or bridge is None or not (found or bridge.filtering):
        return ()
    return normal(found, bridge.native)


def decode(readings: Readings, ns: str) -> Iterator[BridgePort]:
    """The ports that bridges of ours on a LAN have of the host."""
    links = readings.view(ns).links
    for seen in links.values():
        bridge = links.get(seen.number(rtnl.IFLA_MASTER))
        if bridge and bridge.group == OUTER and COST.of(seen.port) == LENT:
            of, learning = vlans_at(readings, seen, bridge), seen.learning == {b"\1"}
            yield BridgePort(link=seen.name, bridge=bridge.name, vlans=of, learning=learning)


def missing(port: BridgePort, held: Held) -> int:
    needed = {Link.at(HOST, port.link), Link.at(HOST, port.bridge)}
    return 0 if needed <= held.keys() else errno.ENODEV


register(Kind(of=BridgePort, put=put, remove=remove, decode=decode, missing=missing))

"""Links that are lent to bridges of ours as rtnetlink messages, both ways; only a port can bear the mark."""

import errno
from collections.abc import Container, Iterator

from ...kinds.bridge_port import BridgePort
from ...kinds.link import SWITCH, Link, Vlans
from ...kinds.ownership import HOST, LENT, OUTER
from ...kinds.port_settings import FORWARDING, OTHERWISE, STATE, STATES, USUAL, undone
from ..netlink import links as rtnl
from ..netlink.fields import integer, word
from ..netlink.socket import Message, attr
from ..netlink.vlans import membership, normal, vlans_of_ports
from .table import Batch, Held, Kind, Readings, Requests, Resource, Seen, Step, register, remembered

# IFLA_BRPORT_* (linux/if_link.h)
PORT_STATE, COST = word(1, {name: number for number, name in enumerate(STATES)}, "=B"), integer(3)
NUMBERS = {
    "guard": 5, "proxy_arp": 10, "mcast_flood": 27, "bcast_flood": 30, "neigh_suppress": 32, "locked": 39,
}  # fmt: skip
USUAL_RAW = {name: bytes([SWITCH.index(USUAL[name])]) for name in NUMBERS}  # asked of every port at each look


def put(requests: Requests, step: Step, port: BridgePort) -> None:
    requests.flush()
    master = requests.batch.index(port.bridge)
    more = mending(step.before)
    requests.add(step, *lend(port, master, more), *port_vlans(requests.batch, step, port.link))


def remove(requests: Requests, step: Step, port: BridgePort) -> None:
    requests.flush()
    requests.add(step, mastered(port, 0))


def mastered(port: BridgePort, master: int) -> Message:
    """A port of the bridge with this index, or of none."""
    return rtnl.change(rtnl.named(port.link) + rtnl.master(master))


def lend(port: BridgePort, master: int, more: bytes = b"") -> list[Message]:
    mark = rtnl.bridge_port(COST.to(LENT), rtnl.learning(on=port.learning), more)
    return [mastered(port, master), rtnl.change(rtnl.named(port.link) + mark)]


def amiss(port: Seen, bridge: Seen | None, but: Container[str] = ()) -> str:
    """What somebody has changed there, of what is not told otherwise.  Of a bridge of somebody else's the
    states are his; and a port that carries nothing is shut by itself."""
    if bridge is None:
        return ""
    switched = (name for name, usual in USUAL_RAW.items() if port.port.get(NUMBERS[name], usual) != usual)
    told = [f"{name} {OTHERWISE[USUAL[name]]}" for name in switched if name not in but]
    if bridge.ours and bridge.up and port.up and port.operating:
        state = PORT_STATE.of(port.port)
        told += [f"{STATE} {state}"] if state != FORWARDING else []
    return ", ".join(told)


def mending(old: Resource | None) -> bytes:
    """What its port is told of what was amiss, and no more: not every kernel knows all of it."""
    wanted = undone(getattr(old, "amiss", ""))
    switched = (attr(NUMBERS[name], usual) for name, usual in USUAL_RAW.items() if name in wanted)
    return b"".join(switched) + (PORT_STATE.to(FORWARDING) if STATE in wanted else b"")


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
            odd = amiss(seen, bridge)
            yield BridgePort(link=seen.name, bridge=bridge.name, vlans=of, learning=learning, amiss=odd)


def missing(port: BridgePort, held: Held) -> int:
    needed = {Link.at(HOST, port.link), Link.at(HOST, port.bridge)}
    return 0 if needed <= held.keys() else errno.ENODEV


register(Kind(of=BridgePort, put=put, remove=remove, decode=decode, missing=missing))

"""Veth pairs as rtnetlink messages, both ways: the end in the sandbox, and the one on the host."""

import errno
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypedDict

from ...kinds.link import STICKY_MAC, Veth, Vlans
from ...kinds.ownership import ALIAS, GROUP, HOST, alias, owner
from ..netlink import links as rtnl
from ..netlink.fields import flag
from ..netlink.neighbours import entered, forgotten_at_port, how_entered
from ..netlink.socket import Message, nest, u32
from ..netlink.vlans import numbers
from .bridge_port import amiss, mending, port_vlans, vlans_at
from .link import LinkKind, missing_bridge
from .table import Batch, Held, Readings, Requests, Resource, Seen, Step, register, remembered

VETH_INFO_PEER = 1
# IFLA_BRPORT_MODE and IFLA_BRPORT_ISOLATED
HAIRPIN, ISOLATED = flag(4, absent=1), flag(33)
# One queue: a veth with a queue for each possible CPU waits for RCU and costs ten times as much.
QUEUES = u32(rtnl.IFLA_NUM_TX_QUEUES, 1) + u32(rtnl.IFLA_NUM_RX_QUEUES, 1)
BRIDGE_PORTS = 1023  # BR_MAX_PORTS is 1 << 10, and no port has number 0 (net/bridge/br_if.c)
Pair = tuple[Seen, Seen]  # its end inside a sandbox, and the one on the host


def host_mac(mac: str) -> str:
    """The host end's: the highest of a bridge's ports, should anybody ever unpin the bridge."""
    return f"fe:{mac[3:]}"


def put(requests: Requests, step: Step, veth: Veth) -> None:
    """The end inside; the other is the batch's."""
    batch, old = requests.batch, step.before
    if old is None:
        requests.fresh[veth.name] = veth
        new = batch.bridges.get(veth.bridge)
        requests.quiet |= {veth.name} if new and not new.outer else set()  # nobody there knows anybody yet
        index, master = requests.made(veth.name, requests.next_index), batch.index(veth.bridge)
        requests.add(step, create(veth, index, batch.home, master))
    requests.add(step, *inner_settings(veth, old))


def create(veth: Veth, index: int, host: int, master: int) -> Message:
    """Sent from inside the sandbox: the host end is placed and enslaved as it is made."""
    names = rtnl.name(veth.name), rtnl.name(veth.host_name)
    peer = nest(
        VETH_INFO_PEER, rtnl.ifinfo(index), names[0], rtnl.hardware(veth.mac), rtnl.size(veth), QUEUES
    )
    outer = [names[1], rtnl.hardware(host_mac(veth.mac)), u32(rtnl.IFLA_GROUP, GROUP), rtnl.size(veth)]
    outer += [rtnl.master(master)] if master else []
    body = rtnl.ifinfo() + b"".join(outer) + rtnl.namespace(host) + QUEUES + rtnl.info("veth", peer)
    return rtnl.creation(body)


def inner_settings(veth: Veth, old: Resource | None) -> list[Message]:
    change = rtnl.hardware(veth.mac) + rtnl.master(0) if old else b""
    settings = rtnl.change(rtnl.named(veth.name) + change + rtnl.addressing(veth))
    before = (*rtnl.resized(veth.name, veth, old), *rtnl.unmuted(veth.name, old))
    return [*before, settings, rtnl.raised(veth)]


def enters(step: Step) -> bool:
    """Not where a pair changes at its host end alone."""
    new, old = step.resource, step.old
    if step.op != "~" or not isinstance(new, Veth) or not isinstance(old, Veth):
        return True
    return (new.mac, new.mtu, new.up, new.mute) != (old.mac, old.mtu, old.up, old.mute)


def host_end(batch: Batch, step: Step) -> list[Message]:
    """The MAC is entered when the port's VLANs stand, and in each of them; and no longer the one that was."""
    veth, old = step.resource, step.old
    assert isinstance(veth, Veth)
    sized = [*rtnl.resized(veth.host_name, veth, step.before), *rtnl.unmuted(veth.host_name, step.before)]
    if not veth.bridge:
        return [*sized, *outer_settings(veth, 0)]
    tags = port_vlans(batch, step, veth.host_name)
    more, port = mending(step.before), batch.index(veth.host_name)
    settings = outer_settings(veth, batch.index(veth.bridge), tags, more)
    stale = [forgotten_at_port(port, old.mac)] if isinstance(old, Veth) and old.mac != veth.mac else []
    here = entered(port, veth.mac, veth.station, new=veth.bridge in batch.bridges)
    return [*sized, *settings, *stale, *here]


def outer_settings(veth: Veth, master: int, tags: Iterable[Message] = (), more: bytes = b"") -> list[Message]:
    """A port's settings and IFF_UP in one message, after the one that makes it a port: each is an event for
    everybody who listens.  `tags` come between, so that no frame passes in another VLAN."""
    mine = rtnl.master(master) + rtnl.size(veth) + rtnl.alias(veth) + rtnl.group(veth) + rtnl.addressing(veth)
    learning = rtnl.learning(on=not veth.station)
    port = rtnl.bridge_port(HAIRPIN.to(veth.hairpin), ISOLATED.to(veth.isolated), learning, more)
    up = rtnl.flags(veth) + rtnl.name(veth.host_name) + (port if master else b"")
    return [rtnl.change(rtnl.named(veth.host_name) + mine), *tags, rtnl.change(up)]


@remembered(ends=True)
def pairs(readings: Readings, ns: str) -> list[Pair]:
    """The veths of a sandbox with their host ends, whatever their names: the kernel tells of each where its
    other end is."""
    view, outside = readings.view(ns), readings.view(HOST).links
    leading = [seen for seen in view.links.values() if seen.kind == "veth" and view.leads_out(seen)]
    ends = ((inner, outside.get(inner.number(rtnl.IFLA_LINK))) for inner in leading)
    return [(inner, outer) for inner, outer in ends if outer and outer.group == GROUP]


def decode(readings: Readings, ns: str) -> Iterator[Veth]:
    names = readings.view(HOST).names
    for inner, outer in pairs(readings, ns):
        yield veth_of(ns, (inner, outer), names, switched(readings, outer, inner.mac, ns))


class Switched(NamedTuple):
    """What a port is to its bridge; `station` tells how that has the MAC."""

    vlans: Vlans
    station: str
    amiss: str


def switched(readings: Readings, outer: Seen, mac: str, place: str) -> Switched:
    """`mac` is that of the sandbox of that place."""
    master = readings.view(HOST).links.get(outer.number(rtnl.IFLA_MASTER))
    of = vlans_at(readings, outer, master)
    tags = numbers(of, master.native) if master and master.filtering else [0]
    station = how_entered(readings.host, outer.index, mac, tags, place) if master else ""
    return Switched(of, station, amiss(outer, master))


def veth_of(ns: str, pair: Pair, names: dict[int, str], port: Switched) -> Veth:
    inner, outer = pair
    project = owner(outer.alias)
    return Veth(
        ns=ns,
        name=inner.name,
        project=project if outer.alias == alias(project, ns, inner.name) else "",
        mac=inner.mac,
        mtu=inner.mtu,
        mtus_differ=inner.mtu != outer.mtu,
        mute=inner.mute or outer.mute,
        up=inner.up and outer.up and not inner.number(rtnl.IFLA_MASTER),  # a port carries nothing of its own
        **port_of(outer, names, port),
    )


class PortFields(TypedDict):
    """What the host's end tells as a port."""

    host_name: str
    ungrouped: bool
    bridge: str
    hairpin: bool
    isolated: bool
    vlans: Vlans
    station: str
    amiss: str


def port_of(outer: Seen, names: dict[int, str], port: Switched) -> PortFields:
    """What is no port of a bridge is as good as any."""
    master = outer.number(rtnl.IFLA_MASTER)
    return {
        "host_name": outer.name,
        "ungrouped": outer.ungrouped,
        "bridge": names.get(master, ""),
        "hairpin": HAIRPIN.of(outer.port) if master else True,
        "isolated": ISOLATED.of(outer.port),
        "vlans": port.vlans,
        "station": STICKY_MAC if not master else port.station if outer.learning == {b"\0"} else "",
        "amiss": port.amiss,
    }


def ends(readings: Readings, name: str) -> Iterator[Veth]:
    """The pairs of a sandbox that cannot be looked into, as their ends on the host say."""
    for outer in readings.view(HOST).links.values():
        project, _, inner = outer.alias.removeprefix(f"{ALIAS}/").partition(f"/{name}/")
        if outer.kind == "veth" and outer.group == GROUP and outer.alias == alias(project, name, inner):
            yield Veth(ns=name, name=inner, project=project, host_name=outer.name, mac="")


def missing(veth: Veth, held: Held) -> int:
    ports = (r for r in held.values() if isinstance(r, Veth) and r.key != veth.key)
    full = bool(veth.bridge) and sum(r.bridge == veth.bridge for r in ports) >= BRIDGE_PORTS
    return missing_bridge(veth, held) or (errno.EXFULL if full else 0)


register(
    LinkKind(
        of=Veth,
        put=put,
        enters=enters,
        host_end=host_end,
        places=(False, True),
        decode=decode,
        shut=ends,
        missing=missing,
    )
)

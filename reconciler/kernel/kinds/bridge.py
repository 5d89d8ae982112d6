"""Bridges as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.link import MAX_LEARNED, Bridge
from ...kinds.ownership import HOST, OUTER
from ..apply.requests import StepMessage
from ..netlink import links as rtnl
from ..netlink import neighbours
from ..netlink.fields import flag, integer
from ..netlink.socket import Message, u8, u32
from ..transcript import HOST_PLACE
from .link import LinkKind, network_link
from .table import Readings, Requests, Resource, Seen, Step, register

MAX_LEARNED_FIELD = integer(49)  # IFLA_BR_FDB_MAX_LEARNED; kernels before 6.7 pass it over
STP = integer(5)  # IFLA_BR_STP_STATE
IFLA_BR_MCAST_SNOOPING = 23
NETFILTER = {"ip": flag(36), "ip6": flag(37)}  # IFLA_BR_NF_CALL_IPTABLES, IFLA_BR_NF_CALL_IP6TABLES


def put(requests: Requests, step: Step, bridge: Bridge) -> None:
    if step.op == "+":
        requests.batch.bridges[bridge.name] = bridge
        requests.add(step, create(bridge))
    requests.add(step, *rtnl.unmuted(bridge.name, step.before), *settings(bridge, step.before))
    if getattr(step.before, "deaf", False):
        requests.add(step, neighbours.own(requests.index(bridge.name), bridge.mac))
    up = raised(bridge) if step.op == "+" else [rtnl.raised(bridge)]
    requests.batch.raised[bridge.name] = [StepMessage(step, message) for message in up]


def create(bridge: Bridge) -> Message:
    """With another MTU than it will have: only one that changes counts as set, else it follows its ports'."""
    head = rtnl.named(bridge.name) + rtnl.hardware(bridge.mac) + u32(rtnl.IFLA_MTU, bridge.mtu ^ 1)
    return rtnl.creation(head + rtnl.group(bridge) + rtnl.info("bridge"))


def raised(bridge: Bridge) -> list[Message]:
    """A new one goes up deaf to IGMP and MLD, and then hears as it does by default: else it looks for routers
    of multicast again for each of its ports (44 ms instead of 183 with 1,000).  In one send, which the
    kernel carries out to its end whatever becomes of us."""
    head = rtnl.named(bridge.name)
    deaf, hearing = (rtnl.change(head + rtnl.info("bridge", u8(IFLA_BR_MCAST_SNOOPING, on))) for on in (0, 1))
    return [deaf, rtnl.raised(bridge), hearing]


def settings(bridge: Bridge, old: Resource | None) -> list[Message]:
    """With its MAC only where that changes: Linux forgets a link's neighbours when told one, be
    it the same (neigh_changeaddr)."""
    mac = b"" if old is None or getattr(old, "mac", "") == bridge.mac else rtnl.hardware(bridge.mac)
    mine = mac + rtnl.size(bridge) + rtnl.alias(bridge) + rtnl.group(bridge)
    data = MAX_LEARNED_FIELD.to(bridge.max_learned) + STP.to(0)
    if bridge.filtering or getattr(old, "filtering", False):  # not every kernel lets one speak of it
        data += u8(rtnl.IFLA_BR_VLAN_FILTERING, bridge.filtering)
    if bridge.netfilter or getattr(old, "netfilter", ""):  # likewise
        data += b"".join(one.to(name in bridge.netfilter.split()) for name, one in NETFILTER.items())
    head = rtnl.named(bridge.name)
    return [rtnl.change(head + mine + rtnl.info("bridge", data)), rtnl.change(head + rtnl.addressing(bridge))]


def decode(readings: Readings, _: str, seen: Seen) -> Iterator[Bridge]:
    limited = MAX_LEARNED_FIELD.number in seen.data  # a kernel that sets no limit has nothing to put right
    yield Bridge(
        **network_link(HOST, seen),
        mac=seen.mac,
        outer=seen.group == OUTER,
        filtering=seen.filtering,
        netfilter=" ".join(name for name, one in NETFILTER.items() if one.of(seen.data)),
        stp=STP.of(seen.data) != 0,
        mute=seen.mute,
        deaf=not neighbours.knows_itself(readings.host, seen.index, seen.mac, HOST_PLACE),
        max_learned=MAX_LEARNED_FIELD.of(seen.data) if limited else MAX_LEARNED,
    )


register(LinkKind(of=Bridge, put=put, link_kind="bridge", decode_link=decode))

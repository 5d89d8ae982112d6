"""Tunnels as rtnetlink messages, both ways: links, and ports of a bridge that learn nothing."""

from collections.abc import Iterator

from ...kinds.overlay import Vxlan
from ..netlink import links as rtnl
from ..netlink.fields import flag, integer
from ..netlink.links import ip_of, packed
from ..netlink.socket import Message, attr, u8
from . import link
from .bridge_port import NUMBERS, amiss, mending
from .link import LinkKind, missing_bridge, network_link
from .table import Readings, Requests, Seen, Step, register

# linux/if_link.h
VNI, PORT = integer(1), integer(15, "!H")  # IFLA_VXLAN_ID, IFLA_VXLAN_PORT
IFLA_VXLAN_LOCAL, IFLA_VXLAN_LEARNING, IFLA_VXLAN_LOCAL6 = 4, 7, 17
# Links share a UDP port if these are alike (VXLAN_F_RCV_FLAGS in net/vxlan.h): zero checksums, remote
# checksum offload, GBP, metadata of its own (`external`), GPE, and a filter of VNIs.
APART = (20, 22, 23, 24, 25, 27, 30)
ISOLATED = flag(33)  # IFLA_BRPORT_ISOLATED
TOLD = MCAST, BCAST, SUPPRESS = "mcast_flood", "bcast_flood", "neigh_suppress"  # by `flood` and `odd_port`


def data(vxlan: Vxlan) -> bytes:
    local = attr(IFLA_VXLAN_LOCAL6 if ":" in vxlan.local else IFLA_VXLAN_LOCAL, packed(vxlan.local)[1])
    return VNI.to(vxlan.vni) + local + PORT.to(vxlan.port) + u8(IFLA_VXLAN_LEARNING, 0)


def alone(seen: Seen) -> bool:
    """Whether a VXLAN link lets none of ours have its port as well; what is off is absent or 0."""
    return any(seen.data.get(kind, b"\0") != b"\0" for kind in APART)


def put(requests: Requests, step: Step, vxlan: Vxlan) -> None:
    link.make(requests, step, vxlan)
    requests.add(step, *settings(vxlan, requests.batch.index(vxlan.bridge), mending(step.before)))


def settings(vxlan: Vxlan, master: int, more: bytes = b"") -> list[Message]:
    port = rtnl.bridge_port(
        *(u8(kind, on) for kind, on in quiet(flood=vxlan.flood).items()), ISOLATED.to(vxlan.isolated), more
    )
    placed = link.settings(vxlan, rtnl.master(master) if master else b"")
    return [*placed, rtnl.change(rtnl.named(vxlan.name) + port), rtnl.raised(vxlan)]


def quiet(*, flood: bool) -> dict[int, int]:
    """What its port is told: nothing is learned by the tunnel, and unless it floods the bridge answers ARP
    and ND for what is behind."""
    return {
        rtnl.IFLA_BRPORT_LEARNING: 0,
        rtnl.IFLA_BRPORT_UNICAST_FLOOD: 0,
        NUMBERS[MCAST]: int(flood),
        NUMBERS[BCAST]: int(flood),
        NUMBERS[SUPPRESS]: int(not flood),
    }


def decode(readings: Readings, ns: str, seen: Seen) -> Iterator[Vxlan]:
    flags = {kind: seen.port.get(kind, b"\1")[0] for kind in quiet(flood=False)}
    bridge = readings.view(ns).links.get(seen.number(rtnl.IFLA_MASTER))
    local = seen.data.get(IFLA_VXLAN_LOCAL6) or seen.data.get(IFLA_VXLAN_LOCAL) or bytes(4)
    yield Vxlan(
        **network_link(ns, seen),
        bridge=bridge.name if bridge else "",
        vni=VNI.of(seen.data),
        local=ip_of(local),
        port=PORT.of(seen.data),
        flood=flags[NUMBERS[MCAST]] == 1,
        isolated=ISOLATED.of(seen.port),
        odd_port=flags not in (quiet(flood=True), quiet(flood=False)),
        amiss=amiss(seen, bridge, TOLD),
    )


register(
    LinkKind(of=Vxlan, put=put, link_kind="vxlan", link_data=data, decode_link=decode, missing=missing_bridge)
)

"""Links that stand on another of the host, or lead nowhere, as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from ..netlink.fields import integer, word
from ..netlink.links import IFLA_LINK, hardware, info, unmuted
from . import link
from .link import LinkKind, child_link, network_link, plain_link
from .table import Readings, Requests, Seen, Step, register

TAGGINGS = {"802.1Q": 0x8100, "802.1ad": 0x88A8}  # linux/if_ether.h
TAG, TAGGING = integer(1, "=H"), word(5, TAGGINGS, "!H")  # IFLA_VLAN_ID, IFLA_VLAN_PROTOCOL
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
MACVLAN_MODE = word(1, MACVLAN_MODES)  # IFLA_MACVLAN_MODE
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
# IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS
IPVLAN_MODE, IPVLAN_FLAG = word(1, IPVLAN_MODES, "=H"), word(2, IPVLAN_FLAGS, "=H")


def decode_dummy(_: Readings, ns: str, seen: Seen) -> Iterator[Dummy]:
    yield Dummy(**network_link(ns, seen))


def decode_vlan(readings: Readings, ns: str, seen: Seen) -> Iterator[Vlan]:
    parent = readings.view(ns).names.get(seen.number(IFLA_LINK), "")
    yield Vlan(**plain_link(ns, seen), parent=parent, tag=TAG.of(seen.data), protocol=TAGGING.of(seen.data))


def vlan_data(vlan: Vlan) -> bytes:
    return TAG.to(vlan.tag) + TAGGING.to(vlan.protocol)


def put_macvlan(requests: Requests, step: Step, macvlan: Macvlan) -> None:
    link.put(requests, step, macvlan, hardware(macvlan.mac) if macvlan.mac else b"")
    requests.add(step, *unmuted(macvlan.name, step.before))


def decode_macvlan(readings: Readings, ns: str, seen: Seen) -> Iterator[Macvlan]:
    mode = MACVLAN_MODE.of(seen.data)
    yield Macvlan(
        **child_link(readings, ns, seen),
        mode=mode,
        mac="" if mode == "passthru" else seen.mac,
        mute=seen.mute,
    )


def ipvlan_data(ipvlan: Ipvlan) -> bytes:
    return IPVLAN_MODE.to(ipvlan.mode) + IPVLAN_FLAG.to(ipvlan.flag)


def put_ipvlan(requests: Requests, step: Step, ipvlan: Ipvlan) -> None:
    link.put(requests, step, ipvlan, info("ipvlan", ipvlan_data(ipvlan)) if step.op == "~" else b"")


def decode_ipvlan(readings: Readings, ns: str, seen: Seen) -> Iterator[Ipvlan]:
    mode, flag = IPVLAN_MODE.of(seen.data), IPVLAN_FLAG.of(seen.data)
    yield Ipvlan(**child_link(readings, ns, seen), mode=mode, flag=flag)


BOTH = (True, True)  # on the host, where they are shims, and in sandboxes
register(LinkKind(of=Dummy, link_kind="dummy", decode_link=decode_dummy))
register(LinkKind(of=Vlan, link_kind="vlan", link_data=vlan_data, decode_link=decode_vlan))
register(
    LinkKind(
        of=Macvlan,
        put=put_macvlan,
        places=BOTH,
        link_kind="macvlan",
        link_data=lambda r: MACVLAN_MODE.to(r.mode),
        decode_link=decode_macvlan,
    )
)
register(
    LinkKind(
        of=Ipvlan,
        put=put_ipvlan,
        places=BOTH,
        link_kind="ipvlan",
        link_data=ipvlan_data,
        decode_link=decode_ipvlan,
    )
)

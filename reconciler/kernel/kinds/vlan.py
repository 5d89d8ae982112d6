"""802.1Q links as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.stacked_link import Vlan
from ..netlink.fields import integer
from ..netlink.links import IFLA_LINK
from .link import LinkKind
from .table import Readings, Seen, register

TAG = integer(1, "=H")  # IFLA_VLAN_ID


def decode(readings: Readings, ns: str, seen: Seen) -> Iterator[Vlan]:
    parent = readings.view(ns).names.get(seen.number(IFLA_LINK), "")
    yield Vlan(ns=ns, name=seen.name, mtu=seen.mtu, up=seen.up, parent=parent, tag=TAG.of(seen.data))


register(LinkKind(of=Vlan, link_kind="vlan", link_data=lambda vlan: TAG.to(vlan.tag), decode_link=decode))

"""Links with their parent's MAC as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.stacked_link import Ipvlan
from ..netlink.fields import word
from ..netlink.links import info
from . import link
from .link import LinkKind
from .table import Readings, Requests, Seen, Step, register

MODES = {"l2": 0, "l3": 1, "l3s": 2}
FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
MODE, FLAG = word(1, MODES, "=H"), word(2, FLAGS, "=H")  # IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS


def data(ipvlan: Ipvlan) -> bytes:
    return MODE.to(ipvlan.mode) + FLAG.to(ipvlan.flag)


def put(requests: Requests, step: Step, ipvlan: Ipvlan) -> None:
    link.put(requests, step, ipvlan, info("ipvlan", data(ipvlan)) if step.op == "~" else b"")


def decode(readings: Readings, ns: str, seen: Seen) -> Iterator[Ipvlan]:
    child = link.child(readings, ns, seen)
    yield Ipvlan(**child, mode=MODE.of(seen.data), flag=FLAG.of(seen.data))


register(
    LinkKind(of=Ipvlan, put=put, places=(True, True), link_kind="ipvlan", link_data=data, decode_link=decode)
)

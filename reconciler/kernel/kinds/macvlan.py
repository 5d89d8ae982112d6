"""Links with a MAC of their own on a parent, as rtnetlink messages, both ways."""

from collections.abc import Iterator

from ...kinds.stacked_link import Macvlan
from ..netlink.fields import word
from ..netlink.links import hardware
from . import link
from .link import LinkKind
from .table import Readings, Requests, Seen, Step, register

MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
MODE = word(1, MODES)  # IFLA_MACVLAN_MODE


def put(requests: Requests, step: Step, macvlan: Macvlan) -> None:
    link.put(requests, step, macvlan, hardware(macvlan.mac) if macvlan.mac else b"")


def decode(readings: Readings, ns: str, seen: Seen) -> Iterator[Macvlan]:
    mode, child = MODE.of(seen.data), link.child(readings, ns, seen)
    yield Macvlan(**child, mode=mode, mac="" if mode == "passthru" else seen.mac)


register(
    LinkKind(
        of=Macvlan,
        put=put,
        places=(True, True),
        link_kind="macvlan",
        link_data=lambda macvlan: MODE.to(macvlan.mode),
        decode_link=decode,
    )
)

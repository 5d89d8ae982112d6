"""What stands at the ports of bridges, both ways: links that are lent to ours, and the VLANs of each port.

A port's VLANs are messages of the bridge family, by index; they are part of no other.
"""

import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise

from ...kinds.bridge_port import BridgePort
from ...kinds.link import NATIVE, Vlans
from ...kinds.ownership import LENT, OUTER
from .links import (
    AF_SPEC,
    DELLINK,
    EXT_MASK,
    FLOOD,
    GETLINK,
    IFINFO,
    IFNAME,
    LEARNING,
    LINKINFO,
    MASTER,
    NEWLINK,
    SLAVE_DATA,
    SLAVE_KIND,
    Seen,
    ifinfo,
)
from .socket import ATTR, Message, attr, attributes, dump, nest, open_socket, text, u8, u32

SETLINK = 19
BRIDGE = 7  # PF_BRIDGE
COST = 3  # IFLA_BRPORT_COST
# linux/if_bridge.h: IFLA_BRIDGE_VLAN_INFO and its flags; the dump's mask is RTEXT_FILTER_BRVLAN_COMPRESSED
INFO, PVID, UNTAGGED, BEGIN, END, COMPRESSED = 2, 2, 4, 8, 16, 4
WORDS = {"pvid": PVID, "untagged": UNTAGGED}
LAST = 4094  # IEEE 802.1Q keeps 0 and 4095 for itself


def lend(port: BridgePort, master: int) -> list[Message]:
    """To the bridge with this index, or back where there is none; only what is a port can bear the mark."""
    head = ifinfo() + text(IFNAME, port.link)
    settings = (u32(COST, LENT), u8(LEARNING, port.learning), u8(FLOOD, port.learning))
    mark = nest(LINKINFO, text(SLAVE_KIND, "bridge"), nest(SLAVE_DATA, *settings))
    parts = (u32(MASTER, master), *([mark] if master else []))
    return [Message(NEWLINK, 0, head + part) for part in parts]


def lent(links: Mapping[int, Seen], vlans: Mapping[int, Vlans]) -> Iterator[BridgePort]:
    """The ports that bridges of ours on a LAN have of the host."""
    for seen in links.values():
        bridge = links.get(seen.number(MASTER))
        cost = int.from_bytes(seen.port.get(COST, b""), "little")
        if bridge and bridge.group == OUTER and cost == LENT:
            of, learning = vlans.get(seen.index, ()), seen.learning == {b"\1"}
            yield BridgePort(link=seen.name, bridge=bridge.name, vlans=of, learning=learning)


def membership(index: int, vlans: Vlans) -> list[Message]:
    """Into these VLANs and then out of all others, whatever they were: what stays is never interrupted."""
    wanted = dict(map(parsed, vlans or (NATIVE,)))
    head = IFINFO.pack(BRIDGE, 0, index, 0, 0)
    inside = (entry(tag, flags) for tag, flags in wanted.items())
    return [
        Message(SETLINK, 0, head + nest(AF_SPEC, *inside)),
        Message(DELLINK, 0, head + nest(AF_SPEC, *outside(sorted(wanted)))),
    ]


def tags(vlans: Vlans) -> list[int]:
    """The numbers of a port's VLANs."""
    return [parsed(vlan)[0] for vlan in vlans or (NATIVE,)]


def parsed(vlan: str) -> tuple[int, int]:
    tag, *words = vlan.split()
    return int(tag), sum(WORDS[word] for word in words)


def entry(tag: int, flags: int) -> bytes:
    return attr(INFO, struct.pack("=HH", flags, tag))


def outside(kept: list[int]) -> Iterator[bytes]:
    for below, above in pairwise((0, *kept, LAST + 1)):
        if above - below == 2:
            yield entry(below + 1, 0)
        elif above - below > 2:
            yield entry(below + 1, BEGIN) + entry(above - 1, END)


def read() -> dict[int, Vlans]:
    """The VLANs of every port in the thread's namespace, by its index."""
    found: dict[int, dict[int, int]] = {}
    with open_socket() as channel:
        ask = IFINFO.pack(BRIDGE, 0, 0, 0, 0) + u32(EXT_MASK, COMPRESSED)
        for body in dump(channel, GETLINK, ask):
            raw = attributes(body, IFINFO.size).get(AF_SPEC, b"")
            found.setdefault(IFINFO.unpack_from(body)[2], {}).update(entries(raw))
    return {index: worded(tags) for index, tags in found.items()}


def entries(raw: bytes) -> Iterator[tuple[int, int]]:
    """(tag, flags) of each VLAN; a range is two attributes."""
    first = at = 0
    while at + ATTR.size < len(raw):
        size, kind = ATTR.unpack_from(raw, at)
        if kind == INFO:
            flags, tag = struct.unpack_from("=HH", raw, at + ATTR.size)
            first = first if flags & END else tag
            if not flags & BEGIN:
                yield from ((one, flags & (PVID | UNTAGGED)) for one in range(first, tag + 1))
        at += (size + 3) & ~3


def worded(tags: Mapping[int, int]) -> Vlans:
    vlans = tuple(
        " ".join((str(tag), *(word for word, flag in WORDS.items() if flags & flag)))
        for tag, flags in sorted(tags.items())
    )
    return () if vlans == (NATIVE,) else vlans

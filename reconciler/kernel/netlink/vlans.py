"""The VLANs of bridge ports, both ways: messages of the bridge family, by index, and part of no other."""

import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise

from ...kinds.link import NATIVE, Vlans
from .links import DELLINK, GETLINK, IFINFO, IFLA_AF_SPEC, IFLA_EXT_MASK
from .socket import Message, attr, attributes, dump, items, nest, open_socket, u32

SETLINK = 19
PF_BRIDGE = 7
# linux/if_bridge.h: IFLA_BRIDGE_VLAN_INFO and its flags; the dump's mask is RTEXT_FILTER_BRVLAN_COMPRESSED
IFLA_BRIDGE_VLAN_INFO, PVID, UNTAGGED, BEGIN, END, COMPRESSED = 2, 2, 4, 8, 16, 4
WORDS = {"pvid": PVID, "untagged": UNTAGGED}
LAST = 4094  # IEEE 802.1Q keeps 0 and 4095 for itself


def membership(index: int, vlans: Vlans, native: int = NATIVE) -> list[Message]:
    """Into these VLANs and then out of all others, whatever they were: what stays is never interrupted."""
    wanted = dict(map(parsed, vlans or at_first(native)))
    wanted.pop(0, None)
    head = IFINFO.pack(PF_BRIDGE, 0, index, 0, 0)
    inside = [entry(tag, flags) for tag, flags in wanted.items()]
    return [
        *([Message(SETLINK, 0, head + nest(IFLA_AF_SPEC, *inside))] if inside else []),
        Message(DELLINK, 0, head + nest(IFLA_AF_SPEC, *outside(sorted(wanted)))),
    ]


def at_first(native: int) -> Vlans:
    """What a port begins with on a bridge of this vlan_default_pvid."""
    return (f"{native} pvid untagged",) if native else ()


def normal(tags: Vlans, native: int) -> Vlans:
    """The VLANs of a port of such a bridge, as resources say it; `0` is that it is in none."""
    return () if tags == at_first(native) else tags or ("0",)


def numbers(vlans: Vlans, native: int = NATIVE) -> list[int]:
    """The numbers of a port's VLANs; 0 where it is in none."""
    return [parsed(vlan)[0] for vlan in vlans or at_first(native)] or [0]


def parsed(vlan: str) -> tuple[int, int]:
    tag, *words = vlan.split()
    return int(tag), sum(WORDS[word] for word in words)


def entry(tag: int, flags: int) -> bytes:
    return attr(IFLA_BRIDGE_VLAN_INFO, struct.pack("=HH", flags, tag))


def outside(kept: list[int]) -> Iterator[bytes]:
    for below, above in pairwise((0, *kept, LAST + 1)):
        if above - below == 2:
            yield entry(below + 1, 0)
        elif above - below > 2:
            yield entry(below + 1, BEGIN) + entry(above - 1, END)


def vlans_of_ports() -> dict[int, Vlans]:
    """The VLANs of every port in the thread's namespace, all of them in words, by its index."""
    found: dict[int, dict[int, int]] = {}
    with open_socket() as channel:
        ask = IFINFO.pack(PF_BRIDGE, 0, 0, 0, 0) + u32(IFLA_EXT_MASK, COMPRESSED)
        for body in dump(channel, GETLINK, ask):
            raw = attributes(body, IFINFO.size).get(IFLA_AF_SPEC, b"")
            found.setdefault(IFINFO.unpack_from(body)[2], {}).update(entries(raw))
    return {index: worded(tags) for index, tags in found.items()}


def entries(raw: bytes) -> Iterator[tuple[int, int]]:
    """(tag, flags) of each VLAN; a range is two attributes."""
    first = 0
    infos = (info for kind, info in items(raw) if kind == IFLA_BRIDGE_VLAN_INFO)
    for flags, tag in map(struct.Struct("=HH").unpack, infos):
        first = first if flags & END else tag
        if not flags & BEGIN:
            yield from ((one, flags & (PVID | UNTAGGED)) for one in range(first, tag + 1))


def worded(tags: Mapping[int, int]) -> Vlans:
    return tuple(
        " ".join((str(tag), *(word for word, flag in WORDS.items() if flags & flag)))
        for tag, flags in sorted(tags.items())
    )

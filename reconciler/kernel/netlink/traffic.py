"""Traffic control on the wire: token buckets, and filters that lead all that comes in elsewhere."""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .socket import CREATE, REPLACE, Message, attr, attributes, dump, items, nest, text

NEWQDISC, DELQDISC, GETQDISC = 36, 37, 38
NEWTFILTER, DELTFILTER, GETTFILTER = 44, 45, 46
# linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h
TCMSG = struct.Struct("=BxxxiIII")  # family, link, handle, parent, info
ROOT, INGRESS, INCOMING = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
TCA_KIND, TCA_OPTIONS = 1, 2
TBF_PARMS, TBF_RATE64 = 1, 4
# struct tc_tbf_qopt: two tc_ratespec (cell_log, linklayer, overhead, cell_align, mpu, rate), limit, buffer,
# mtu
TBF = struct.Struct("=BBHhHI12xIII")
ETHERNET = 1  # TC_LINKLAYER_ETHERNET
BIG = 1 << 32  # bytes a second, from which on the rate stands beside
U32_SEL, U32_ACT = 5, 7
# struct tc_u32_sel with one key that everything has: flags (TC_U32_TERMINAL), keys, and none of the rest
EVERYTHING = struct.pack("=BBBxHHhhI4I", 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
ACT_KIND, ACT_OPTIONS, MIRRED_PARMS = 1, 2, 2
MIRRED = struct.Struct("=IIiiiiI")  # struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, link
STOLEN, REDIRECT = 4, 1  # TC_ACT_STOLEN, TCA_EGRESS_REDIR
ALL = socket.htons(3)  # ETH_P_ALL


class Bucket(NamedTuple):
    """What tbf is told: bytes a second, the time that a burst takes in ticks, and bytes that may wait."""

    rate: int
    ticks: int
    queue: int


def put_bucket(index: int, handle: int, one: Bucket) -> Message:
    head = TCMSG.pack(0, index, handle << 16, ROOT, 0)
    rate = min(one.rate, BIG - 1)
    parms = attr(TBF_PARMS, TBF.pack(0, ETHERNET, 0, 0, 0, rate, one.queue, one.ticks, 0))
    more = attr(TBF_RATE64, struct.pack("=Q", one.rate)) if one.rate >= BIG else b""
    return Message(NEWQDISC, CREATE | REPLACE, head + text(TCA_KIND, "tbf") + nest(TCA_OPTIONS, parms, more))


def remove_bucket(index: int, handle: int) -> Message:
    return Message(DELQDISC, 0, TCMSG.pack(0, index, handle << 16, ROOT, 0))


def buckets(channel: socket.socket, handle: int) -> Iterator[tuple[int, Bucket]]:
    """Those of this handle at the roots of links, by the links' index: of one alone Linux tells nobody."""
    for body in dump(channel, GETQDISC, TCMSG.pack(0, 0, 0, 0, 0)):
        _, index, at, parent, _ = TCMSG.unpack_from(body)
        if (at, parent) == (handle << 16, ROOT):
            found = attributes(body, TCMSG.size)
            if found.get(TCA_KIND) == b"tbf\0":
                yield index, bucket(attributes(found[TCA_OPTIONS]))


def bucket(options: dict[int, bytes]) -> Bucket:
    *_, rate, queue, ticks, _ = TBF.unpack_from(options[TBF_PARMS])
    whole = options.get(TBF_RATE64, b"")
    return Bucket(int.from_bytes(whole[:8], "little") or rate, ticks, queue)


def hearing(index: int) -> Message:
    """Where filters of what comes in can be; what is there stays."""
    head = TCMSG.pack(0, index, INCOMING, INGRESS, 0)
    return Message(NEWQDISC, CREATE | REPLACE, head + text(TCA_KIND, "ingress"))


def deaf(index: int) -> Message:
    """Without those filters."""
    return Message(DELQDISC, 0, TCMSG.pack(0, index, INCOMING, INGRESS, 0))


def filter_head(index: int, preference: int) -> bytes:
    return TCMSG.pack(0, index, 0, INCOMING, preference << 16 | ALL)


def put_redirect(index: int, preference: int, to: int) -> Message:
    lead = attr(MIRRED_PARMS, MIRRED.pack(0, 0, STOLEN, 0, 0, REDIRECT, to))
    action = nest(1, text(ACT_KIND, "mirred"), nest(ACT_OPTIONS, lead))
    options = nest(TCA_OPTIONS, attr(U32_SEL, EVERYTHING), nest(U32_ACT, action))
    return Message(NEWTFILTER, CREATE, filter_head(index, preference) + text(TCA_KIND, "u32") + options)


def remove_redirect(index: int, preference: int) -> Message:
    return Message(DELTFILTER, 0, filter_head(index, preference))


def redirects(channel: socket.socket, index: int, preference: int) -> Iterator[int]:
    """The links that the filter of this preference leads all to; 0 for what does anything else."""
    for body in dump(channel, GETTFILTER, TCMSG.pack(0, index, 0, INCOMING, 0)):
        _, _, handle, _, info = TCMSG.unpack_from(body)
        if info >> 16 == preference and handle & 0xFFF:  # else it is the head of a table of them
            yield led_to(attributes(body, TCMSG.size))


def led_to(found: dict[int, bytes]) -> int:
    options = attributes(found.get(TCA_OPTIONS, b""))
    actions = [attributes(raw) for _, raw in items(options.get(U32_ACT, b""))]
    if found.get(TCA_KIND) != b"u32\0" or options.get(U32_SEL, b"")[:48] != EVERYTHING or len(actions) != 1:
        return 0
    [action] = actions
    if action.get(ACT_KIND) != b"mirred\0":
        return 0
    *_, done, _, _, how, link = MIRRED.unpack_from(attributes(action[ACT_OPTIONS])[MIRRED_PARMS])
    return int(link) if (done, how) == (STOLEN, REDIRECT) else 0

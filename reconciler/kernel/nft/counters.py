"""What passes through published ports, counted for as long as somebody wants to know: it costs every packet.

The counters are a table of the watcher's own, which nobody else can change (NFT_TABLE_F_OWNER); the kernel
takes it away with the process that made it, however that ends.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ...errors import KernelError
from ...kinds.ownership import GROUP
from ..descriptors import keep_only
from ..netlink.socket import attributes, items
from . import library, raw
from .elements import single
from .read import formed
from .wire import snapshot

TABLE = "reconciler_traffic"
EXPRESSION, DATA = 7, 2  # NFTA_SET_ELEM_EXPR, NFTA_EXPR_DATA
BYTES, PACKETS = 1, 2  # NFTA_COUNTER_*
WIRE = {4: "ipv4_addr . inet_proto . inet_service", 6: "ipv6_addr . inet_proto . inet_service"}
COUNTING = b"counting"  # what the child says
STREAMS = "meta l4proto { tcp, udp, sctp }"


class ContainerPort(NamedTuple):
    """A container's end of a published port."""

    ip: str
    protocol: str
    port: int


class Traffic(NamedTuple):
    """Since the watcher began; bytes are those of IP packets, headers and all.  The fields are the sets of
    the table, less the family behind."""

    connections: int = 0
    received: int = 0  # bytes, by the container
    sent: int = 0


def counted(name: str, way: str, *conditions: str) -> Iterator[str]:
    """Rules that count a packet under the container's end of it, where `way` is s or d.

    What is looked up in a set that counts is counted there (nft_lookup_eval), so `ends` tells what is known.
    """
    for family, ip in ((4, "ip"), (6, "ip6")):
        end = f"{ip} {way}addr . meta l4proto . th {way}port"
        for condition in conditions:
            if name == "connections":
                yield f"{STREAMS} {condition} update @ends{family} {{ {end} }}"
            yield f"{STREAMS} {condition} update @{name}{family} {{ {end} counter }}"
        if not conditions:
            yield f"{end} @ends{family} update @{name}{family} {{ {end} counter }}"


def rules() -> Iterator[str]:
    """The table.  Past the firewall only what it let through is seen: from outside, what is published."""
    inward = "ct status dnat", f"ct status & dnat != dnat iifgroup != {GROUP}"
    yield f"table inet {TABLE} {{ flags owner;"
    for name in (*Traffic._fields, "ends"):
        for family, kind in WIRE.items():
            yield f"set {name}{family} {{ type {kind}; size 65535; flags dynamic; }}"
    yield "chain made { type nat hook postrouting priority 99; policy accept;"
    yield f"oifgroup != {GROUP} accept"
    yield from counted("connections", "d", *inward)
    yield "}\nchain towards { type filter hook postrouting priority 0; policy accept;"
    yield f"oifgroup != {GROUP} accept\nct direction reply accept"
    yield from counted("received", "d", *inward)
    yield "}\nchain back { type filter hook prerouting priority -90; policy accept;"
    yield f"iifgroup != {GROUP} accept\nct direction original accept"
    yield from counted("sent", "s")
    yield "}\n}"


@contextmanager
def counting() -> Iterator[None]:
    """Packets are counted as long as this lasts; raises KernelError where the kernel refuses."""
    text = "\n".join(rules())
    library.binding()
    (answer, said), (waiting, over) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        hold(text, said, waiting)
    os.close(said)
    os.close(waiting)
    try:
        with os.fdopen(answer, "rb") as pipe:
            if (words := pipe.read()) != COUNTING:
                told = " ".join(words.decode(errors="replace").split()) or "libnftables died"
                raise KernelError("count what passes through published ports", 0, told)
        yield
    finally:
        os.close(over)
        os.waitpid(child, 0)


def hold(text: str, said: int, waiting: int) -> None:
    """The child's whole life: it has the table until the other end of `waiting` is closed."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        keep_only({0, 1, 2, said, waiting})
        nft = library.binding().Nftables()
        number, _, words = nft.cmd(text)
        os.write(said, (words or "refused").encode() if number else COUNTING)
        os.close(said)
        os.read(waiting, 1)
    finally:
        os._exit(0)


def traffic() -> dict[ContainerPort, Traffic]:
    """Of every port through which anything passed, while that is counted."""
    parts = raw.Selection(TABLE.__eq__, lambda name: name[:-1] in Traffic._fields, chains=False, dynamic=True)
    found: dict[ContainerPort, Traffic] = {}
    for table in snapshot(lambda reading: raw.tables(reading, parts)):
        for one in table.sets:
            for end, counter in counters(one):
                name = one.name[:-1]
                number = counter[PACKETS if name == "connections" else BYTES]
                found[end] = found.get(end, Traffic())._replace(**{name: int.from_bytes(number, "big")})
    return found


def counters(one: raw.RawSet) -> Iterator[tuple[ContainerPort, dict[int, bytes]]]:
    if not (form := formed(one)):
        return
    for _, element in (pair for message in one.elements for pair in items(message)):
        if expression := attributes(element).get(EXPRESSION):
            ip, protocol, port = single(form, element)[0].split(" . ")
            yield ContainerPort(ip, protocol, int(port)), attributes(attributes(expression)[DATA])

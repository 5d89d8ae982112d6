"""What is told of a refused packet: whatever it holds, and that telling decides nothing."""

import random
from itertools import islice

import pytest

from reconciler.daemon import drops
from reconciler.daemon.drops import KEPT, DropRecord, in_words
from reconciler.drivers.firewall.drops import TELLERS
from reconciler.evaluate.judge import Judgement, judge
from reconciler.evaluate.packet import FiveTuple
from reconciler.evaluate.refused import Headers, dissected
from reconciler.evaluate.world import World
from reconciler.kernel.netlink.nflog import LoggedPacket
from reconciler.pipeline import decide, load
from tests.unit.evaluate.test_mutation import FACTS, MANIFEST, attempts

ENDS4, ENDS6 = bytes((10, 0, 0, 1, 10, 0, 0, 2)), bytes.fromhex(f"fd{1:030x}fd{2:030x}")
PORTS = bytes.fromhex("9c4001bb")


def ipv4(protocol: int, rest: bytes, fragment: int = 0, words: int = 5) -> bytes:
    head = bytes((0x40 | words, 0, 0, 0, 0, 0)) + fragment.to_bytes(2, "big") + bytes((64, protocol, 0, 0))
    return head + ENDS4 + bytes(4 * max(words - 5, 0)) + rest


def ipv6(following: int, rest: bytes) -> bytes:
    return bytes((0x60, 0, 0, 0, 0, 0, following, 64)) + ENDS6 + rest


@pytest.mark.parametrize(
    "packet, protocol, port",
    [
        (ipv4(6, PORTS), 6, 443),
        (ipv4(17, PORTS, words=15), 17, 443),
        (ipv4(6, PORTS, fragment=8), 6, 0),
        (ipv4(6, PORTS[:3]), 6, 0),
        (ipv4(1, bytes(8)), 1, 0),
        (ipv4(6, PORTS, words=1), 6, 0),
        (ipv6(6, PORTS), 6, 443),
        (ipv6(0, bytes((60, 0, *bytes(6), 17, 1, *bytes(14))) + PORTS), 17, 443),
        (ipv6(44, bytes((17, 0, 0, 1, *bytes(4))) + PORTS), 17, 443),
        (ipv6(44, bytes((17, 0, 0, 9, *bytes(4))) + PORTS), 17, 0),
        (ipv6(51, bytes((6, 1, *bytes(10))) + PORTS), 6, 443),
        (ipv6(0, bytes((0, 0, *bytes(6))) * 20 + PORTS), 0, 0),
        (ipv6(43, bytes((6, 255))), 43, 0),
    ],
)
def test_what_a_packet_says(packet: bytes, protocol: int, port: int) -> None:
    found = dissected(packet)
    assert found
    if (len(packet) > 20 and packet[0] & 15 == 1) or port == 0:
        assert found.protocol == protocol
    else:
        assert (found.protocol, found.ends.dport) == (protocol, port)


def test_no_packet_is_too_odd():
    drawn = random.Random(4)
    for _ in range(20_000):
        raw = bytearray(drawn.randbytes(drawn.randrange(128)))
        if raw:
            raw[0] = drawn.choice((0x45, 0x4F, 0x40, 0x60, raw[0]))
        found = dissected(bytes(raw))
        assert found is None or (found.ends.dport in range(65536) and found.protocol in range(256))


def record(manifest: str) -> DropRecord:
    made = DropRecord()
    made.about(decide(load(["-"], stdin=manifest, environ={}), FACTS)[1], FACTS)
    return made


def test_memory_has_an_end(monkeypatch):
    monkeypatch.setattr(drops, "KNOWN", 300)
    made = record("services: {a: {egress: [], log: true}}")
    for n in range(900):
        raw = ipv4(6, PORTS[:2] + (n % 65536).to_bytes(2, "big"))
        made.take([LoggedPacket(2, "a", "b", raw), LoggedPacket(n % 256, "", "", b"\xff" * (n % 90))])
    assert len(made.known) <= 300 and len(made.rows) == KEPT
    assert made.rows[-1]["number"] == 900 and set(made.counts) == {("", "", "other")}


def test_the_same_is_one_row():
    made = record("services: {a: {egress: [], log: true}}")
    [row] = made.take([LoggedPacket(2, "a", "b", ipv4(6, bytes((n, 0, 1, 187)))) for n in range(30)])
    assert row["count"] == 30
    assert in_words(row).startswith("10.0.0.1 -> 10.0.0.2:443/tcp refused: the host forwards nothing")
    assert in_words(row).endswith(" (30 times)")


def test_nothing_reaches_a_terminal_raw():
    row = record("services: {a: {}}").row(
        (2, ("", ""), Headers(6, FiveTuple("10.0.0.1", 0, "10.0.0.2", 80))), 1
    )
    assert in_words(row | {"file": "\x1b[2Jx.yaml", "line": 3}).isprintable()


def said(one: Judgement) -> object:
    by = (one.stopped.chain, one.stopped.rule) if one.stopped else ()
    return one.open, one.place, one.target, one.seen_as, one.alternatives, one.words, by


def test_to_tell_of_it_decides_nothing():
    """Of a host where everybody logs and of one where nobody does the same is said."""
    loud = MANIFEST.replace("{networks: [", "{log: true, networks: [")
    loud = loud.replace("\n    networks:", "\n    log: true\n    networks:")
    states = [decide(load(["-"], stdin=text, environ={}), FACTS)[1] for text in (MANIFEST, loud)]
    quiet, telling = (World(state, FACTS) for state in states)
    assert any(key.startswith("element inet/reconciler/logged") for key in states[1])
    met = set()
    for attempt in islice(attempts(states[0]), 0, None, 7):
        before, after = judge(quiet, attempt), judge(telling, attempt)
        assert said(before) == said(after), attempt
        met |= {hop.chain for hop in after.hops} & {*TELLERS}
    assert met == {*TELLERS}
    assert not any(key.endswith(TELLERS) for key in states[0])

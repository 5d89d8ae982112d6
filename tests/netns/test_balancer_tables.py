"""Virtual servers as sandboxes have them: read back, changed from any to any other, and spread."""

import socket
from collections import Counter
from itertools import permutations

import pytest

from reconciler.cnm.balanced import VirtualServer
from reconciler.drivers.balancer import server
from reconciler.kernel.kinds import balancer
from reconciler.kernel.nft import raw, sandbox
from reconciler.kinds.balancer import Balancer, Server
from tests.netns.lab import Lab

TWO = "{name: t, networks: {n: {}}, containers: {a: {networks: [n]}, b: {networks: [n]}}}"
ALONE = "{name: t, networks: {n: {enable_ipv6: true}}, containers: {a: {networks: [n]}}}"
VIP, SENT = "10.9.0.1", 4000


def serving(*weights: int, by_client: bool = False, ip: str = VIP) -> Server:
    form = "10.9.{}.{}" if "." in ip else "fd09::{:x}:{:x}"
    backends = sorted((form.format(1 + n // 200, 1 + n % 200), weight) for n, weight in enumerate(weights))
    return server(VirtualServer(ip, tuple(backends), by_client))


SIX = serving(1, 1, 1, ip="fd09::1")
STATES = {
    "none": (),
    "one": (serving(1),),
    "two": (serving(1, 1),),
    "three": (serving(1, 1, 1), SIX),
    "weighed": (serving(3, 1, 0), SIX),
    "finely": (serving(1000, 999, 7),),
    "sticky": (serving(1, 1, by_client=True), SIX),
    "both": (serving(1, 1), serving(2, 1, by_client=True, ip="10.9.0.2")),
    "seventeen": (serving(*[1] * 17),),
    "hundred": (serving(*[1] * 100), serving(1, ip="fd09::1")),
    "more": (serving(*[1] * 300),),
    "nobody": (serving(0, 0), serving(0, ip="fd09::1")),
}


def stands() -> tuple[Server, ...] | None:
    return balancer.meaning(sandbox.look())


def test_any_becomes_any_other_and_reads_back(lab: Lab):
    lab.apply(ALONE)
    with lab.inside("t-a"):
        for before, after in permutations(STATES.values(), 2):
            sandbox.commit(balancer.anew(before))
            assert stands() == before
            sandbox.commit(balancer.between(before, after))
            assert stands() == after


@pytest.mark.parametrize("name", ["two", "three", "weighed", "finely", "seventeen", "hundred", "more"])
def test_new_connections_are_spread_by_weight(lab: Lab, name: str):
    lab.apply(ALONE)
    with lab.inside("t-a"):
        sandbox.commit(balancer.anew(STATES[name]))
        for _ in range(SENT):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"?", (VIP, 80))
    shown = lab.run(f"conntrack -L -p udp --orig-dst {VIP}", "t-a").out.splitlines()
    found = Counter(line.split("src=")[2].split()[0] for line in shown)
    [backends] = [backends for ip, _, backends in STATES[name] if ip == VIP]
    assert found.total() > 0.9 * SENT and found.keys() <= {ip for ip, share in backends if share}
    for ip, share in backends:
        expected = found.total() * share / sum(width for _, width in backends)
        assert abs(found[ip] - expected) <= 5 * expected**0.5 + 1, (ip, found[ip], expected)


def test_open_connections_go_on_when_the_last_server_goes(lab: Lab):
    """As long as a rule translates: without any, Linux forgets how."""
    lab.apply(ALONE)
    with lab.inside("t-a"):
        sandbox.commit(balancer.anew(STATES["three"]))
        sandbox.commit(balancer.between(STATES["three"], STATES["none"]))
        rules = lab.run("nft list chain inet reconciler connect", "t-a").out
    assert "@first4" in rules and "@first6" in rules


def become(lab: Lab, ns: str, before: str, after: str) -> bool:
    """Whether it became so by the transaction between the two alone."""
    with lab.inside(ns):
        sandbox.commit(balancer.anew(STATES[before]))
        assert stands() == STATES[before]
        change = balancer.between(STATES[before], STATES[after])
        return sandbox.committed(change, lambda found: balancer.meaning(found) == STATES[before])


def test_of_those_who_had_the_same_and_became_the_same_one_is_read(lab: Lab, monkeypatch):
    lab.apply(TWO)
    assert all(become(lab, ns, "three", "weighed") for ns in ("t-a", "t-b"))
    read, tables = [], raw.tables
    monkeypatch.setattr(raw, "tables", lambda *about: [*tables(*about), read.append(about)][:-1])
    for ns in ("t-a", "t-b"):
        with lab.inside(ns):
            assert stands() == STATES["weighed"]
    assert len(read) == 1


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_what_somebody_else_did_there_is_read(lab: Lab, first: bool):
    lab.apply(TWO)
    for ns in ("t-a", "t-b") if first else ("t-b", "t-a"):
        assert become(lab, ns, "three", "weighed")
    lab.run("nft flush chain inet reconciler connect", "t-b")
    for ns, found in (("t-a", STATES["weighed"]), ("t-b", None)):
        with lab.inside(ns):
            assert stands() == found


def test_of_what_is_otherwise_nothing_is_made_but_anew(lab: Lab):
    lab.apply(ALONE)
    before, after = STATES["three"], STATES["weighed"]
    with lab.inside("t-a"):
        for known in (True, False):
            sandbox.commit(balancer.anew(before))
            assert stands() == before
            lab.run("nft flush chain inet reconciler connect", "t-a")
            assert known or stands() is None
            change = balancer.between(before, after)
            assert not sandbox.committed(change, lambda found: balancer.meaning(found) == before)
            balancer.carry_out(Balancer(ns="t-a", servers=before), change, balancer.anew(after))
            assert stands() == after

"""Virtual servers as sandboxes have them: read back, changed from any to any other, and spread."""

import socket
from collections import Counter
from itertools import permutations

import pytest

from reconciler.cnm.balanced import VirtualServer
from reconciler.drivers.balancer import server
from reconciler.kernel.kinds import balancer
from reconciler.kernel.nft import sandbox
from reconciler.kinds.balancer import Server
from tests.netns.lab import Lab

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

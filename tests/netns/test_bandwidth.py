"""Bandwidth of an endpoint: kept both ways, changed under a connection that goes on, healed, and gone."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.netns.lab import Lab
from tests.netns.test_guests import cni, shop

__all__ = ["shop"]
PORT = 9000
SECONDS = 2.5
MBIT = 10**6
MANIFEST = """
name: shop
networks: {{front: {{enable_ipv6: true}}, other: {{}}}}
containers:
  web: {{networks: {{front: {{bandwidth: {{{}}}}}}}}}
  db: {{networks: [front]}}
"""
BOTH = "ingress: 8mbit, ingress_burst: 200kbit, egress: 16mbit, egress_burst: 200kbit"


def manifest(limits: str = "") -> str:
    return MANIFEST.format(limits)


@contextmanager
def stream(lab: Lab, sender: str, receiver: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection by which one sends all that it can."""
    with lab.inside(receiver):
        server = socket.create_server(("", PORT))
    with lab.inside(sender):
        client = socket.create_connection((lab.address(receiver), PORT), timeout=20)
    there, _ = server.accept()
    there.settimeout(20)

    def send() -> None:
        with client:
            try:
                while True:
                    client.sendall(bytes(1 << 16))
            except OSError:
                return

    thread = Thread(target=send, daemon=True)
    thread.start()
    with server, there:
        yield client, there
    thread.join(20)


def rate(receiver: socket.socket, seconds: float = SECONDS, burst: float = 1.0) -> float:
    """Bits a second of what arrives, when the burst is over."""
    began, count = time.monotonic() + burst, 0
    while (now := time.monotonic()) < began + seconds:
        size = len(receiver.recv(1 << 16))
        assert size, "it has ended"
        count += size * (now > began)
    return 8 * count / (now - began)


def keeps(receiver: socket.socket, wanted: float) -> bool:
    """Within a fifth, of which Ethernet, IP and TCP take a twentieth; a reader that waited for a processor
    is given what came meanwhile, once or twice."""
    return any(0.8 * wanted < rate(receiver) < 1.2 * wanted for _ in range(3))


def test_both_ways(lab):
    lab.stands(manifest(BOTH))
    with stream(lab, "shop-db", "shop-web") as (_, there):
        assert keeps(there, 8 * MBIT)
    with stream(lab, "shop-web", "shop-db") as (_, there):
        assert keeps(there, 16 * MBIT)


def test_changed_in_place_and_removed(lab):
    lab.run("sysctl -qw net.ipv6.conf.default.accept_dad=0")
    lab.apply(manifest())
    before = lab.snapshot()
    lab.stands(manifest(BOTH))
    for sender, receiver, key in (("shop-db", "shop-web", "ingress"), ("shop-web", "shop-db", "egress")):
        with stream(lab, sender, receiver) as (_, there):
            for mbit in (24, 6):
                wanted = manifest(f"{key}: {mbit}mbit, {key}_burst: 200kbit")
                assert "running traffic: none" in lab.plan(wanted).out
                lab.stands(wanted)
                assert keeps(there, mbit * MBIT)
            lab.stands(manifest(BOTH))
            lab.stands(manifest())
            # As fast as processors copy, when what was dropped last has been sent again, ever later.
            assert any(rate(there, 0.5, burst=0.5) > 100 * MBIT for _ in range(6))
    assert lab.snapshot() == before


def ends(lab: Lab) -> tuple[str, str]:
    found = [one["ifname"] for one in lab.json("ip -j link") if "shop-web/" in one.get("ifalias", "")]
    host, beside = sorted(found)
    return host, beside


DRIFT = (
    "tc qdisc del dev {host} root",
    "tc qdisc replace dev {host} root tbf rate 1gbit burst 1mbit latency 5ms",
    "tc qdisc change dev {host} root handle 7265: tbf rate 1gbit burst 1mbit latency 5ms",
    "tc qdisc del dev {host} ingress",
    "tc filter del dev {host} ingress",
    "tc qdisc replace dev {beside} root pfifo",
    "ip link set {beside} down",
    "ip link set {beside} mtu 1300",
    "ip link set {beside} alias mine",
    "ip link del {beside}",
)


def test_drift_heals(lab):
    lab.stands(manifest(BOTH))
    for command in DRIFT:
        host, beside = ends(lab)
        lab.run(command.format(host=host, beside=beside))
        assert lab.planned(manifest(BOTH)), command
        lab.stands(manifest(BOTH))
    with stream(lab, "shop-web", "shop-db") as (_, there):
        assert keeps(there, 16 * MBIT)


def test_what_root_in_the_container_does_changes_nothing(lab):
    """The limits are on the host's ends; what is on his own is his."""
    lab.stands(manifest(BOTH))
    lab.run("ip -n shop-web link add mine type ifb")
    lab.run("ip -n shop-web link set mine up")
    for command in (
        "qdisc replace dev eth0 root tbf rate 1gbit burst 1mbit latency 5ms",
        "qdisc add dev eth0 ingress",
        "filter add dev eth0 ingress prio 29285 u32 match u32 0 0 action mirred egress redirect dev mine",
        "filter del dev eth0 ingress",
        "qdisc del dev eth0 root",
        "qdisc replace dev eth0 root handle 7265: tbf rate 1gbit burst 1mbit latency 5ms",
    ):
        lab.run(f"tc -n shop-web {command}")
        assert lab.planned(manifest(BOTH)) == []
    with stream(lab, "shop-web", "shop-db") as (_, there):
        assert keeps(there, 16 * MBIT)


def test_it_goes_with_its_container(lab):
    lab.apply(manifest())
    lab.run("ip link add old type ifb")
    lab.run("ip link del old")
    lab.stands(manifest(BOTH))
    lab.run("ip netns del shop-web")
    lab.stands(manifest(BOTH))
    lab.destroy()
    assert not [name for name in lab.links() if name.startswith(("vi", "ve"))]


REFUSED = (
    ("ingress: 1kbit", "passes"),
    ("ingress_burst: 1mbit", "has no rate"),
    ("egress: 100000gbit", "as fast"),
    ("egress: -1mbit", "bandwidth"),
    ("egress: 1e9", "bandwidth"),
    ("egress: 99999999999999999999999mbit", "bandwidth"),
)


def test_what_cannot_be_had_is_refused_at_its_place(lab):
    for limits, words in REFUSED:
        lab.refused(manifest(limits), words, "containers.web.networks.front" if "e:" not in words else "")
    none = manifest("ingress: 1mbit").replace("front: {enable_ipv6: true}", "front: {driver: macvlan}")
    lab.refused(none, "no end on the host")


def limited(**limits: object) -> dict[str, object]:
    return {"runtimeConfig": {"bandwidth": limits}}


ASKED = {"ingressRate": 8 * MBIT, "ingressBurst": 200_000, "egressRate": 16 * MBIT, "egressBurst": 200_000}


def test_a_runtime_asks_for_it(shop):
    added = cni("ADD", **limited(**ASKED))
    assert added.rc == 0, added
    assert cni("CHECK", prevResult=added.json, **limited(**ASKED)).rc == 0
    found = [one for one in shop.json("tc -j qdisc show") if one["kind"] == "tbf"]
    assert sorted(one["options"]["rate"] for one in found) == [MBIT, 2 * MBIT]
    [host] = [one["dev"] for one in found if not one["dev"].startswith("vi")]
    shop.run(f"tc qdisc del dev {host} root")
    assert cni("CHECK", prevResult=added.json, **limited(**ASKED)).json["code"] == 100
    assert cni("ADD", **limited(**ASKED)).json == added.json
    assert cni("CHECK", prevResult=added.json, **limited(**ASKED)).rc == 0
    assert cni("ADD").rc == 0  # who asks for none has none
    assert not [one for one in shop.json("tc -j qdisc show") if one["kind"] == "tbf"]
    assert cni("ADD", **limited(egressRate=MBIT)).rc == 0
    assert cni("DEL").rc == 0
    assert not [name for name in shop.links() if name.startswith("vi")]


ODD = (
    ({"ingressRate": -1}, 7),
    ({"ingressBurst": 1000}, 7),
    ({"ingressRate": 1, "ingressBurst": -5}, 7),
    ({"ingressRate": 1}, 7),
    ({"ingressRate": 10**40}, 7),
    ({"ingressRate": "8000000"}, 6),
    ({"ingressRate": 1.5e6}, 6),
    ({"ingressRate": True}, 6),
    ({"ingressRate": [1]}, 6),
    ({"ingressRate": {"x": 1}}, 6),
)


@pytest.mark.parametrize(("limits", "code"), ODD)
def test_what_a_runtime_asks_for_and_nobody_can_have(shop, limits, code):
    refused = cni("ADD", **limited(**limits))
    assert (refused.rc, refused.json["code"]) == (1, code)
    assert "eth0" not in shop.links("one")


def test_a_burst_without_end(shop):
    """As Kubernetes asks for where nobody says one."""
    assert cni("ADD", **limited(ingressRate=MBIT, ingressBurst=2**31 * 8)).rc == 0
    assert cni("ADD", **limited(ingressRate=MBIT, ingressBurst=10**40)).rc == 0
    [one] = [one for one in shop.json("tc -j qdisc show") if one["kind"] == "tbf"]
    assert 4.2 < one["options"]["burst"] * 8 / MBIT < 4.3
    refused = cni("ADD", runtimeConfig={"bandwidth": "much"})
    assert refused.json["code"] == 6

"""Guests whose runtimes, and who is root in them, do what nobody expects."""

import os
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from reconciler.guests.plugin_socket import MOST, PluginSocket
from tests.netns.lab import Lab
from tests.netns.test_guests import CONFIG, GUESTS, SHOP, Answer, addresses, call, cni, guests, shop
from tests.netns.watching import until, watching

pytestmark = pytest.mark.long

__all__ = ["shop"]
SOCKET = "/run/reconciler/guests.sock"
KINDS = """
name: k
networks:
  inside: {internal: true}
  lan: {driver: macvlan, driver_opts: {parent: uplink}, ipam: {config: [{subnet: 198.51.100.0/24}]}}
  routed: {driver_opts: {gateway_mode: routed}}
  apart: {driver_opts: {gateway_mode: isolated}, internal: true}
services: {m: {networks: [lan]}}
"""


def said(data: bytes, *, whole: bool = True) -> bytes:
    """What the watcher answers to this."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(SOCKET)
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
            if whole:
                client.shutdown(socket.SHUT_WR)
                return client.recv(1 << 16)
    return b""


def test_the_socket_survives_whoever_talks_to_it(shop):
    with watching(shop, shop.write(SHOP)) as watcher:
        assert stat.S_IMODE(os.stat(SOCKET).st_mode) == 0o600
        for data in (b"", b"\0", b"\0\0", b"cni", b"nobody\0\0{}", b"netavark\0setup\0\0", os.urandom(70000)):
            code, _, told = said(data).partition(b"\n")
            assert code == b"1" and told, data[:20]
        assert b"nested too deep" in said(b"cni\0CNI_COMMAND=ADD\0\0" + b"[" * 1_000_000)
        assert said(b"cni\0\0" + b"x" * (6 << 20)) == b""
        said(b"cni\0CNI_COMMAND=VERSION", whole=False)
        slow = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for one in slow:
            one.connect(SOCKET)
            one.send(b"cni\0")
        with ThreadPoolExecutor(50) as pool:
            asked = b'cni\0CNI_COMMAND=VERSION\0\0{"cniVersion": "1.0.0"}'
            assert all(one.startswith(b"0\n") for one in pool.map(said, [asked] * 200))
        assert cni("ADD").rc == 0 and cni("DEL").rc == 0
        for one in slow:
            one.close()
        assert watcher.process.poll() is None and "Traceback" not in watcher.log


def test_a_socket_outlives_a_lack_of_files(tmp_path):
    served = PluginSocket(str(tmp_path / "s"), lambda client: client.sendall(b"here"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as client, socket.socket(socket.AF_UNIX) as later:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            client.connect(served.path)
            time.sleep(0.3)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        later.connect(served.path)
        for one in (client, later):
            one.settimeout(20)
            assert one.recv(10) == b"here"
    served.close()
    until(lambda: not [one for one in threading.enumerate() if served.path in one.name])


def test_who_comes_when_many_are_served_waits(tmp_path):
    go = threading.Event()
    served = PluginSocket(str(tmp_path / "s"), lambda client: (go.wait(), client.sendall(b"here")))
    with ExitStack() as stack:
        every = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(MOST + 20)]
        for one in every:
            one.settimeout(20)
            one.connect(served.path)
        go.set()
        assert {one.recv(10) for one in every} == {b"here"}
    served.close()


@pytest.mark.parametrize("watched", [False, True])
def test_many_at_once(shop, watched):
    names = [f"ns{number}" for number in range(20 if watched else 4)]
    for name in names:
        shop.run(f"ip netns add {name}")

    def all_at_once() -> None:
        with ThreadPoolExecutor(len(names) + 2) as pool:
            applied = shop.start("--apply", "--wait=60", shop.write(SHOP))
            added = [*pool.map(lambda ns: cni("ADD", ns), [*names, "one", "one"])]
            assert not [one for one in added if one.rc], added
            assert added[-1] == added[-2] and applied.wait() == 0
            back = {"network": "shop_back", "ifname": "eth1"}
            asked = [("DEL", ns, {}) for ns in names] + [("ADD", ns, back) for ns in names]
            mixed = [*pool.map(lambda one: cni(one[0], one[1], **one[2]), asked)]
            assert not [one for one in mixed if one.rc], mixed
            assert all(shop.links(ns) == ["lo", "eth1"] for ns in names)
            asked = [*(("DEL", ns, back) for ns in names), ("DEL", "one", {}), ("DEL", "one", {})]
            assert all(pool.map(lambda one: not cni(one[0], one[1], **one[2]).rc, asked))

    if watched:
        with watching(shop, shop.write(SHOP)) as watcher:
            all_at_once()
            watcher.synced()
    else:
        all_at_once()
    assert guests(shop) == set() and shop.planned(SHOP) == []


HOSTILE: dict[str, Callable[[Lab], object]] = {
    "renames": lambda lab: lab.run("ip -n one link set eth0 name mine"),
    "deletes": lambda lab: lab.run("ip -n one link del eth0"),
    "adds addresses": lambda lab: lab.ip(
        "\n".join(f"addr add 10.9.{n // 250}.{n % 250 + 1}/32 dev eth0" for n in range(3000)), "one"
    ),
    "fills links": lambda lab: lab.ip(
        "\n".join(f"link add d{n} type veth peer name p{n}" for n in range(600)), "one"
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_who_is_root_in_a_guest(shop, what):
    assert cni("ADD").rc == 0
    HOSTILE[what](shop)
    assert cni("ADD", "two").rc == 0 and cni("CHECK", "two", prevResult={}) == Answer(0, None)
    assert cni("DEL") == Answer(0, None) == cni("DEL", "two")
    assert not [*GUESTS.iterdir()] and guests(shop) == set() and shop.planned(SHOP) == []
    assert len([name for name in shop.links() if name.startswith("ve")]) == 1


def test_the_collection_goes_on_whatever_root_in_a_guest_does(shop):
    assert cni("ADD").rc == 0 and cni("ADD", "two").rc == 0
    shop.ip("link set eth0 name mine\nlink add eth0 type bridge", "one")
    shop.run("ip netns del two")
    kept = {"cni.dev/valid-attachments": [{"containerID": "id-of-one", "ifname": "eth0"}]}
    assert cni("GC", "", cniVersion="1.1.0", **kept) == Answer(0, None) and len(guests(shop)) == 1
    assert cni("ADD").json["code"] == 101 and cni("DEL") == Answer(0, None) and guests(shop) == set()


def test_another_namespace_at_the_same_path(shop):
    first = cni("ADD")
    shop.run("ip netns del one")
    shop.run("ip netns add one")
    assert cni("ADD").json["ips"] == first.json["ips"]
    assert cni("CHECK", prevResult={}) == Answer(0, None) and addresses(shop, "one")
    assert cni("DEL") == Answer(0, None) and guests(shop) == set()


@pytest.mark.parametrize("network", ["inside", "routed", "apart"])
def test_networks_of_other_kinds(shop, network):
    shop.apply(KINDS, "--no-prune")
    lan = cni("ADD", network="k_lan").json
    assert "external network k_lan is not behind this host" in lan["msg"] and network in lan["details"]
    added = cni("ADD", network=f"k_{network}")
    assert added.rc == 0, added
    assert {one["address"] for one in added.json["ips"]} == addresses(shop, "one")
    assert cni("ADD", network=f"k_{network}") == added
    assert cni("CHECK", prevResult=added.json, network=f"k_{network}") == Answer(0, None)
    assert cni("DEL", network=f"k_{network}") == Answer(0, None)
    assert shop.links("one") == ["lo"]


def test_two_ids_that_begin_alike(shop):
    first, second = ("a" * 12 + digit for digit in "12")
    assert cni("ADD", "one", first).rc == 0
    refused = cni("ADD", "two", second)
    assert refused.rc == 1 and refused.json["msg"] == f"cni-aaaaaaaaaaaa is another container, {first}"
    assert cni("DEL", "two", second) == Answer(0, None)
    assert cni("CHECK", "one", first, prevResult={}) == Answer(0, None)
    for file in GUESTS.iterdir():
        file.unlink()
    assert cni("GC", "", cniVersion="1.1.0") == Answer(0, None) and guests(shop) == set()


def test_more_than_anybody_reads(shop):
    assert call([], {"CNI_COMMAND": "ADD"}, "[" * (100 << 20)).json["code"] == 6


STRANGE: list[dict[str, object]] = [
    {"network": text}
    for text in ("", "../../etc", "a\nb", "x" * 70000, "$HOME", "${X:?no}", "@br-shop-front", "\ud800")
]
STRANGE += [
    {"ifname": name} for name in ("lo", "all", "default", "..", "a b", "eth0:1", "\x1b[2J", "e" * 16, "%d")
]
STRANGE += [
    {"runtimeConfig": said}
    for said in (
        {"ips": ["no address"]},
        {"ips": ["10.0.0.0/99", "::1"]},
        {"ips": [7]},
        {"mac": "ff:ff:ff:ff:ff:ff"},
        {"mac": "00:00:00:00:00:00"},
        {"mac": "$HOME"},
        {"mac": {}},
        {"portMappings": [{"hostPort": -1, "containerPort": 80}]},
        {"portMappings": [{"hostPort": 80, "containerPort": 1 << 70}]},
        {"portMappings": [{"hostPort": 80, "containerPort": 0}]},
        {"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}]},
        {"portMappings": [{"hostPort": 80, "containerPort": 80, "hostIP": "nowhere"}]},
        {"portMappings": [{"hostPort": port, "containerPort": 80} for port in range(1, 20000)]},
        {"portMappings": {"hostPort": 80}},
        {"aliases": {"any": "db"}},
    )
]


def test_what_no_runtime_says(shop):
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        before = shop.run("nft list ruleset").out
        for more in STRANGE:
            refused = cni("ADD", **more)
            assert refused.rc == 1 and "unforeseen" not in refused.json["msg"], (more, refused)
            assert not [*GUESTS.glob("*")] and not [*GUESTS.glob(".*")], more
        asked = {
            "container_id": "c",
            "network": {"name": "shop_front"},
            "network_options": {"interface_name": "eth0"},
            "port_mappings": [{"container_port": 1, "host_port": 1, "range": 1 << 40}],
        }
        assert "larger than there are" in call(["setup", "/run/netns/one"], {}, asked).json["error"]
        for nameless in ({}, {"network_options": {"interface_name": ""}}):
            asked = {"container_id": "c", "network": {"name": "shop_front"}, **nameless}
            assert "no interface_name" in call(["setup", "/run/netns/one"], {}, asked).json["error"]
        assert not [*GUESTS.glob("*")]
        assert cni("ADD", runtimeConfig={"aliases": {"any": ["a b", "*", "", "x" * 300]}}).rc == 0
        assert cni("DEL").rc == 0 and shop.run("nft list ruleset").out == before
        watcher.synced()


def test_where_the_plugin_is_asked_for_nothing_that_it_knows(shop):
    for environ in ({}, {"CNI_COMMAND": ""}, {"CNI_COMMAND": "ADD", "CNI_NETNS": "/run/netns/one"}):
        assert call([], environ, CONFIG).json["code"] == 4
    twice = ["172.30.0.5", "172.30.0.6"]
    refused = cni("ADD", runtimeConfig={"ips": twice}).json
    assert "172.30.0.5 and 172.30.0.6 are asked for" in refused["msg"]
    until(lambda: guests(shop) == set())

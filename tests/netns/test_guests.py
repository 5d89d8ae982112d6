"""Guests: what runtimes ask by CNI and netavark, answered by a watcher, and by a run of its own where there
is none."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.netns.lab import HOST4, ROOT, Lab
from tests.netns.watching import until, watching

pytestmark = pytest.mark.long

PLUGIN = ROOT / "reconciler/guests/reconciler-cni"
GUESTS = Path("/run/reconciler/guests")
SHOP = """
name: shop
networks: {front: {enable_ipv6: true}, back: {internal: true}}
services: {web: {networks: [front]}}
"""
CONFIG = {"cniVersion": "1.0.0", "name": "any", "type": "reconciler-cni", "network": "shop_front"}
PUBLISHED = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}


class Answer(NamedTuple):
    rc: int
    json: Any


@pytest.fixture
def shop(lab: Lab) -> Lab:
    lab.apply(SHOP)
    for name in ("one", "two"):
        lab.run(f"ip netns add {name}")
    return lab


def call(words: list[str], environ: Mapping[str, str], said: object, program: Path = PLUGIN) -> Answer:
    text = said if isinstance(said, str) else json.dumps(said)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        [program, *words],
        input=text,
        env={"PATH": path, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not run.stderr, run.stderr
    return Answer(run.returncode, json.loads(run.stdout) if run.stdout else None)


def cni(command: str, ns: str = "one", ident: str = "", ifname: str = "eth0", **more: object) -> Answer:
    environ = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": ident or f"id-of-{ns}",
        "CNI_NETNS": f"/run/netns/{ns}" if ns else "",
        "CNI_IFNAME": ifname,
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAME=pod-{ns}",
    }
    return call([], environ, {**CONFIG, **more})


def addresses(lab: Lab, ns: str, link: str = "eth0") -> set[str]:
    [seen] = lab.json(f"ip -j -n {ns} addr show {link}")
    return {f"{one['local']}/{one['prefixlen']}" for one in seen["addr_info"] if one["scope"] == "global"}


@pytest.mark.parametrize("watched", [False, True])
def test_a_guest_comes_is_found_and_goes(shop, watched):
    if watched:
        with watching(shop, shop.write(SHOP)) as watcher:
            watcher.settled()
            life(shop, watched=True)
            watcher.synced()
    else:
        life(shop)
    assert not [*GUESTS.iterdir()] and "cni" not in shop.reconcile("--status").out
    assert guests(shop) == set()
    shop.destroy()


def guests(lab: Lab) -> set[str]:
    """The sandboxes that are theirs."""
    return {name for name in lab.namespaces() if name.startswith(("cni-", "podman-"))}


def life(shop: Lab, *, watched: bool = False) -> None:
    added = cni("ADD", runtimeConfig=PUBLISHED | {"aliases": {"any": ["db", "no name!"]}})
    assert added.rc == 0 and cni("ADD", runtimeConfig=PUBLISHED | {"aliases": {"any": ["db"]}}) == added
    host, inner = added.json["interfaces"]
    [seen] = shop.json("ip -j -n one link show eth0")
    assert (inner["mac"], inner["sandbox"]) == (seen["address"], "/run/netns/one")
    assert shop.json(f"ip -j link show {host['name']}")
    assert {one["address"] for one in added.json["ips"]} == addresses(shop, "one")
    assert {one["dst"] for one in added.json["routes"]} == {"0.0.0.0/0", "::/0"}
    shop.serve("one", 80)
    assert str(shop.ask("R", HOST4, 8080)).startswith("one ")
    four, server = added.json["ips"][0]["address"].partition("/")[0], added.json["dns"]["nameservers"][0]
    for name in ("db", "pod-one"):
        assert shop.run(f"dig +short +time=2 {name} @{server}", "shop-web-1").out.strip() == four
    assert shop.run(f"dig +short +time=2 web @{server}", "one").out.strip() == shop.address("shop-web-1")
    assert cni("ADD", "two").rc == 0
    assert cni("CHECK", prevResult=added.json) == Answer(0, None)
    shop.run("ip -n one addr flush dev eth0 scope global")
    broken = cni("CHECK", prevResult=added.json)
    assert (watched and not broken.rc) or broken.json["code"] == 100  # a watcher may have been faster
    assert cni("ADD", runtimeConfig=PUBLISHED).json["ips"] == added.json["ips"]
    assert cni("DEL") == cni("DEL") == Answer(0, None)
    assert "eth0" not in shop.run("ip -n one link").out and shop.ask("R", HOST4, 8080) is None
    shop.run("ip netns del two")
    assert cni("DEL", "", ident="id-of-two") == Answer(0, None)


def test_who_has_gone_is_forgotten(shop):
    for ns in ("one", "two"):
        assert cni("ADD", ns).rc == 0
    shop.run("ip netns del two")
    kept = {"cni.dev/valid-attachments": [{"containerID": "id-of-one", "ifname": "eth0"}]}
    assert cni("GC", "", cniVersion="1.1.0", **kept) == Answer(0, None)
    assert len([*GUESTS.iterdir()]) == len(guests(shop)) == 1
    assert cni("GC", "", cniVersion="1.1.0") == Answer(0, None)
    assert not [*GUESTS.iterdir()] and not guests(shop)
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        assert cni("ADD").rc == 0
        shop.run("ip netns del one")
        until(lambda: not [*GUESTS.iterdir()] and not guests(shop))
        assert cni("ADD", "", ident="late").json["code"] == 4


def test_a_guest_is_kept_as_it_was_told(shop):
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        added = cni("ADD", runtimeConfig=PUBLISHED)
        shop.serve("one", 80)
        shop.run("nft flush ruleset")
        shop.run("ip link del br-shop-front")
        until(lambda: str(shop.ask("R", HOST4, 8080)).startswith("one "))
        assert {one["address"] for one in added.json["ips"]} == addresses(shop, "one")


def test_what_is_refused_leaves_nothing(shop):
    before = shop.run("nft list ruleset").out
    for more, code in (
        ({"network": "shop_none"}, 7),
        ({"cniVersion": "9.9.9"}, 1),
        ({"runtimeConfig": {"ips": ["192.0.2.7/24"]}}, 7),
        ({"runtimeConfig": []}, 6),
    ):
        refused = cni("ADD", **more)
        assert (refused.rc, refused.json["code"]) == (1, code), refused
    assert call([], {"CNI_COMMAND": "ADD"}, "{").json["code"] == 6
    assert call([], {"CNI_COMMAND": "DO"}, CONFIG).json["code"] == 4
    assert cni("STATUS", "") == Answer(0, None)
    assert cni("STATUS", "", network="shop_none").json["code"] == 50
    assert cni("ADD", runtimeConfig=PUBLISHED).rc == 0
    taken = cni("ADD", "two", runtimeConfig=PUBLISHED).json
    assert taken["code"] == 7 and "8080/tcp is taken" in taken["msg"] and "/run/" not in taken["msg"]
    assert "eth0" not in shop.run("ip -n two link").out
    assert cni("DEL").rc == 0 and shop.run("nft list ruleset").out == before


def test_netavark(shop):
    assert call(["info"], {}, "").json["api_version"] == "1.0.0"
    network = {"name": "front", "id": "f" * 64, "driver": "reconciler", "options": {"network": "shop_front"}}
    assert call(["create"], {}, network | {"subnets": []}).json["name"] == "front"
    lacking = call(["create"], {}, network | {"options": None})
    assert (lacking.rc, lacking.json["error"]) == (1, "no network front stands on this host")
    asked = {
        "container_id": "c" * 64,
        "container_name": "box",
        "port_mappings": [
            {"container_port": 80, "host_ip": "", "host_port": 8080, "protocol": "tcp", "range": 2}
        ],
        "network": network,
        "network_options": {
            "aliases": ["db"],
            "interface_name": "eth0",
            "static_ips": None,
            "static_mac": None,
        },
    }
    told = call(["setup", "/run/netns/one"], {}, asked).json["interfaces"]["eth0"]
    assert {one["ipnet"] for one in told["subnets"]} == addresses(shop, "one")
    shop.serve("one", 80, 81)
    assert [str(shop.ask("R", HOST4, port)).split()[0] for port in (8080, 8081)] == ["one", "one"]
    back = asked | {"network": network | {"options": {"network": "shop_back"}}, "port_mappings": None}
    back["network_options"] = {"aliases": [], "interface_name": "eth1"}
    assert call(["setup", "/run/netns/one"], {}, back).rc == 0
    assert addresses(shop, "one", "eth1")
    for request in (asked, back, back):
        assert call(["teardown", "/run/netns/one"], {}, request) == Answer(0, None)
    assert not [*GUESTS.iterdir()] and not guests(shop)
    assert "no object" in call(["setup", "/run/netns/one"], {}, "[1]").json["error"]


def test_whose_network_is_gone_holds_up_nobody(shop):
    assert cni("ADD", network="shop_back").rc == 0
    gone = shop.write(SHOP.replace(", back: {internal: true}", ""))
    assert "still used by link cni-7e5517e5bbae/eth0" in shop.succeed(shop.reconcile("--plan", gone)).out
    assert shop.reconcile("--apply", gone).rc == 0 and "Nothing to do." in shop.reconcile("--plan", gone).out
    with watching(shop, gone) as watcher:
        watcher.until(lambda: "external network shop_back does not exist" in watcher.log)
        assert cni("ADD", "two").rc == 0
        lacking = cni("CHECK", network="shop_back", prevResult={}).json
        assert (lacking["code"], lacking["msg"]) == (7, "external network shop_back does not exist")
        before = addresses(shop, "one")
        shop.write(SHOP)
        until(lambda: "br-shop-back" in shop.link(host_end(shop, "one")).get("master", ""))
        assert addresses(shop, "one") == before
    assert cni("CHECK", network="shop_back", prevResult={}) == Answer(0, None)
    shop.destroy()
    assert cni("DEL", network="shop_back") == cni("DEL", "two") == Answer(0, None)
    assert guests(shop) == set() and not [*GUESTS.iterdir()]


def host_end(lab: Lab, ns: str) -> str:
    [seen] = lab.json(f"ip -j -n {ns} link show eth0")
    return next(link["ifname"] for link in lab.json("ip -j link") if link["ifindex"] == seen["link_index"])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/proc/self/ns/net", "the host's own network"),
        ("/etc/passwd", "no network namespace"),
        ("/run/pipe", "no network namespace"),
        ("/run/link", "in sandbox shop-web-1 already"),
        ("/run/none", "No such file"),
        ("\n", "No such file"),
    ],
)
def test_what_is_no_namespace_of_a_guest(shop, path, why):
    os.mkfifo("/run/pipe")
    os.symlink("/run/netns/shop-web-1", "/run/link")
    environ = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "id-of-one", "CNI_IFNAME": "eth0"}
    for stands in (False, True):
        refused = call([], environ | {"CNI_NETNS": path}, CONFIG)
        assert refused.rc == 1 and why in refused.json["msg"], refused
        assert bool([*GUESTS.glob("*")]) == stands
        assert stands or cni("ADD").rc == 0
    assert cni("CHECK", prevResult={}) == Answer(0, None)

"""Networks of plugins that others wrote: Debian's containernetworking-plugins, and one that records."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.kernel.cni import plugin
from tests.netns.lab import HOST4, REMOTE4, Lab
from tests.netns.losses import losses
from tests.netns.watching import until, watching

DEBIAN = "/usr/lib/cni"
RECORDED = Path("/run/lab/plugins")
RECORDS = Path("/run/reconciler/cni")
GIVEN = Path("/var/lib/cni/networks")
LOCAL = {"type": "host-local", "ranges": [[{"subnet": "10.7.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
BRIDGE = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": LOCAL}
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}
CHAIN = [BRIDGE, PORTMAP, {"type": "firewall"}]
DEL = ["DEL c", "DEL b", "DEL a"]
NEW = [*DEL, "ADD a", "ADD b", "ADD c"]  # whatever plugins know of who is attached for the first time
IPAM = {"config": [{"subnet": "10.7.0.0/24"}]}

debian = pytest.mark.skipif(
    not (os.path.exists(f"{DEBIAN}/bridge") and shutil.which("iptables")),
    reason="this host has no containernetworking-plugins, or no iptables",
)


def manifest(
    plugins: list[dict[str, Any]], version: str = "1.0.0", name: str = "t", **more: Any
) -> dict[str, Any]:
    config = {"cniVersion": version, "name": f"{name}-lan", "plugins": plugins}
    network = {"driver": "cni", "config": config, **more}
    web = {"networks": ["lan"], "ports": ["8080:80"]}
    return {
        "name": name,
        "networks": {"lan": network},
        "containers": {"web": web, "db": {"networks": ["lan"]}},
    }


def is_gone(lab: Lab, name: str = "t-lan") -> None:
    assert lab.namespaces() == [] and not RECORDS.exists()
    assert not (GIVEN / name).exists() or [one for one in os.listdir(GIVEN / name) if one[0].isdigit()] == []


@debian
def test_bridge_portmap_and_firewall(lab):
    text = manifest(CHAIN, ipam=IPAM)
    lab.stands(text)
    web, db = lab.address("t-web"), lab.address("t-db")
    shown = lab.succeed(lab.reconcile("--show", lab.files / "t.yaml")).out
    assert f"t-web eth0  {web}" in shown and f"t-db eth0  {db}" in shown
    for ns in ("t-web", "R"):
        lab.serve(ns, 80)
    assert lab.ask("t-db", web, 80) == f"t-web {db}"
    assert lab.ask("t-web", REMOTE4, 80) == f"R {HOST4}"
    assert (lab.ask("R", HOST4, 8080) or "").startswith("t-web")
    assert "t-web" in Path("/etc/netns/t-web/hosts").read_text()
    lab.destroy()
    is_gone(lab)
    assert "CNI-DN-" not in lab.run("iptables-save").out and lab.link("cni0")


@debian
def test_who_it_knows_by_name_has_the_address_that_we_chose(lab):
    lab.apply(manifest(CHAIN, ipam=IPAM))
    said = lab.run("dig +short +time=1 +tries=2 @127.0.0.11 db", "t-web").out
    assert said.split() == [lab.address("t-db")]


@debian
def test_ptp_with_the_address_of_its_ipam(lab):
    text = manifest([{"type": "ptp", "ipMasq": True, "ipam": LOCAL}])
    lab.stands(text)
    lab.ip("link del eth0", "t-web")
    assert "(ptp, address by host-local)" in lab.succeed(lab.plan(text, "-o", "wide")).out
    lab.stands(text)
    lab.serve("t-web", 80)
    lab.serve("R", 80)
    assert lab.ask("t-db", lab.address("t-web"), 80) == f"t-web {lab.address('t-db')}"
    assert lab.ask("t-web", REMOTE4, 80) == f"R {HOST4}"
    lab.destroy()
    is_gone(lab)


@debian
def test_macvlan_on_a_lan(lab):
    ipam = {"type": "host-local", "ranges": [[{"subnet": "198.51.100.0/24", "rangeStart": "198.51.100.9"}]]}
    chosen = {"config": [{"subnet": "198.51.100.0/24", "ip_range": "198.51.100.64/26"}]}
    text = manifest([{"type": "macvlan", "master": "uplink", "ipam": ipam}], ipam=chosen)
    lab.stands(text)
    lab.serve("t-web", 80)
    lab.serve("R", 80)
    assert lab.ask("t-web", REMOTE4, 80) == f"R {lab.address('t-web')}"
    assert lab.ask("R", lab.address("t-web"), 80) == f"t-web {REMOTE4}"
    assert int(lab.address("t-web").split(".")[3]) >= 64
    lab.destroy()
    is_gone(lab)


@debian
def test_both_families_and_the_mac_by_capabilities(lab):
    ranges = [[{"subnet": "10.7.0.0/24"}], [{"subnet": "fd07::/64"}]]
    able = {"ips": True, "mac": True}
    text = manifest(
        [{**BRIDGE, "capabilities": able, "ipam": {"type": "host-local", "ranges": ranges}}],
        enable_ipv6=True,
        ipam={"config": [{"subnet": "10.7.0.0/24"}, {"subnet": "fd07::/64"}]},
    )
    text["containers"]["web"] = {
        "networks": {"lan": {"ipv6_address": "fd07::77", "mac_address": "02:00:00:00:07:77"}}
    }
    lab.stands(text)
    assert lab.addresses("t-web", family=6) == ["fd07::77/64"]
    assert lab.link("eth0", "t-web")["address"] == "02:00:00:00:07:77"
    text["networks"]["lan"]["config"]["plugins"][0]["capabilities"] = {"mac": True}
    told = lab.plan(text)
    assert told.rc == 65 and "would have 2 addresses" in told.err and "capabilities: {ips: true}" in told.err


@debian
def test_tuning_in_the_sandbox(lab):
    text = manifest([BRIDGE, {"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.arp_notify": "1"}}], ipam=IPAM)
    lab.stands(text)
    assert lab.run("cat /proc/sys/net/ipv4/conf/eth0/arp_notify", "t-web").out == "1\n"


@debian
def test_bandwidth(lab):
    for probe in ("qdisc add dev lo root tbf rate 1mbit burst 32kbit latency 50ms", "qdisc del dev lo root"):
        if "Error" in lab.run(f"tc {probe}", check=False).err:
            pytest.skip("this kernel has no tbf")
    limits = {"ingressRate": 8_000_000, "ingressBurst": 800_000}
    lab.stands(manifest([BRIDGE, {"type": "bandwidth", **limits}], ipam=IPAM))
    assert "rate 8Mbit" in lab.run("tc qdisc show").out


@debian
@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_a_list_in_a_file_and_one_plugin_alone(lab, version):
    lab.files.mkdir(parents=True, exist_ok=True)
    (lab.files / "lan.conf").write_text(json.dumps({"cniVersion": version, "name": "t-lan", **BRIDGE}))
    text = manifest([])
    text["networks"]["lan"]["config"] = "./lan.conf"
    lab.stands(text)
    (lab.files / "lan.conf").write_text(
        json.dumps({"cniVersion": version, "name": "t-lan", **BRIDGE, "mtu": 1400})
    )
    ends = ("attachment t-db/eth0", "attachment t-web/eth0")
    assert lab.planned(text) == [
        *(f"delete {end}" for end in reversed(ends)),
        *(f"replace {end}" for end in ends),
    ]
    lab.stands(text)
    assert lab.link("eth0", "t-web")["mtu"] == 1400


@debian
def test_what_is_lost_of_a_link_is_drift_and_is_healed(lab):
    text = manifest(CHAIN, ipam=IPAM)
    lab.apply(text)
    address = lab.addresses("t-web")[0]
    lab.serve("t-web", 80)
    for line, why in losses(address):
        lab.ip(line, "t-web")
        assert f"replaced: state {why} -> attached" in lab.succeed(lab.plan(text, "-o", "wide")).out
        lab.stands(text)
        assert lab.addresses("t-web") == [address]
        lab.run("ip neigh flush dev cni0")  # plugins tell nobody who has it now
        assert (lab.ask("R", HOST4, 8080) or "").startswith("t-web")


@debian
def test_a_sandbox_that_somebody_took_away_is_attached_anew(lab):
    text = manifest(CHAIN, ipam=IPAM)
    lab.apply(text)
    lab.run("ip netns del t-web")
    assert "state its sandbox is no more" in lab.succeed(lab.plan(text, "-o", "wide")).out
    lab.stands(text)
    lab.run("ip netns del t-web")
    lab.run("ip netns del t-db")
    lab.destroy()
    is_gone(lab)
    assert "CNI-DN-" not in lab.run("iptables-save").out


@debian
def test_who_was_never_taken_back_gives_back_what_it_had(lab):
    """As after a power cut: what plugins keep in /var is there, and nothing of /run."""
    text = manifest(CHAIN, ipam=IPAM)
    lab.apply(text)
    for ns in ("t-web", "t-db"):
        lab.run(f"ip netns del {ns}")
    shutil.rmtree(RECORDS)
    lab.stands(text)
    assert len([one for one in os.listdir(GIVEN / "t-lan") if one[0].isdigit()]) == 2
    lab.destroy()
    is_gone(lab)


def test_addresses_are_the_same_however_a_plugin_writes_them(lab):
    recorder(lab, a="capitals")
    text = recorded([{"type": "a"}])
    lab.stands(text)
    assert lab.addresses("t-web", family=6) == ["fd07::77/64"]


@debian
def test_beside_a_bridge_of_ours(lab):
    """Whose ports and default route are ours, while the host forwards what plugins let through."""
    text = manifest(CHAIN, ipam=IPAM)
    inside = {**BRIDGE, "bridge": "cni1", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}
    config = {"cniVersion": "1.0.0", "name": "t-side", "plugins": [inside, PORTMAP]}
    text["networks"]["front"] = {"ipam": {"config": [{"subnet": "10.8.0.0/24"}]}}
    text["networks"]["side"] = {"driver": "cni", "config": config}
    text["containers"]["web"]["networks"] = ["front", "side"]
    lab.stands(text)
    lab.serve("t-web", 80)
    lab.serve("R", 80)
    assert (lab.ask("R", HOST4, 8080) or "").startswith("t-web")
    assert "CNI-DN-" not in lab.run("iptables-save").out
    assert lab.ask("t-db", REMOTE4, 80) == f"R {HOST4}"
    assert lab.ask("t-db", REMOTE4, 80) == f"R {HOST4}"
    text["containers"]["web"]["networks"] = ["front", "lan"]
    assert "give t-web a default route, which has one by another" in lab.succeed(lab.plan(text)).err


@debian
def test_a_watcher_heals_it_and_follows_the_file_of_its_list(lab):
    text = manifest([])
    text["networks"]["lan"]["config"] = "lan.conflist"
    whole = {"cniVersion": "1.0.0", "name": "t-lan", "plugins": CHAIN}
    lab.write(whole, "m/lan.conflist")
    lab.write(text, "m/t.yaml")
    with watching(lab, lab.files / "m"):
        lab.ip("link del eth0", "t-web")
        until(lambda: "eth0" in lab.links("t-web"), 40)
        whole["plugins"] = [{**BRIDGE, "mtu": 1300}, *CHAIN[1:]]
        lab.write(whole, "m/lan.conflist")
        until(lambda: ("eth0", 1300) in mtus(lab), 40)


def mtus(lab: Lab) -> list[tuple[str, int]]:
    return [(link["ifname"], link["mtu"]) for link in lab.json("ip -j link", "t-web")]


def test_a_rehearsal_runs_no_plugin(lab):
    text = recorded(recorder(lab))
    lab.succeed(lab.reconcile("--rehearse", lab.write(text)))
    assert said() == []
    lab.apply(text, "--rehearse")
    assert said() == NEW


def recorder(lab: Lab, **does: str) -> list[dict[str, Any]]:
    """Plugins a, b and c in a folder of their own; what they do, if not what they are told."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    source = (Path(__file__).parent / "recording_plugin.py").read_text()
    for name in "abc":
        (RECORDED / name).write_text(f"#!{sys.executable} -SEI\n{source}")
        (RECORDED / name).chmod(0o755)
        (RECORDED / f"{name}.does").unlink(missing_ok=True)
    for name, what in does.items():
        (RECORDED / f"{name}.does").write_text(what)
    (RECORDED / "log").write_text("")
    plugins: list[dict[str, Any]] = [{"type": "a", "capabilities": {"portMappings": True, "aliases": False}}]
    return [*plugins, {"type": "b", "capabilities": {"mac": True}, "extra": [1]}, {"type": "c"}]


def calls() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / "log").read_text().splitlines()]


def said() -> list[str]:
    return [f"{one['command']} {one['plugin']}" for one in calls()]


def recorded(plugins: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    text = manifest(plugins, driver_opts={"path": str(RECORDED)}, **more)
    del text["containers"]["db"]
    return text


def test_how_plugins_are_run(lab):
    text = recorded(recorder(lab), ipam=IPAM)
    lab.apply(text)
    assert said() == NEW
    one, two, three = calls()[3:]
    mac = json.loads((RECORDS / "t-web/eth0").read_text())
    assert one["config"] == {
        "cniVersion": "1.0.0", "name": "t-lan", "type": "a",
        "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]},
    }  # fmt: skip
    assert two["config"]["extra"] == [1] and [*two["config"]["runtimeConfig"]] == ["mac"]
    assert two["config"]["prevResult"] == three["config"]["prevResult"] == mac["result"]
    assert {**one["environment"], "CNI_ARGS": "", "PATH": "", "LC_CTYPE": ""} == {
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "t-web", "CNI_NETNS": "/run/netns/t-web",
        "CNI_IFNAME": "eth0", "CNI_PATH": str(RECORDED), "CNI_ARGS": "", "PATH": "", "LC_CTYPE": "",
    }  # fmt: skip
    assert one["environment"]["CNI_ARGS"].startswith("IgnoreUnknown=1;IP=10.7.0.")
    assert (RECORDS / "t-web/eth0").stat().st_mode & 0o777 == 0o600
    (RECORDED / "log").write_text("")
    lab.destroy()
    assert said() == DEL
    assert all("prevResult" in call["config"] for call in calls())
    is_gone(lab)


def test_without_its_sandbox_plugins_are_told_of_none(lab):
    lab.apply(recorded(recorder(lab)))
    lab.run("ip netns del t-web")
    (RECORDED / "log").write_text("")
    lab.destroy()
    assert [call["environment"]["CNI_NETNS"] for call in calls()] == ["", "", ""]
    is_gone(lab)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("fail", "plugin b: code 11: no room (try later)"),
        ("flood", "plugin b: it says more than 1024 KiB"),
        ("chatter", "plugin b: it says more than 1024 KiB"),
        ("lie", "plugin b: its answer is no JSON"),
        ("nest", "plugin b: its answer is no JSON: nested too deep"),
        ("nothing", "plugin b: it answers nothing"),
        ("list", "plugin b: its answer is no result"),
        ("die", "plugin b: it died of SIGSEGV"),
        ("nameless", "plugin b: it died of signal 40"),
        ("end", "plugin b: it ended with status 3: broken"),
        ("hang", "plugin b: no answer within 2 s"),
    ],
)
def test_a_plugin_that_fails_is_taken_back_and_holds_up_nobody(lab, monkeypatch, what, words):
    monkeypatch.setattr(plugin, "PATIENCE", 2.0)
    text = recorded(recorder(lab, b=what))
    text["networks"]["front"] = {}
    text["containers"]["other"] = {"networks": ["front"]}
    result = lab.try_apply(text)
    assert result.rc == 3 and words in result.err and "t.yaml:1:" in result.err, result
    assert "Traceback" not in result.err
    assert said() == [*DEL, "ADD a", "ADD b", *DEL]
    assert lab.namespaces() == ["t-other"] and not RECORDS.exists()
    (RECORDED / "b.does").unlink()
    lab.stands(text)


def test_who_tells_of_what_is_not_there(lab):
    result = lab.try_apply(recorded(recorder(lab, a="absent")))
    assert result.rc == 3 and "plugin c: it tells of a link eth0 that is not there" in result.err, result
    lab.stands(recorded(recorder(lab, a="odd")))


def test_a_change_that_fails_leaves_what_was(lab):
    text = recorded(recorder(lab))
    lab.apply(text)
    (RECORDED / "log").write_text("")
    (RECORDED / "c.does").write_text("fail")
    text["networks"]["lan"]["config"]["plugins"][0]["more"] = 1
    result = lab.try_apply(text)
    assert result.rc == 3, result
    adds = [call for call in calls() if call["command"] == "ADD" and call["plugin"] == "a"]
    assert ["more" in call["config"] for call in adds] == [True, False]


def test_who_is_killed_while_a_plugin_works_is_cleaned_up_after(lab):
    text = recorded(recorder(lab, b="hang"))
    child = lab.start("--apply", lab.write(text))
    eventually(lambda: said() == [*DEL, "ADD a", "ADD b"])
    child.kill()
    child.communicate()
    (RECORDED / "b.does").unlink()
    assert "state unfinished -> attached" in lab.succeed(lab.plan(text, "-o", "wide")).out
    lab.stands(text)
    assert said() == [*DEL, "ADD a", "ADD b", *DEL, "ADD a", "ADD b", "ADD c"]


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_cannot_be_taken_back_is_told_and_tried_again(lab):
    text = recorded(recorder(lab))
    lab.apply(text)
    (RECORDED / "b.does").write_text("DEL fail")
    result = lab.reconcile("--destroy", lab.files / "t.yaml")
    assert result.rc == 3 and "plugin b: code 11" in result.err, result
    assert said()[-3:] == DEL  # all of them
    assert lab.namespaces() == ["t-web"] and (RECORDS / "t-web/eth0").exists()
    (RECORDED / "b.does").unlink()
    lab.destroy()
    is_gone(lab)


def test_a_plugin_that_is_missing_makes_its_project_wait_alone(lab):
    recorder(lab)
    text = manifest([{"type": "bridge", "ipam": {"type": "nobody"}}], driver_opts={"path": str(RECORDED)})
    lab.write("{name: u, containers: {a: {}}}", "u.yaml")
    lab.write(text)
    result = lab.reconcile("--apply", lab.files)
    assert result.rc == 3 and f"CNI plugin bridge is in none of {RECORDED}" in result.err, result
    assert lab.namespaces() == ["u-a"]


@pytest.mark.parametrize("result", ["{}", "[1]", "{not", '{"format": 1, "result": 5}', "\0" * 9])
def test_a_record_that_somebody_spoilt_is_made_anew(lab, result):
    text = recorded(recorder(lab))
    lab.apply(text)
    (RECORDS / "t-web/eth0").write_text(result)
    lab.stands(text)


def test_one_port_of_the_host_leads_to_one_container(lab):
    text = recorded(recorder(lab))
    text["containers"]["db"] = text["containers"]["web"]
    lab.refused(text, "host port 8080/tcp is taken: t-web on network t_lan has it")
    text = recorded(recorder(lab))
    text["networks"]["front"] = {}
    text["containers"]["other"] = {"networks": ["front"], "ports": ["8080:81"]}
    lab.refused(text, "8080")


def test_what_is_not_published_and_what_plugins_cannot_be_held_to(lab):
    text = recorded(recorder(lab))
    text["containers"]["web"]["ports"] = ["80"]
    assert "choose none" in lab.succeed(lab.plan(text)).err
    text["networks"]["lan"]["config"]["plugins"][0]["capabilities"] = {}
    assert "without the capability `portMappings`" in lab.succeed(lab.plan(text)).err
    lab.refused(
        {**text, "networks": {"lan": {**text["networks"]["lan"], "internal": True}}}, "cannot be held to"
    )

"""The dialogues of CNI's specification, SPEC.md 1.1.0, "Appendix: Examples": ours in the place of the plugin
that makes the link, and we as who runs plugins, which are Debian's and are written down as they are run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.netns.lab import HOST4, ROOT, Lab
from tests.netns.test_guests import PLUGIN, SHOP, Answer, call, shop
from tests.netns.watching import watching

__all__ = ["shop"]
DEBIAN, RECORDED = Path("/usr/lib/cni"), Path("/run/lab/plugins")
NETNS = "/var/run/netns/one"
MAC = "00:11:22:33:44:66"
MAPPINGS = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]
BRIDGE = {
    "type": "bridge",
    "bridge": "cni0",
    "keyA": ["some more", "plugin specific", "configuration"],
    "ipam": {"type": "host-local", "subnet": "10.1.0.0/16", "gateway": "10.1.0.1"},
    "dns": {"nameservers": ["10.1.0.1"]},
}
TUNING = {"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}}
PORTMAP = {"type": "portmap"}
TUNED, MAPPED = (
    TUNING | {"runtimeConfig": {"mac": MAC}},
    PORTMAP | {"runtimeConfig": {"portMappings": MAPPINGS}},
)
BEFORE = {  # what a plugin before ours has made
    "ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2}],
    "routes": [{"dst": "10.2.0.0/16"}],
    "interfaces": [
        {"name": "cni0", "mac": "00:11:22:33:44:55"},
        {"name": "veth3243", "mac": "55:44:33:22:11:11"},
        {"name": "net1", "mac": "99:88:77:66:55:44", "sandbox": NETNS},
    ],
    "dns": {"nameservers": ["10.1.0.1"], "search": ["example.org"]},
}
debian = pytest.mark.skipif(not DEBIAN.exists(), reason="apt-get install containernetworking-plugins")


def asked(command: str, said: dict[str, Any], version: str = "1.0.0", before: object = None) -> Answer:
    environ = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "blue",
        "CNI_NETNS": NETNS,
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;argA=foo",
        "CNI_PATH": str(DEBIAN),
    }
    program = PLUGIN if said["type"] == "reconciler" else DEBIAN / said["type"]
    config = {"cniVersion": version, "name": "dbnet", **said}
    return call([], environ, config | ({"prevResult": before} if before is not None else {}), program)


OURS = BRIDGE | {"type": "reconciler", "network": "shop_front"}  # whose other keys are nobody's


@debian
@pytest.mark.parametrize("watched", [False, True])
def test_ours_makes_the_link_that_others_change(shop, watched):
    if not watched:
        the_example(shop)
        return
    with watching(shop, shop.write(SHOP)) as watcher:
        the_example(shop)
        watcher.synced()


def the_example(shop: Lab) -> None:
    made = asked("ADD", OURS)
    assert list(made.json) == ["cniVersion", "interfaces", "ips", "routes", "dns"]
    host, inner = made.json["interfaces"]
    assert "sandbox" not in host and (inner["name"], inner["sandbox"]) == ("eth0", NETNS)
    tuned = asked("ADD", TUNED, before=made.json)
    final = asked("ADD", MAPPED, before=tuned.json)
    assert final == tuned and final.json["interfaces"][1] == inner | {"mac": MAC} != inner
    for plugin in (OURS, TUNED):  # portmap 1.1.1 finds fault with all that is sound
        assert asked("CHECK", plugin, before=final.json) == Answer(0, None)
    assert shop.link("eth0", "one")["address"] == MAC
    assert asked("CHECK", OURS, before=final.json) == Answer(0, None)
    assert shop.sysctl("net/core/somaxconn", "one") == "500"
    shop.serve("one", 80)
    assert str(shop.ask("R", HOST4, 8080)).startswith("one ")
    assert shop.planned(SHOP) == []
    for plugin in (MAPPED, TUNED, OURS, OURS):
        assert asked("DEL", plugin, before=final.json) == Answer(0, None)
    assert shop.links("one") == ["lo"]


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_ours_after_others_hands_on_what_they_have_made(shop, version):
    shop.ip("link add net1 type bridge", "one")
    told = asked("ADD", OURS, version, BEFORE | {"cniVersion": version}).json
    three, two = len(BEFORE["interfaces"]), len(BEFORE["interfaces"]) + 2
    assert told["interfaces"][:three] == BEFORE["interfaces"] and len(told["interfaces"]) == two
    assert told["ips"][:1] == BEFORE["ips"] and told["routes"][:1] == BEFORE["routes"]
    assert {one["interface"] for one in told["ips"][1:]} == {two - 1}
    gateways = [one["gateway"] for one in told["ips"][1:]]
    assert [one["gw"] for one in told["routes"][1:]] == gateways
    assert told["dns"] == {"nameservers": [gateways[0], "10.1.0.1"], "search": ["example.org"]}
    assert asked("CHECK", OURS, version, told) == Answer(0, None)
    spoilt = told["interfaces"][-1] | {"mac": "99:99:99:99:99:99"}  # of a group
    refused = asked("CHECK", OURS, version, told | {"interfaces": [spoilt]})
    assert (refused.rc, refused.json["cniVersion"], refused.json["code"]) == (1, version, 7)
    assert asked("CHECK", OURS, version, told) == Answer(0, None)
    assert asked("DEL", OURS, version, told) == Answer(0, None)
    assert shop.links("one") == ["lo", "net1"]


def recorded(lab: Lab) -> dict[str, Any]:
    """The list of the example, whose plugins write down what they are told before they do it."""
    RECORDED.mkdir(parents=True)
    source = (ROOT / "tests/netns/recording_plugin.py").read_text()
    for plugin in (BRIDGE, TUNING, PORTMAP):
        path = RECORDED / plugin["type"]
        path.write_text(f"#!{sys.executable} -SEI\n{source}")
        path.chmod(0o755)
        (RECORDED / f"{plugin['type']}.is").symlink_to(DEBIAN / plugin["type"])
    plugins = [
        BRIDGE,
        TUNING | {"capabilities": {"mac": True}},
        PORTMAP | {"capabilities": {"portMappings": True}},
    ]
    config = {"cniVersion": "0.3.1", "cniVersions": ["0.3.1", "0.4.0", "1.0.0"], "name": "dbnet"}
    network = {"driver": "cni", "driver_opts": {"path": f"{RECORDED}:{DEBIAN}"}}
    network |= {"config": config | {"plugins": plugins}, "ipam": {"config": [{"subnet": "10.1.0.0/16"}]}}
    web = {"networks": {"lan": {"ipv4_address": "10.1.0.5", "mac_address": MAC}}, "ports": ["8080:80"]}
    return {"name": "t", "networks": {"lan": network}, "containers": {"web": web}}


def calls() -> list[dict[str, Any]]:
    """Since the last time."""
    lines = (RECORDED / "log").read_text().splitlines()
    (RECORDED / "log").write_text("")
    return [json.loads(line) for line in lines]


@debian
def test_we_run_them(lab):
    text = recorded(lab)
    lab.stands(text)
    result = json.loads(Path("/run/reconciler/cni/t-web/eth0").read_text())["result"]
    *_, one, two, three = calls()
    first = two["config"]["prevResult"]
    assert [link["name"] for link in first["interfaces"]][::2] == ["cni0", "eth0"]
    assert first["interfaces"][2]["sandbox"] == one["environment"]["CNI_NETNS"] == "/run/netns/t-web"
    assert first["ips"] == [{"interface": 2, "address": "10.1.0.5/16", "gateway": "10.1.0.1"}]
    given = {"cniVersion": "1.0.0", "name": "dbnet"}
    assert one["config"] == given | BRIDGE
    assert two["config"] == given | TUNED | {"prevResult": first}
    assert three["config"] == given | MAPPED | {"prevResult": result}
    bridge, host, inner = first["interfaces"]
    assert result == first | {"interfaces": [bridge, host, inner | {"mac": MAC}]} and inner["mac"] != MAC
    parameters = {
        "CNI_CONTAINERID": "t-web",
        "CNI_NETNS": "/run/netns/t-web",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;IP=10.1.0.5/16",
        "CNI_PATH": f"{RECORDED}:{DEBIAN}",
    }
    assert [cni(one) for one in (one, two, three)] == [parameters | {"CNI_COMMAND": "ADD"}] * 3
    lab.destroy()
    back = calls()
    assert [call["config"] for call in back] == [
        given | plugin | {"prevResult": result} for plugin in (MAPPED, TUNED, BRIDGE)
    ]
    assert [cni(one) for one in back] == [parameters | {"CNI_COMMAND": "DEL"}] * 3


def cni(call: dict[str, Any]) -> dict[str, str]:
    return {name: text for name, text in call["environment"].items() if name.startswith("CNI_")}

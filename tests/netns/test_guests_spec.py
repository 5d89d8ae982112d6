"""What the specification of CNI fixes, SPEC.md 1.1.0, and plugins of others before and behind ours."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.netns.test_guests import CONFIG, GUESTS, Answer, addresses, call, cni, shop

__all__ = ["shop"]
VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
OTHERS = Path("/usr/lib/cni")


def test_versions():
    for said in ("0.3.0", "1.1.0", "2.0.0"):
        told = call([], {"CNI_COMMAND": "VERSION"}, {"cniVersion": said})
        assert told == Answer(0, {"cniVersion": said, "supportedVersions": VERSIONS})
    refused = call([], {"CNI_COMMAND": "ADD"}, CONFIG | {"cniVersion": "9.0.0"}).json
    assert (refused["cniVersion"], refused["code"]) == ("1.1.0", 1)
    assert refused["msg"] == "incompatible CNI version '9.0.0'"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_result_of_each_version(shop, version):
    told = cni("ADD", cniVersion=version).json
    assert list(told) == ["cniVersion", "interfaces", "ips", "routes", "dns"]
    assert told["cniVersion"] == version
    numbers = [("version" in one) and one["version"] for one in told["ips"]]
    assert numbers == (["4", "6"] if version < "1.0.0" else [False, False])
    outer, inner = told["interfaces"]
    assert list(outer) == ["name"] and inner.get("mtu") == (1500 if version >= "1.1.0" else None)
    assert {one["interface"] for one in told["ips"]} == {1}
    assert cni("ADD", cniVersion=version).json == told
    assert cni("CHECK", cniVersion=version, prevResult=told) == Answer(0, None)
    assert cni("DEL", cniVersion=version, prevResult=told) == Answer(0, None)
    assert cni("CHECK", cniVersion=version, prevResult=told).json["code"] == 100
    assert cni("CHECK", cniVersion=version).json["code"] == 7


def test_the_collection_of_one_list_leaves_others(shop):
    assert [cni("ADD", ns).rc for ns in ("one", "two")] == [0, 0]
    assert cni("ADD", "one", "id-of-one", name="other", ifname="eth1").rc == 0  # on the same network
    there = {"cni.dev/valid-attachments": [{"containerID": "id-of-two", "ifname": "eth0"}]}
    assert cni("GC", "", cniVersion="1.1.0", **there) == Answer(0, None)
    assert addresses(shop, "one", "eth1") and "eth0" not in shop.links("one")
    assert addresses(shop, "two")
    assert cni("GC", "", cniVersion="1.1.0", name="third") == Answer(0, None)
    assert addresses(shop, "one", "eth1")
    assert cni("GC", "", cniVersion="1.1.0", name="").json["code"] == 7
    assert cni("GC", "", cniVersion="1.1.0", name="other", network="shop_back") == Answer(0, None)
    assert len([*GUESTS.iterdir()]) == 1 and shop.links("one") == ["lo"]


def other(name: str, command: str, config: dict[str, Any]) -> Answer:
    """A plugin of somebody else's."""
    environ = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "id-of-one",
        "CNI_NETNS": "/run/netns/one",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(OTHERS),
        "PATH": os.environ["PATH"],
    }
    return call([], environ, {"cniVersion": "1.0.0", "name": "any", "type": name, **config}, OTHERS / name)


@pytest.mark.skipif(
    not OTHERS.exists(), reason="not installed here: apt-get install containernetworking-plugins"
)
def test_in_a_chain(shop):
    """As libcni calls it: each is given the result of the one before."""
    before = {"interfaces": [{"name": "lo", "sandbox": "/run/netns/one"}], "ips": [], "routes": []}
    added = cni("ADD", prevResult={"cniVersion": "1.0.0", **before})
    assert [one["name"] for one in added.json["interfaces"]][::2] == ["lo", "eth0"]
    assert {one["interface"] for one in added.json["ips"]} == {2}
    tuned = {"sysctl": {"net.ipv4.conf.eth0.arp_filter": "1"}, "prevResult": added.json}
    behind = other("tuning", "ADD", tuned)
    assert behind.rc == 0 and behind.json["ips"] == added.json["ips"]
    assert shop.sysctl("net/ipv4/conf/eth0/arp_filter", "one") == "1"
    assert other("tuning", "CHECK", tuned | {"prevResult": behind.json}).rc == 0
    assert cni("CHECK", prevResult=behind.json) == Answer(0, None)
    assert other("tuning", "DEL", tuned).rc == 0
    assert cni("DEL", prevResult=behind.json) == Answer(0, None)

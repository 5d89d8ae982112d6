"""What is sent to groups is for neighbours, and policies are not got round by it."""

import pytest

from tests.netns.frames import BROADCAST, Frame, arrivals, ethernet, ipv4, udp, udp6
from tests.netns.lab import Lab

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  bound:
    networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2', mac_address: '02:00:00:00:00:0a'}}
    egress: [outside, "api.x.com:80/udp"]
  named:
    networks: {n: {ipv4_address: 10.91.0.5, ipv6_address: 'fd91::5', mac_address: '02:00:00:00:00:0d'}}
    egress: ["api.x.com:80/udp"]
  free: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3', mac_address: '02:00:00:00:00:0b'}}}
  shut:
    networks: {n: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4', mac_address: '02:00:00:00:00:0c'}}
    ingress: ["free:80/udp"]
  all: {networks: {n: {ipv4_address: 10.91.0.6, ipv6_address: 'fd91::6'}}, ingress: [network/n]}
"""
PLACES = {name: (f"t-{name}", "eth0") for name in ("free", "shut", "all")}
GROUPS4 = {
    "all": ("255.255.255.255", BROADCAST),
    "all of the network": ("10.91.0.255", BROADCAST),
    "mdns": ("224.0.0.251", "01:00:5e:00:00:fb"),
    "somebody's": ("239.1.2.3", "01:00:5e:01:02:03"),
}
GROUPS6 = {"all nodes": ("ff02::1", "33:33:00:00:00:01"), "somebody's 6": ("ff0e::1:2", "33:33:00:01:00:02")}


def frames(mac: str, number: int) -> dict[str, Frame]:
    own4, own6 = f"10.91.0.{number}", f"fd91::{number}"
    four: dict[str, Frame] = {
        name: lambda m, to=to, at=at: ethernet(at, mac, 0x0800, ipv4(own4, to, 17, udp(9, 80, m)))
        for name, (to, at) in GROUPS4.items()
    }
    return four | {
        name: lambda m, to=to, at=at: ethernet(at, mac, 0x86DD, udp6(own6, to, (9, 80), m))
        for name, (to, at) in GROUPS6.items()
    }


@pytest.mark.parametrize(("name", "mac", "number"), [("bound", "a", 2), ("named", "d", 5)])
def test_no_group_is_outside(netfiltered: Lab, name: str, mac: str, number: int):
    netfiltered.apply(MANIFEST)
    for one in netfiltered.run("nft list sets inet").out.split():  # had somebody told such a name
        if one.startswith("named-"):
            items = GROUPS4 if one.endswith("4") else GROUPS6
            said = ", ".join(group for group, _ in items.values())
            netfiltered.nft(f"add element inet reconciler {one} {{ {said} }}")
    found = arrivals(netfiltered, f"t-{name}", frames(f"02:00:00:00:00:0{mac}", number), PLACES)
    assert {name: places for name, places in found.items() if places} == {}


def test_of_a_group_hears_nobody_whom_not_all_may_reach(netfiltered: Lab):
    netfiltered.apply(MANIFEST)
    assert netfiltered.planned(MANIFEST) == []
    netfiltered.serve("t-shut", 80, proto="udp")
    assert netfiltered.ask("t-free", "10.91.0.4", 80, "udp")  # who is found by what is sent to a group
    assert netfiltered.ask("t-free", "fd91::4", 80, "udp")
    found = arrivals(netfiltered, "t-free", frames("02:00:00:00:00:0b", 3), PLACES)
    assert {name: places for name, places in found.items() if places != ["free", "all"]} == {}
    free = MANIFEST.replace('    ingress: ["free:80/udp"]\n', "")
    netfiltered.apply(free)
    assert "deaf" not in netfiltered.rules() and netfiltered.planned(free) == []

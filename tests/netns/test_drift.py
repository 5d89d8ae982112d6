"""What somebody changed by hand is seen by the plan and put right by the next apply."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.kernel.kinds.address import message
from reconciler.kernel.netlink.socket import attr, open_socket, send
from reconciler.kinds.address import Address
from tests.netns.conftest import new_lab
from tests.netns.lab import Lab
from tests.netns.samples import WEB
from tests.netns.snapshot import differing

IFA_CACHEINFO = 6  # linux/if_addr.h


@pytest.fixture(scope="module")
def drifting(privileged: None) -> Iterator[Lab]:
    """A host of which every test takes something away and puts it back."""
    with new_lab() as made:
        made.apply(WEB)
        yield made


def heals(lab: Lab) -> None:
    """By one apply, to what was told to the first."""
    assert lab.planned(WEB) != []
    lab.apply(WEB)
    assert lab.planned(WEB) == []


def test_files_do_not_outlive_a_sandbox_that_somebody_removed(lab):
    os.makedirs("/etc/netns/theirs")
    Path("/etc/netns/theirs/hosts").write_text("127.0.0.1 localhost\n")
    Path("/etc/netns/README").write_text("no directory\n")
    before = lab.snapshot()
    lab.apply(WEB)
    lab.run("ip netns del t-db")
    lab.apply(WEB.replace("  db: {networks: [n]}\n", ""))
    assert sorted(os.listdir("/etc/netns")) == ["README", "t-web", "theirs"]
    lab.run("ip netns del t-web")
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}


@pytest.mark.parametrize(
    "command",
    [
        "nft flush ruleset",
        "nft delete table inet reconciler",
        "nft delete table bridge reconciler",
        "nft flush chain inet reconciler forward",
        "nft insert rule inet reconciler forward accept",
        "nft flush map inet reconciler publish4",
        "nft add element inet reconciler internal { br-t-n }",
        "nft add chain inet reconciler stray",
        "nft add table inet reconciler { flags dormant; }",
        "nft add table bridge reconciler { flags dormant; }",
        "ip link del br-t-n",
        "ip link set br-t-n down",
        "ip addr flush dev br-t-n",
        "ip netns del t-web",
        "ip -n t-web addr flush dev eth0",
        "ip -n t-web route del default",
        "ip -n t-web route flush table main",
        "ip -n t-web link set eth0 down",
        "ip -n t-web link del eth0",
        "ip link set br-t-n mtu 1300",
        "ip link set br-t-n type bridge stp_state 1",
        "ip link set br-t-n arp off",
        "ip link set br-t-n multicast off",
        "ip -n t-web link set eth0 arp off",
        "ip link set dev br-t-n address 02:11:22:33:44:55",
        "umount /run/netns/t-web",
        "rm -r /etc/netns/t-web",
        "ip rule flush",
        "ip route add 198.18.0.0/15 proto 109 nexthop via 198.51.100.2 nexthop via 198.51.100.3",
        "ip -6 route add 2001:db8:9::/64 proto 109 nexthop via 2001:db8:1::2 nexthop via 2001:db8:1::3",
    ],
)
def test_is_repaired(drifting, command):
    before = drifting.rules()
    drifting.run(command)
    if command == "ip rule flush":
        drifting.ip("rule add pref 32766 lookup main\nrule add pref 32767 lookup default")
    heals(drifting)
    assert drifting.rules() == before
    with drifting.serving("t-web", 80):
        for address in ("198.51.100.1", "2001:db8:1::1"):
            assert drifting.ask("R", address, 8080)


@pytest.mark.parametrize("valid", [600, 0xFFFFFFFF])
@pytest.mark.parametrize("ip", ["10.91.0.1", "fd91::1"])
def test_an_address_that_was_given_a_lifetime_is_repaired(drifting, ip, valid):
    """And one of which that has ended in which it is preferred."""
    ours = Address(link="br-t-n", ip=ip, prefix=64 if ":" in ip else 24)
    lifetimes = attr(IFA_CACHEINFO, struct.pack("=IIII", 0, valid, 0, 0))
    put = message(ours, socket.if_nametoindex(ours.link))
    with open_socket() as channel:
        send(channel, [put._replace(body=put.body + lifetimes)])
    assert drifting.planned(WEB) == [f"update address host/br-t-n/{ip}"]
    drifting.apply(WEB)
    assert "deprecated" not in drifting.run("ip addr show dev br-t-n").out
    assert drifting.planned(WEB) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ipv4/ip_forward", "0"),
        ("ipv6/conf/all/forwarding", "0"),
        ("ipv4/conf/br-t-n/forwarding", "0"),
        ("ipv4/conf/br-t-n/route_localnet", "0"),
        ("ipv6/conf/br-t-n/accept_ra", "1"),
    ],
)
def test_a_sysctl_is_repaired(drifting, name, wrong):
    """As `sysctl --system` does after the installation of some package."""
    right = drifting.sysctl(f"net/{name}")
    drifting.sysctl(f"net/{name}", value=wrong)
    assert any(name in step for step in drifting.planned(WEB))
    drifting.apply(WEB)
    assert drifting.sysctl(f"net/{name}") == right


@pytest.mark.parametrize("setting", ["nomaster", "down", "type bridge_slave hairpin off", "mtu 1300"])
def test_the_host_end_of_a_pair_is_repaired(drifting, setting):
    ends = [link["ifname"] for link in drifting.json("ip -j link") if link.get("master") == "br-t-n"]
    assert len(ends) == 2
    for end in ends:
        drifting.run(f"ip link set dev {end} {setting}")
    heals(drifting)
    with drifting.serving("t-web", 80):
        assert drifting.ask("R", "198.51.100.1", 8080)
        assert drifting.ask("t-web", "198.51.100.1", 8080)


def test_neighbours_that_somebody_told_a_bridge_are_forgotten(lab):
    """The kernel's own stay, a routing daemon's, and whatever is said of links that are not ours."""
    lab.apply(WEB)
    ends = [lab.address("t-web"), *lab.addresses("t-web", family=6)]
    kept = [
        "10.77.0.9 lladdr 02:00:00:00:00:09 nud permanent dev uplink",
        "10.77.0.9 lladdr 02:00:00:00:00:09 nud permanent extern_learn dev br-t-n",
        "10.77.0.8 lladdr 02:00:00:00:00:08 nud stale dev br-t-n",
    ]
    for entry in kept:
        lab.run(f"ip neigh replace {entry}")
    assert lab.planned(WEB) == []
    for end in ends:
        lab.run(f"ip neigh replace {end.split('/')[0]} lladdr 02:00:00:00:00:ff nud permanent dev br-t-n")
    assert lab.planned(WEB) == ["update neighbours host/br-t-n"]
    lab.apply(WEB)
    assert lab.planned(WEB) == [] and lab.ping("", ends[0])
    assert "02:00:00:00:00:ff" not in lab.run("ip neigh").out
    assert [lab.run("ip neigh").out.count(entry.split()[0]) for entry in kept] == [2, 2, 1]


def test_the_state_directory_may_be_lost(lab):
    lab.apply(WEB)
    lab.run("rm -rf /var/lib/reconciler /run/reconciler")
    assert lab.planned(WEB) == []
    lab.apply(WEB)


def test_names_of_protocols_and_services_need_not_be_known(lab):
    """As on a minimal Debian, without netbase."""
    for name in ("protocols", "services"):
        Path(f"/etc/{name}").unlink(missing_ok=True)
    lab.apply(WEB)
    assert lab.planned(WEB) == []
    for family in (4, 6):
        assert lab.ping("t-web", lab.address("t-db", family=family))


def test_a_read_only_state_directory_is_no_reason_to_fail(lab):
    lab.run("mount -t tmpfs -o ro none /var/lib")
    lab.apply(WEB)
    assert lab.planned(WEB) == []


BESIDE = {
    "host": [
        "prohibit 10.91.0.0/24 metric 5 table 109 proto 109",
        "10.91.0.0/24 dev uplink metric 5 table 109 proto 109",
        "10.91.0.0/24 dev uplink table 109 proto 109",
        "fd91::/64 dev uplink metric 5 table 109 proto 109",
        "fd91::/64 dev uplink metric 2000 table 109 proto 109",
        "10.91.0.0/25 dev uplink table 109 proto 109",
    ],
    "t-web": [
        "default via 10.91.0.9 metric 5 proto 109",
        "default via 10.91.0.9 proto 109",
        "default via fd91::9 metric 5 proto 109",
        "default via fd91::9 metric 2000 proto 109",
    ],
}
BESIDES = [(ns, route) for ns, routes in BESIDE.items() for route in routes]


def routes(lab: Lab) -> list[str]:
    every = [f"ip {ns} -{n} route show table all proto 109" for ns in ("", "-n t-web") for n in (4, 6)]
    return [line for command in every for line in lab.run(command).out.splitlines()]


def put_beside(lab: Lab, ns: str, route: str) -> None:
    """After ours where both are of one metric."""
    family = "-6" if "fd91" in route else "-4"
    lab.run(f"ip {'' if ns == 'host' else f'-n {ns}'} {family} route append {route}")


@pytest.mark.parametrize(("ns", "route"), BESIDES)
def test_a_route_of_our_mark_that_somebody_puts_beside_ours_goes(drifting, ns, route):
    before = routes(drifting)
    put_beside(drifting, ns, route)
    heals(drifting)
    assert routes(drifting) == before


def test_no_route_of_our_mark_outlives_ours(lab):
    lab.apply(WEB)
    for ns, route in (*BESIDES, ("host", "10.99.0.0/24 dev uplink metric 5 proto 109")):
        put_beside(lab, ns, route)
    put_beside(lab, "host", "10.99.0.0/24 dev uplink metric 6 proto 109")
    lab.destroy()
    assert (
        "109" not in lab.run("ip -N route show table all").out + lab.run("ip -N -6 route show table all").out
    )


MORE = (
    "from 192.0.2.1",
    "oif uplink",
    "tos 4",
    "not from 192.0.2.1",
    "ipproto tcp",
    "to 192.0.2.1",
    "fwmark 0/1",
)
NARROWED = [(one, beside) for one in MORE for beside in (False, True)]


@pytest.mark.parametrize(("selector", "beside"), NARROWED)
def test_a_rule_that_asks_for_more_does_not_stand_in_for_ours(drifting, selector, beside):
    drifting.ip(
        ("" if beside else "rule del pref 1092\n") + f"rule add pref 1092 {selector} lookup 109 protocol 109"
    )
    heals(drifting)
    rules = drifting.run("ip rule").out
    assert "1092:\tfrom all lookup 109 proto 109" in rules and rules.count("1092:") == 1


@pytest.mark.parametrize("selector", ["from 192.0.2.1", "fwmark 0/1", "tos 4"])
def test_a_rule_that_asks_for_more_goes_with_ours(lab, selector):
    lab.apply(WEB)
    lab.ip(f"rule add pref 1092 {selector} lookup 109 protocol 109")
    lab.destroy()
    assert "1092:" not in lab.run("ip rule").out

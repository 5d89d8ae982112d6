"""The MTU of networks follows what they stand on, and IPv6 goes where it cannot be."""

import pytest

from tests.netns.lab import Lab
from tests.netns.watching import watching

SUBNETS = "[{subnet: 198.51.100.0/24}, {subnet: '2001:db8:1::/64'}]"
LAN = f"driver: macvlan, parent: uplink, ipam: {{config: {SUBNETS}}}"


def both(lan: str = "enable_ipv6: true", behind: str = "enable_ipv6: true") -> str:
    return (
        f"{{name: t, networks: {{lan: {{{LAN}, {lan}}}, n: {{{behind}}}}}, "
        "containers: {a: {networks: {lan: {ipv4_address: 198.51.100.10}}}, b: {networks: [n]}}}"
    )


def sizes(lab: Lab) -> tuple[int, int]:
    return lab.link("eth0", "t-a")["mtu"], lab.link("br-t-n")["mtu"]


@pytest.mark.parametrize("mtu", [68, 1200, 1279])
def test_less_than_ipv6_needs_is_enough_for_ipv4(lab, mtu):
    boxes = "containers: {a: {networks: [n]}, b: {networks: [n]}}"
    manifest = f"{{name: t, networks: {{n: {{mtu: {mtu}}}}}, {boxes}}}"
    lab.apply(manifest)
    assert lab.link("br-t-n")["mtu"] == lab.link("eth0", "t-a")["mtu"] == mtu
    assert lab.planned(manifest) == []
    assert lab.ping("t-a", lab.address("t-b"))


def test_a_lan_that_shrinks_takes_its_containers_along_and_their_ipv6(lab):
    lab.apply(both())
    lab.ip("link set uplink mtu 1200")
    told = lab.apply(both()).err
    assert "network t_lan is without IPv6" in told and "network t_n keeps an MTU of 1280" in told
    assert sizes(lab) == (1200, 1280)
    assert lab.planned(both()) == []
    assert lab.ping("R", "198.51.100.10")
    lab.refused(
        both().replace("lan: {driver", "lan2: {driver").replace("{lan: {ipv4", "{lan2: {ipv4"), "1280"
    )
    lab.ip("link set uplink mtu 1500")
    lab.apply(both())
    assert sizes(lab) == (1500, 1500) and lab.addresses("t-a", family=6)
    assert lab.planned(both()) == []


def test_an_mtu_that_is_written_and_no_longer_fits_is_told(lab):
    manifest = both("mtu: 1400", "mtu: 1400")
    lab.apply(manifest)
    lab.ip("link set uplink mtu 1300")
    assert "network t_lan has an MTU of 1300 instead of 1400" in lab.apply(manifest).err
    assert sizes(lab) == (1300, 1400)
    lab.ip("link set uplink mtu 1500")
    lab.apply(manifest)
    assert sizes(lab) == (1400, 1400)


def test_a_watcher_follows_by_event(lab):
    manifest = "{name: t, networks: {n: {}}, containers: {b: {networks: [n]}}}"
    with watching(lab, lab.write(manifest)) as watcher:
        lab.ip("link set uplink mtu 1300")
        assert watcher.until(lambda: lab.link("br-t-n")["mtu"] == 1300) < 10
        lab.ip("route del default")
        lab.run("ip -6 route del default")
        watcher.settled()
        assert lab.link("br-t-n")["mtu"] == 1300  # there is no default route to tell another
        lab.ip("link set uplink mtu 1400")
        lab.ip("route add default via 198.51.100.2")
        watcher.until(lambda: lab.link("br-t-n")["mtu"] == 1400)

"""Whoever forges both ways of a connection in one container does not make it an established one."""

import pytest

from tests.netns.frames import BROADCAST, Sniffer, ethernet, ipv4, marker, send, udp, udp6
from tests.netns.lab import Lab

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  m: {internal: true, enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
containers:
  a: {networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}
  b: {networks: {m: {ipv4_address: 10.92.0.2, ipv6_address: 'fd92::2'}}}
"""
LINK_LOCAL_GROUP = "01:80:c2:00:00:0e"


def datagram(src: str, dst: str, mark: bytes) -> tuple[int, bytes]:
    return (
        (0x86DD, udp6(src, dst, (7, 7), mark))
        if ":" in src
        else (0x0800, ipv4(src, dst, 17, udp(7, 7, mark)))
    )


@pytest.mark.parametrize("shown", [0, 1], ids=["br_netfilter off", "br_netfilter on"])
def test_a_forged_reply_opens_no_way_to_another_network(lab: Lab, shown: int):
    lab.apply(MANIFEST)
    for family in ("iptables", "ip6tables"):
        lab.sysctl(f"net/bridge/bridge-nf-call-{family}", value=shown)
    gateway, own = lab.link("br-t-n")["address"], lab.link("eth0", "t-a")["address"]
    with Sniffer(lab, "t-b", "eth0") as sniffer:
        for number, (a, b) in enumerate((("10.91.0.2", "10.92.0.2"), ("fd91::2", "fd92::2"))):
            kind, asked = datagram(a, b, marker(number))
            _, answered = datagram(b, a, marker(9))
            ways = ((BROADCAST, asked), (LINK_LOCAL_GROUP, answered), (gateway, asked))
            for to, packet in ways:
                send(lab, "t-a", [ethernet(to, own, kind, packet)])
    assert [sniffer.saw(marker(number)) for number in (0, 1)] == [False, False]
    assert lab.planned(MANIFEST) == []

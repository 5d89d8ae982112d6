"""A container with CAP_NET_RAW sends whatever it likes: nothing that is not its own leaves its port."""

import struct
from collections.abc import Callable

import pytest

from tests.netns.frames import (
    BROADCAST,
    Sniffer,
    advertisement,
    arp,
    ethernet,
    icmpv6,
    ipv4,
    marker,
    option,
    send,
    udp,
    udp6,
)
from tests.netns.lab import Lab

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  a: {networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2', mac_address: '02:00:00:00:00:0a'}}}
  b: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3', mac_address: '02:00:00:00:00:0b'}}}
  c: {networks: {n: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4', mac_address: '02:00:00:00:00:0c'}}}
"""
MAC, OTHER, UNKNOWN = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:99"
OWN4, OTHER4, GATEWAY4 = "10.91.0.2", "10.91.0.3", "10.91.0.1"
OWN6, OTHER6, GATEWAY6, ALL6 = "fd91::2", "fd91::3", "fd91::1", "ff02::1"
GROUP6 = "33:33:00:00:00:01"
NOBODY = "00:00:00:00:00:00"

Frame = Callable[[bytes], bytes]


def datagram(
    mark: bytes, src: str = OWN4, ports: tuple[int, int] = (9, 9), dst: str = "10.91.0.255"
) -> bytes:
    return ipv4(src, dst, 17, udp(*ports, mark))


def discovery(kind: int, body: bytes, src: str = OWN6) -> bytes:
    return ethernet(GROUP6, MAC, 0x86DD, icmpv6(src, ALL6, kind, body))


def advertised_router(mark: bytes) -> bytes:
    prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, bytes.fromhex("2001bad0") + bytes(12))
    return discovery(
        134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + option(1, MAC) + prefix + mark, "fe80::ff:fe00:a"
    )


SPOOFED: dict[str, Frame] = {
    "source_mac": lambda m: ethernet(BROADCAST, UNKNOWN, 0x0800, datagram(m)),
    "source_mac_of_a_neighbour": lambda m: ethernet(BROADCAST, OTHER, 0x0800, datagram(m)),
    "source_ipv4": lambda m: ethernet(BROADCAST, MAC, 0x0800, datagram(m, OTHER4)),
    "source_ipv6": lambda m: ethernet(GROUP6, MAC, 0x86DD, udp6(OTHER6, ALL6, (9, 9), m)),
    "gratuitous_arp_for_the_gateway": lambda m: ethernet(
        BROADCAST, MAC, 0x0806, arp(1, (MAC, GATEWAY4), (NOBODY, GATEWAY4), m)
    ),
    "arp_reply_for_a_neighbour": lambda m: ethernet(
        BROADCAST, MAC, 0x0806, arp(2, (MAC, OTHER4), (NOBODY, "10.91.0.4"), m)
    ),
    "arp_with_the_mac_of_another": lambda m: ethernet(
        BROADCAST, MAC, 0x0806, arp(2, (UNKNOWN, OWN4), (NOBODY, OWN4), m)
    ),
    "neighbour_advertisement_for_the_gateway": lambda m: discovery(136, advertisement(GATEWAY6, MAC, m)),
    "router_advertisement_CVE_2020_13401": advertised_router,
    "redirect": lambda m: discovery(137, struct.pack("!I", 0) + bytes(32) + m, "fe80::ff:fe00:a"),
    "dhcp_server": lambda m: ethernet(
        BROADCAST, MAC, 0x0800, datagram(m, ports=(67, 68), dst="255.255.255.255")
    ),
    "dhcpv6_server": lambda m: ethernet(GROUP6, MAC, 0x86DD, udp6(OWN6, ALL6, (547, 546), m)),
    "stp_bpdu": lambda m: ethernet("01:80:c2:00:00:00", MAC, 38, b"\x42\x42\x03" + bytes(35) + m),
    "vlan_tag": lambda m: ethernet(BROADCAST, MAC, 0x8100, struct.pack("!HH", 50, 0x0800) + datagram(m)),
    "double_vlan_tag": lambda m: ethernet(
        BROADCAST, MAC, 0x88A8, struct.pack("!HHHH", 50, 0x8100, 60, 0x0800) + datagram(m)
    ),
    "unknown_ethertype": lambda m: ethernet(BROADCAST, MAC, 0x88B5, m),
}
LEGITIMATE: dict[str, Frame] = {
    "own_ipv4": lambda m: ethernet(BROADCAST, MAC, 0x0800, datagram(m)),
    "own_ipv6": lambda m: ethernet(GROUP6, MAC, 0x86DD, udp6(OWN6, ALL6, (9, 9), m)),
    "gratuitous_arp_for_itself": lambda m: ethernet(
        BROADCAST, MAC, 0x0806, arp(1, (MAC, OWN4), (NOBODY, OWN4), m)
    ),
    "neighbour_advertisement_for_itself": lambda m: discovery(136, advertisement(OWN6, MAC, m)),
    "router_solicitation": lambda m: discovery(133, struct.pack("!I", 0) + option(1, MAC) + m),
    "dhcp_client": lambda m: ethernet(BROADCAST, MAC, 0x0800, datagram(m, ports=(68, 67))),
}
MARKS = {name: marker(number) for number, name in enumerate([*SPOOFED, *LEGITIMATE])}


def received(lab: Lab) -> dict[str, list[str]]:
    """Where each frame of the container arrived: at a neighbour, at another one, at the bridge itself."""
    places = {"neighbour": ("t-b", "eth0"), "another": ("t-c", "eth0"), "bridge": ("", "br-t-n")}
    sniffers = {place: Sniffer(lab, *where) for place, where in places.items()}
    for sniffer in sniffers.values():
        sniffer.__enter__()
    send(lab, "t-a", (make(MARKS[name]) for name, make in {**SPOOFED, **LEGITIMATE}.items()))
    for sniffer in sniffers.values():
        sniffer.__exit__()
    return {
        name: [place for place, sniffer in sniffers.items() if sniffer.saw(mark)]
        for name, mark in MARKS.items()
    }


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    return netfiltered


@pytest.fixture(scope="module")
def arrived(world: Lab) -> dict[str, list[str]]:
    return received(world)


@pytest.mark.parametrize("name", SPOOFED)
def test_spoofed_is_received_nowhere(arrived, name):
    assert arrived[name] == []


@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_is_received_everywhere(arrived, name):
    assert arrived[name] == ["neighbour", "another", "bridge"]


def test_the_host_took_no_address_from_a_router_advertisement(world, arrived):
    assert "2001:bad0" not in world.run("ip -6 addr").out + world.run("ip -6 addr", "t-b").out


def test_the_guard_does_not_grow_with_the_containers(lab):
    def lines(count: int) -> int:
        lab.apply(
            {
                "name": "t",
                "networks": {"n": {}},
                "containers": {f"c{i}": {"networks": ["n"]} for i in range(count)},
            }
        )
        return sum(
            "drop" in line or "accept" in line for line in lab.rules("bridge reconciler-t").splitlines()
        )

    assert lines(2) == lines(12)


def test_a_changed_address_is_allowed_and_the_former_is_not(lab):
    lab.apply(MANIFEST)
    lab.apply(MANIFEST.replace("10.91.0.2", "10.91.0.77"))
    old, new = marker(200), marker(201)
    with Sniffer(lab, "t-b", "eth0") as sniffer:
        send(
            lab,
            "t-a",
            [
                ethernet(BROADCAST, MAC, 0x0800, datagram(old)),
                ethernet(BROADCAST, MAC, 0x0800, datagram(new, "10.91.0.77")),
            ],
        )
    assert (sniffer.saw(old), sniffer.saw(new)) == (False, True)


def test_a_guarded_container_still_reaches_neighbour_gateway_and_outside(world):
    world.serve("t-b", 80)
    world.serve("R", 80)
    for address in (OTHER4, OTHER6):
        assert (world.ask("t-a", address, 80) or "").startswith("t-b ")
    assert world.ask("t-a", "198.51.100.2", 80) == "R 198.51.100.1"
    assert world.ask("t-a", "2001:db8:1::2", 80) == "R 2001:db8:1::1"
    assert world.ping("t-a", GATEWAY4) and world.ping("t-a", GATEWAY6)


def test_the_sniffers_would_see_it(world, arrived):
    """Without the guard's table every one of these frames does arrive somewhere."""
    world.run("nft delete table bridge reconciler-t")
    unguarded = received(world)
    assert [name for name in SPOOFED if not unguarded[name]] == []
    world.apply(MANIFEST)
    guarded = received(world)
    assert [name for name in SPOOFED if guarded[name]] == []

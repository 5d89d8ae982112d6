"""A container with CAP_NET_RAW sends whatever it likes: nothing that is not its own leaves its port."""

import struct

import pytest

from tests.netns.frames import (
    BROADCAST,
    Frame,
    Sniffer,
    advertisement,
    arp,
    arrivals,
    behind,
    checksum,
    ethernet,
    fragments4,
    fragments6,
    icmpv6,
    ip,
    ipv4,
    ipv6,
    marker,
    option,
    send,
    tagged,
    udp,
    udp6,
)
from tests.netns.lab import Lab

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
containers:
  a:
    networks:
      n:
        {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2', link_local_ips: ['fe80::a'],
         mac_address: '02:00:00:00:00:0a'}
  b: {networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3', mac_address: '02:00:00:00:00:0b'}}}
  c: {networks: {n: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4', mac_address: '02:00:00:00:00:0c'}}}
"""
MAC, OTHER, UNKNOWN = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:99"
OWN4, OTHER4, GATEWAY4 = "10.91.0.2", "10.91.0.3", "10.91.0.1"
OWN6, OTHER6, GATEWAY6, ALL6, LOCAL6 = "fd91::2", "fd91::3", "fd91::1", "ff02::1", "fe80::a"
GROUP6 = "33:33:00:00:00:01"
NOBODY = "00:00:00:00:00:00"


def datagram(
    mark: bytes, src: str = OWN4, ports: tuple[int, int] = (9, 9), dst: str = "10.91.0.255"
) -> bytes:
    return ipv4(src, dst, 17, udp(*ports, mark))


def discovery(kind: int, body: bytes, src: str = OWN6) -> bytes:
    return ethernet(GROUP6, MAC, 0x86DD, icmpv6(src, ALL6, kind, body))


def advertised_router(mark: bytes) -> bytes:
    """The packet."""
    prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, bytes.fromhex("2001bad0") + bytes(12))
    body = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + option(1, MAC) + prefix + mark
    return icmpv6(LOCAL6, ALL6, 134, body)


def advertised(mark: bytes, target: str = GATEWAY6) -> bytes:
    """The packet."""
    return icmpv6(OWN6, ALL6, 136, advertisement(target, MAC, mark))


def solicited(*options: bytes, target: str = GATEWAY6) -> bytes:
    return discovery(135, struct.pack("!I16s", 0, ip(target)) + b"".join(options))


def six(packet: bytes) -> bytes:
    return ethernet(GROUP6, MAC, 0x86DD, packet)


def four(proto: int, payload: bytes) -> bytes:
    return ethernet(BROADCAST, MAC, 0x0800, ipv4(OWN4, "10.91.0.255", proto, payload))


def summed(message: bytes) -> bytes:
    """With its checksum in the third and fourth byte, as ICMP and IGMP have it."""
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def cut_in_options(mark: bytes) -> list[bytes]:
    """A DHCPv6 answer of which the first fragment holds the destination options alone."""
    options = bytes((17, 1, 1, 12)) + mark + bytes(4)
    answer = udp6(OWN6, ALL6, (547, 546), bytes(8))[40:]
    return [six(one) for one in fragments6(ipv6(OWN6, ALL6, 60, options + answer), len(options))]


def oddly(*kinds: int) -> Frame:
    """ARP of other types or lengths than those of IPv4 over Ethernet."""
    return lambda m: ethernet(BROADCAST, MAC, 0x0806, arp(1, (MAC, OWN4), (NOBODY, OWN4), m, kinds=kinds))


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
    "neighbour_advertisement_with_the_mac_of_another": lambda m: discovery(
        136, advertisement(OWN6, OTHER, m)
    ),
    "neighbour_solicitation_with_the_mac_of_another": lambda m: solicited(option(1, OTHER), m),
    "the_mac_of_another_as_a_later_option": lambda m: solicited(option(1, MAC), m, option(1, OTHER)),
    "the_mac_of_another_behind_many_options": lambda m: solicited(*[m] * 6, option(1, OTHER)),
    "router_solicitation_with_the_mac_of_another": lambda m: discovery(133, bytes(4) + option(1, OTHER) + m),
    "neighbour_advertisement_in_fragments": lambda m: [*map(six, fragments6(advertised(m), 16))],
    "neighbour_advertisement_in_an_atomic_fragment": lambda m: six(fragments6(advertised(m, OWN6), 999)[0]),
    "neighbour_advertisement_cut_behind_options": lambda m: [
        *map(six, fragments6(behind(advertised(m), 60), 16))
    ],
    "router_advertisement_in_fragments": lambda m: [*map(six, fragments6(advertised_router(m), 16))],
    **{
        f"neighbour_advertisement_behind_header_{header}": lambda m, header=header: six(
            behind(advertised(m), header)
        )
        for header in (0, 43, 60)
    },
    "router_advertisement_behind_options": lambda m: six(behind(advertised_router(m), 60)),
    "router_advertisement_CVE_2020_13401": lambda m: six(advertised_router(m)),
    "mld_query": lambda m: six(behind(icmpv6(LOCAL6, ALL6, 130, bytes(20) + m), 0)),
    "igmp_query": lambda m: four(2, summed(b"\x11\x64" + bytes(6) + m)),
    "icmp_redirect": lambda m: four(1, summed(b"\5\1" + bytes(2) + ip(OWN4) + bytes(28) + m)),
    "icmp_router": lambda m: four(1, summed(b"\x09\0" + bytes(2) + b"\1\2\7\x08" + ip(OWN4) + bytes(4) + m)),
    "arp_of_other_hardware": oddly(6, 0x0800, 6, 4),
    "arp_of_another_protocol": oddly(1, 0x86DD, 6, 4),
    "arp_with_long_hardware_addresses": oddly(1, 0x0800, 8, 4),
    "arp_with_long_protocol_addresses": oddly(1, 0x0800, 6, 16),
    "reverse_arp": lambda m: ethernet(BROADCAST, MAC, 0x0806, arp(4, (MAC, OWN4), (OTHER, OTHER4), m)),
    "redirect": lambda m: discovery(137, struct.pack("!I", 0) + bytes(32) + m, LOCAL6),
    "dhcp_server": lambda m: ethernet(
        BROADCAST, MAC, 0x0800, datagram(m, ports=(67, 68), dst="255.255.255.255")
    ),
    "dhcpv6_server": lambda m: ethernet(GROUP6, MAC, 0x86DD, udp6(OWN6, ALL6, (547, 546), m)),
    "dhcp_server_from_another_port": lambda m: ethernet(
        BROADCAST, MAC, 0x0800, datagram(m, ports=(9, 68), dst="255.255.255.255")
    ),
    "dhcp_server_in_fragments": lambda m: [
        ethernet(BROADCAST, MAC, 0x0800, one)
        for one in fragments4(datagram(m + bytes(8), ports=(67, 68), dst="10.91.0.255"), 16)
    ],
    "dhcpv6_server_from_another_port": lambda m: six(udp6(OWN6, ALL6, (9, 546), m)),
    "dhcpv6_server_behind_options": lambda m: six(behind(udp6(OWN6, ALL6, (547, 546), m), 60)),
    "dhcpv6_server_cut_behind_options": cut_in_options,
    "stp_bpdu": lambda m: ethernet("01:80:c2:00:00:00", MAC, 38, b"\x42\x42\x03" + bytes(35) + m),
    "vlan_tag": lambda m: tagged(ethernet(BROADCAST, MAC, 0x0800, datagram(m)), 50),
    "priority_tag": lambda m: tagged(ethernet(BROADCAST, MAC, 0x0800, datagram(m)), 0),
    "service_tag": lambda m: tagged(ethernet(BROADCAST, MAC, 0x0800, datagram(m)), 50, kind=0x88A8),
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
    "neighbour_solicitation_with_a_nonce": lambda m: solicited(option(1, MAC), bytes((14, 1)) + bytes(6), m),
    "mld_report": lambda m: six(behind(icmpv6(OWN6, ALL6, 143, bytes(4) + m), 0)),
    "igmp_report": lambda m: four(2, summed(b"\x22\0" + bytes(6) + m)),
    "echo": lambda m: four(1, summed(b"\x08\0" + bytes(6) + m)),
    "echo_ipv6": lambda m: discovery(128, bytes(4) + m),
    "fragments_ipv4": lambda m: [
        ethernet(BROADCAST, MAC, 0x0800, one) for one in fragments4(datagram(bytes(96) + m), 16)
    ],
    "fragments_ipv6": lambda m: [*map(six, fragments6(udp6(OWN6, ALL6, (9, 9), bytes(96) + m), 16))],
    "fragments_of_an_echo_ipv6": lambda m: [
        *map(six, fragments6(icmpv6(OWN6, ALL6, 128, bytes(1300) + m), 1232))
    ],
    "behind_options_ipv6": lambda m: six(behind(udp6(OWN6, ALL6, (9, 9), m), 60)),
    "another_protocol": lambda m: four(47, bytes(4) + m),
    "another_protocol_ipv6": lambda m: six(ipv6(OWN6, ALL6, 47, bytes(4) + m)),
    "dhcp_client": lambda m: ethernet(BROADCAST, MAC, 0x0800, datagram(m, ports=(68, 67))),
}
PLACES = {"neighbour": ("t-b", "eth0"), "another": ("t-c", "eth0"), "bridge": ("", "br-t-n")}


def received(lab: Lab) -> dict[str, list[str]]:
    """Where each frame of the container arrived: at a neighbour, at another one, at the bridge itself."""
    return arrivals(lab, "t-a", {**SPOOFED, **LEGITIMATE}, PLACES)


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
        return sum("drop" in line or "accept" in line for line in lab.rules("bridge reconciler").splitlines())

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
    world.run("nft delete table bridge reconciler")
    unguarded = received(world)
    assert [name for name in SPOOFED if not unguarded[name]] == []
    world.apply(MANIFEST)
    guarded = received(world)
    assert [name for name in SPOOFED if guarded[name]] == []

"""What a trunk sends with tags is held against the endpoints of the VLAN, as what it sends without is.

The elements of a trunk stand here by hand: this kernel's bridges may keep no VLANs apart, and tests/vm asks
one that does.  The guard is the same.
"""

import struct

import pytest

from tests.netns.frames import (
    BROADCAST,
    Frame,
    advertisement,
    arp,
    arrivals,
    ethernet,
    fragments6,
    icmpv6,
    ip,
    ipv4,
    option,
    tagged,
    udp,
    udp6,
)
from tests.netns.lab import Lab
from tests.netns.test_spoof import (
    ALL6,
    GATEWAY4,
    GATEWAY6,
    GROUP6,
    MAC,
    MANIFEST,
    NOBODY,
    OTHER,
    OTHER4,
    OTHER6,
    OWN4,
    OWN6,
    PLACES,
)

OWN_LINK, LINK, FOREIGN4, FOREIGN6 = "fe80::ff:fe00:a", "fe80::5", "10.3.0.1", "fd03::1"


def claim(address: str, sender: str = MAC, op: int = 2) -> Frame:
    return lambda m: ethernet(BROADCAST, MAC, 0x0806, arp(op, (sender, address), (NOBODY, address), m))


def probe(address: str) -> Frame:
    return lambda m: ethernet(BROADCAST, MAC, 0x0806, arp(1, (MAC, "0.0.0.0"), (NOBODY, address), m))


def datagram(source: str, mac: str = MAC, ports: tuple[int, int] = (9, 9)) -> Frame:
    if ":" in source:
        return lambda m: ethernet(GROUP6, mac, 0x86DD, udp6(source, ALL6, ports, m))
    return lambda m: ethernet(BROADCAST, mac, 0x0800, ipv4(source, "255.255.255.255", 17, udp(*ports, m)))


def discovery(source: str, kind: int, body: bytes) -> Frame:
    return lambda m: ethernet(GROUP6, MAC, 0x86DD, icmpv6(source, ALL6, kind, body + m))


def advertised(target: str, mac: str = MAC, source: str = FOREIGN6) -> Frame:
    return discovery(source, 136, advertisement(target, mac, b""))


def cut(m: bytes) -> list[bytes]:
    packet = icmpv6(FOREIGN6, ALL6, 136, advertisement(FOREIGN6, MAC, m))
    return [ethernet(GROUP6, MAC, 0x86DD, one) for one in fragments6(packet, 16)]


def sought(source: str, target: str) -> Frame:
    return discovery(source, 135, struct.pack("!I16s", 0, ip(target)))


FORGED: dict[str, Frame] = {
    "arp_of_the_gateway": claim(GATEWAY4),
    "arp_of_a_neighbour": claim(OTHER4, op=1),
    "arp_with_the_mac_of_another": claim(FOREIGN4, OTHER),
    "arp_of_a_link_local_address": claim("169.254.1.1"),
    "arp_probe_for_a_neighbour": probe(OTHER4),
    "source_mac": datagram(FOREIGN4, OTHER),
    "source_of_a_neighbour": datagram(OTHER4),
    "source_of_a_neighbour_ipv6": datagram(OTHER6),
    "source_of_another_machine": datagram("10.91.0.200"),
    "source_link_local": datagram(LINK),
    "dhcp_server": datagram(FOREIGN4, ports=(67, 68)),
    "dhcpv6_server": datagram(FOREIGN6, ports=(547, 546)),
    "router_advertisement": discovery(OWN_LINK, 134, bytes(12)),
    "redirect": discovery(OWN_LINK, 137, bytes(36)),
    "neighbour_advertisement_for_the_gateway": advertised(GATEWAY6),
    "neighbour_advertisement_for_a_link_local_address": advertised(LINK),
    "neighbour_advertisement_with_the_mac_of_another": advertised(FOREIGN6, OTHER),
    "neighbour_advertisement_in_fragments": cut,
    "duplicate_address_detection_of_a_neighbour": sought("::", OTHER6),
    "double_tag": lambda m: tagged(datagram(FOREIGN4)(m), 30),
    "unknown_ethertype": lambda m: ethernet(BROADCAST, MAC, 0x88B5, m),
}
HONEST: dict[str, Frame] = {
    "own_arp": claim(OWN4),
    "own_ipv4": datagram(OWN4),
    "own_ipv6": datagram(OWN6),
    "another_arp": claim(FOREIGN4),
    "another_arp_probe": probe(FOREIGN4),
    "another_ipv4": datagram(FOREIGN4),
    "another_ipv6": datagram(FOREIGN6),
    "another_neighbour_advertisement": advertised(FOREIGN6),
    "own_neighbour_advertisement": advertised(OWN6, source=OWN6),
    "link_local_neighbour_advertisement": advertised(OWN_LINK, source=OWN_LINK),
    "neighbour_solicitation": sought(FOREIGN6, "fd03::2"),
    "duplicate_address_detection": sought("::", FOREIGN6),
    "router_solicitation": discovery(OWN_LINK, 133, bytes(4) + option(1, MAC)),
    "dhcp_client": datagram("0.0.0.0", ports=(68, 67)),
}


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    links = netfiltered.json("ip -j link")
    port = next(link["ifname"] for link in links if link.get("ifalias", "").endswith("t-a/eth0"))
    elements = {
        "trunks": f'"{port}" . {MAC} . 0x00140000, "{port}" . {MAC} . 0x001e0000',
        "own6": f'"{port}" . {MAC} . 0xfe80000000000000000000fffe00000a',
        "held4": f'"{port}" . 10.91.0.0/24',
        "held6": f'"{port}" . 0xfd910000000000000000000000000000-0xfd91000000000000ffffffffffffffff',
    }
    netfiltered.nft("\n".join(f"add element bridge reconciler {m} {{ {e} }}" for m, e in elements.items()))
    return netfiltered


def arrived(world: Lab, frames: dict[str, Frame], *tags: int) -> dict[str, list[str]]:
    """By the frame's name and its tag, which is the whole of it: the priority stands in the upper bits."""
    within = {
        f"{name} in {tag:#06x}": lambda m, make=make, tag=tag: across(make(m), tag)
        for name, make in frames.items()
        for tag in tags
    }
    return {name: places for name, places in arrivals(world, "t-a", within, PLACES).items() if places}


def across(made: bytes | list[bytes], tag: int) -> bytes | list[bytes]:
    return [tagged(one, tag) for one in made] if isinstance(made, list) else tagged(made, tag)


def test_in_its_vlans_a_trunk_is_nobody_else_and_serves_nothing(world):
    tags = (20, 30 | 5 << 13)
    assert arrived(world, FORGED, *tags) == {}
    found = arrived(world, HONEST, *tags)
    assert set(map(len, found.values())) == {len(PLACES)} and len(found) == len(tags) * len(HONEST)


def test_in_other_vlans_it_says_nothing(world):
    """VID 0 and that of the untagged VLAN included: the bridge takes both for untagged."""
    assert arrived(world, {**FORGED, **HONEST}, 0, 5 << 13, 1, 40, 4095) == {}


def test_no_tag_of_another_kind_and_no_second_one_passes(world):
    def own(m: bytes) -> bytes | list[bytes]:
        return datagram(OWN4)(m)

    frames: dict[str, Frame] = {
        "none_within": lambda m: tagged(own(m), 0, 20),
        "the_same_within": lambda m: tagged(own(m), 20, 20),
        "none_as_second": lambda m: tagged(own(m), 20, 0),
        "service": lambda m: tagged(own(m), 20, kind=0x88A8),
        "old_service": lambda m: tagged(own(m), 20, kind=0x9100),
    }
    assert {name for name, places in arrivals(world, "t-a", frames, PLACES).items() if places} == set()

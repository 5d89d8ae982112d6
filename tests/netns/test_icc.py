"""icc: false: neighbours reach each other by what the host publishes, and in no other way."""

from contextlib import ExitStack
from itertools import permutations

import pytest

from tests.netns.frames import BROADCAST, Sniffer, arp, ethernet, ipv4, marker, send, udp
from tests.netns.lab import IMPATIENCE, OURS, PATIENCE, THEIRS, Lab, Probe

MANIFEST = """
name: t
networks:
  iso: {enable_ipv6: true, icc: false, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  lan: {enable_ipv6: true}
services:
  web:
    networks: {iso: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}
    ports: ["8080:80", "8080:80/udp"]
  also: {networks: {iso: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}, ports: ["8443:80"]}
  peer: {networks: {iso: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4'}}}
  quiet: {networks: {iso: {ipv4_address: 10.91.0.5, ipv6_address: 'fd91::5'}}}
  far: {networks: [lan]}
"""
NUMBERS = {"web": 2, "also": 3, "peer": 4, "quiet": 5}
GATEWAY = {4: "10.91.0.1", 6: "fd91::1"}
FAMILIES, NOBODY = (4, 6), "00:00:00:00:00:00"


def at(name: str, family: int) -> str:
    return f"10.91.0.{NUMBERS[name]}" if family == 4 else f"fd91::{NUMBERS[name]}"


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    for name in NUMBERS:
        netfiltered.serve(f"t-{name}-1", 80)
        netfiltered.serve(f"t-{name}-1", 80, proto="udp")
    netfiltered.serve("R", 80)
    return netfiltered


def test_what_the_host_publishes_is_for_neighbours_too_and_for_the_container_itself(world):
    asked = [
        Probe(f"t-{who}-1", address[family], port, proto)
        for who in ("web", "also", "peer", "far")
        for address in (OURS, GATEWAY)
        for family in FAMILIES
        for port, proto in ((8080, "tcp"), (8080, "udp"), (8443, "tcp"))
    ]
    asked += [Probe(ns, OURS[family], 8080) for ns in ("", "R") for family in FAMILIES]
    answers = world.ask_all(asked, patience=PATIENCE)
    wrong = {
        probe: answer
        for probe, answer in zip(asked, answers, strict=True)
        if not (answer or "").startswith({8080: "t-web-1 ", 8443: "t-also-1 "}[probe.port])
    }
    assert not wrong


def test_neighbours_themselves_are_not_reached(world):
    world.silent(
        *(
            (f"t-{one}-1", at(two, family), 80, proto)
            for one, two in permutations(NUMBERS, 2)
            for family in FAMILIES
            for proto in ("tcp", "udp")
        )
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_way_out_is_open(world, family):
    assert world.ping("t-peer-1", THEIRS[family]) and world.ping("t-web-1", GATEWAY[family])
    assert world.ask("t-web-1", THEIRS[family], 80) == f"R {OURS[family]}"


def test_no_frame_arrives_at_a_neighbour_by_its_mac_or_for_all(world):
    """Who has CAP_NET_RAW knows every MAC: to each, to several, and to everybody."""
    macs = {name: world.link("eth0", f"t-{name}-1")["address"] for name in NUMBERS}
    marks = {name: marker(number) for name, number in NUMBERS.items()}
    with ExitStack() as stack:
        sniffers = {name: stack.enter_context(Sniffer(world, f"t-{name}-1", "eth0")) for name in NUMBERS}
        for name, other in permutations(NUMBERS, 2):
            bodies = (
                (0x0800, ipv4(at(name, 4), at(other, 4), 17, udp(5, 6, marks[name]))),
                (0x0806, arp(1, (macs[name], at(name, 4)), (NOBODY, at(other, 4)), marks[name])),
            )
            to = (macs[other], BROADCAST, "01:00:5e:00:00:01", world.link("br-t-iso")["address"])
            send(world, f"t-{name}-1", [ethernet(mac, macs[name], *body) for mac in to for body in bodies])
    assert not [pair for pair in permutations(NUMBERS, 2) if sniffers[pair[1]].saw(marks[pair[0]])]


def test_who_publishes_nothing_is_kept_apart_by_the_bridge_alone(world):
    world.run("nft flush ruleset")
    try:
        assert not world.ping("t-peer-1", at("quiet", 4), IMPATIENCE)
        assert not world.ping("t-quiet-1", at("peer", 6), IMPATIENCE)
    finally:
        world.apply(MANIFEST)
    assert world.planned(MANIFEST) == []

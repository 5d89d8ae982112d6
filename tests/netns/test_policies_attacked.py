"""Who is bound by a policy and is root in his sandbox: nothing gets through that is none of what he may."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.netns.asking import dig, dnsmasq
from tests.netns.conftest import new_lab
from tests.netns.frames import (
    BROADCAST,
    Frame,
    arrivals,
    behind,
    ethernet,
    fragments4,
    fragments6,
    icmpv6,
    ip,
    ipv4,
    ipv6,
    udp,
    udp6,
)
from tests.netns.lab import OURS, REMOTE4, THEIRS, Lab
from tests.netns.prober import family_of
from tests.netns.test_spoof import summed

MANIFEST = """
name: t
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  far: {enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
containers:
  bound:
    networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2', mac_address: '02:00:00:00:00:0a'}}
    egress: ["app:80/udp", "far:80/udp"]
  app:
    networks: {n: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3', mac_address: '02:00:00:00:00:0b'}}
    ports: ["8080:80/udp"]
  free: {networks: {n: {ipv4_address: 10.91.0.4, ipv6_address: 'fd91::4', mac_address: '02:00:00:00:00:0c'}}}
  far: {networks: {far: {ipv4_address: 10.92.0.5, ipv6_address: 'fd92::5'}}}
"""
MAC, APP, FREE = (f"02:00:00:00:00:0{digit}" for digit in "abc")
FOUR, SIX = 0x0800, 0x86DD
HEADERS = {"hop-by-hop": 0, "routing": 43, "destination": 60}


def four(to: str, mac: str, proto: int, body: bytes) -> bytes:
    return ethernet(mac, MAC, FOUR, ipv4("10.91.0.2", to, proto, body))


def six(to: str, mac: str, proto: int, body: bytes) -> bytes:
    return ethernet(mac, MAC, SIX, ipv6("fd91::2", to, proto, body))


def frames(gateway: str) -> dict[str, Frame]:
    """What he may not, by what it is."""
    found: dict[str, Frame] = {}
    for name, mac, four_to, six_to in (
        ("free", FREE, "10.91.0.4", "fd91::4"),
        ("outside", gateway, THEIRS[4], THEIRS[6]),
        ("far", gateway, "10.92.0.5", "fd92::5"),
    ):
        port = 81 if name == "far" else 80
        datagram, datagram6 = (
            (lambda m, p=port: udp(9, p, m)),
            (lambda m, t=six_to, p=port: udp6("fd91::2", t, (9, p), m)),
        )
        found |= {
            f"{name} udp": lambda m, t=four_to, a=mac, d=datagram: four(t, a, 17, d(m)),
            f"{name} udp6": lambda m, t=six_to, a=mac, d=datagram6: ethernet(a, MAC, SIX, d(m)),
            f"{name} echo": lambda m, t=four_to, a=mac: four(t, a, 1, b"\x08\0\0\0\0\1\0\1" + m),
            f"{name} echo6": lambda m, t=six_to, a=mac: ethernet(
                a, MAC, SIX, icmpv6("fd91::2", t, 128, b"\0\1\0\1" + m)
            ),
            f"{name} gre": lambda m, t=four_to, a=mac: four(t, a, 47, b"\0\0\x08\0" + m),
            f"{name} nothing6": lambda m, t=six_to, a=mac: six(t, a, 59, m),
            f"{name} esp6": lambda m, t=six_to, a=mac: six(t, a, 50, m),
            f"{name} short": lambda m, t=four_to, a=mac: four(t, a, 253, m[:3]),
            f"{name} fragments": lambda m, t=four_to, a=mac, d=datagram: [
                ethernet(a, MAC, FOUR, one) for one in fragments4(ipv4("10.91.0.2", t, 17, d(m * 40)), 64)
            ],
            f"{name} fragments6": lambda m, t=six_to, a=mac, d=datagram6: [
                ethernet(a, MAC, SIX, one) for one in fragments6(d(m * 40), 64)
            ],
        }
        for kind in (135, 136) if mac == gateway else ():  # as a neighbour would, and beyond the router
            found[f"{name} discovery {kind}"] = lambda m, t=six_to, k=kind: ethernet(
                gateway, MAC, SIX, icmpv6("fd91::2", t, k, bytes(4) + ip("fd91::2") + m)
            )
        for word, header in HEADERS.items():
            found[f"{name} behind {word}"] = lambda m, t=six_to, a=mac, d=datagram6, h=header: ethernet(
                a, MAC, SIX, behind(d(m), h)
            )
    return found | {
        "app other port": lambda m: four("10.91.0.3", APP, 17, udp(9, 81, m)),
        "app echo": lambda m: four("10.91.0.3", APP, 1, b"\x08\0\0\0\0\1\0\1" + m),
        "app tcp": lambda m: four(
            "10.91.0.3", APP, 6, b"\0\x09\0\x50" + b"\0" * 8 + b"\x50\x02\0\0\0\0\0\0" + m
        ),
        "app icmp error": lambda m: four("10.91.0.3", APP, 1, b"\x03\x03\0\0\0\0\0\0" + m),
        "to all": lambda m: four("255.255.255.255", BROADCAST, 17, udp(9, 80, m)),
        "to all of the network": lambda m: four("10.91.0.255", BROADCAST, 17, udp(9, 80, m)),
        "to a group": lambda m: four("224.0.0.251", "01:00:5e:00:00:fb", 17, udp(9, 5353, m)),
        "to all nodes": lambda m: ethernet(
            "33:33:00:00:00:01", MAC, SIX, udp6("fd91::2", "ff02::1", (9, 80), m)
        ),
        "free by the MAC of app": lambda m: four("10.91.0.4", APP, 17, udp(9, 80, m)),
    }


def allowed(gateway: str) -> dict[str, Frame]:
    return {
        "app": lambda m: four("10.91.0.3", APP, 17, udp(9, 80, m)),
        "app6": lambda m: ethernet(APP, MAC, SIX, udp6("fd91::2", "fd91::3", (9, 80), m)),
        "far": lambda m: four("10.92.0.5", gateway, 17, udp(9, 80, m)),
        "far6": lambda m: ethernet(gateway, MAC, SIX, udp6("fd91::2", "fd92::5", (9, 80), m)),
        "fragments": lambda m: [
            ethernet(APP, MAC, FOUR, one)
            for one in fragments4(ipv4("10.91.0.2", "10.91.0.3", 17, udp(9, 80, m * 40)), 64)
        ],
    }


PLACES = {
    "app": ("t-app", "eth0"),
    "free": ("t-free", "eth0"),
    "far": ("t-far", "eth0"),
    "outside": ("R", "eth0"),
}


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    for address in ("10.91.0.3", "fd91::3", "10.92.0.5", "fd92::5"):  # which everybody on the way then knows
        netfiltered.ask("t-bound", address, 80, "udp")
    netfiltered.ask("t-free", THEIRS[4], 80)
    netfiltered.ask("t-free", THEIRS[6], 80)
    return netfiltered


def test_what_he_may_not_arrives_nowhere(world):
    gateway = world.link("br-t-n")["address"]
    found = arrivals(world, "t-bound", frames(gateway), PLACES)
    assert {name: places for name, places in found.items() if places} == {}


def test_what_he_may_arrives(world):
    gateway = world.link("br-t-n")["address"]
    found = arrivals(world, "t-bound", allowed(gateway), PLACES)
    assert found == {"app": ["app"], "app6": ["app"], "far": ["far"], "far6": ["far"], "fragments": ["app"]}


def errors(*ways: tuple[str, str, str, int]) -> dict[str, Frame]:
    """`to` a MAC, that of what the address `dst` sent to `about` from port 5555 nothing comes in."""

    def one(to: str, dst: str, about: str, port: int) -> Frame:
        quoted = (
            udp6(dst, about, (5555, port), b"?")
            if ":" in dst
            else ipv4(dst, about, 17, udp(5555, port, b"?"))
        )
        if ":" in dst:
            return lambda m: ethernet(to, MAC, SIX, icmpv6("fd91::2", dst, 1, bytes(4) + quoted + m))
        return lambda m: four(dst, to, 1, summed(b"\3\3" + bytes(6) + quoted + m))

    return {f"{dst} about {about}": one(to, dst, about, port) for to, dst, about, port in ways}


def test_errors_are_about_his_own_connections(world):
    """What it quotes makes an error one of a connection: he may know what neighbours say to others."""
    gateway = world.link("br-t-n")["address"]
    for ns, address in (("t-free", "10.91.0.3"), ("t-free", "fd91::3"), ("R", OURS[4]), ("R", OURS[6])):
        begin(world, ns, address, 8080 if ns == "R" else 80)
    of_others = errors(
        (FREE, "10.91.0.4", "10.91.0.3", 80),
        (FREE, "fd91::4", "fd91::3", 80),
        (gateway, THEIRS[4], "10.91.0.3", 80),
        (gateway, THEIRS[6], "fd91::3", 80),
    )
    assert not any(arrivals(world, "t-bound", of_others, PLACES).values())
    begin(world, "t-app", "10.91.0.2", 9)
    begin(world, "t-app", "fd91::2", 9)
    own = errors((APP, "10.91.0.3", "10.91.0.2", 9), (APP, "fd91::3", "fd91::2", 9))
    assert [*arrivals(world, "t-bound", own, PLACES).values()] == [["app"], ["app"]]


def test_nobody_outside_sends_errors_about_connections_of_containers(world):
    """Where netfilter sees a bridge it knows what neighbours say to each other."""
    router, own = world.link("uplink")["address"], world.link("eth0", "R")["address"]
    begin(world, "t-free", "10.91.0.3", 80)
    begin(world, "t-free", "fd91::3", 80)
    quoted, quoted6 = (
        ipv4("10.91.0.4", "10.91.0.3", 17, udp(5555, 80, b"?")),
        udp6("fd91::4", "fd91::3", (5555, 80), b"?"),
    )
    sent = {
        "4": lambda m: ethernet(
            router, own, FOUR, ipv4(THEIRS[4], "10.91.0.4", 1, summed(b"\3\3" + bytes(6) + quoted + m))
        ),
        "6": lambda m: ethernet(router, own, SIX, icmpv6(THEIRS[6], "fd91::4", 1, bytes(4) + quoted6 + m)),
    }
    assert not any(arrivals(world, "R", sent, {"free": PLACES["free"]}).values())


def begin(lab: Lab, ns: str, address: str, port: int) -> None:
    """A datagram, from port 5555."""
    with lab.inside(ns), socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.bind(("", 5555))
        sock.sendto(b"?", (address, port))


@pytest.fixture
def names(privileged: None) -> Iterator[Lab]:
    with new_lab() as lab, ExitStack() as stack:
        stack.enter_context(
            dnsmasq(
                lab,
                "R",
                "--address=/example.com/192.0.2.80",
                f"--listen-address={REMOTE4}",
                "--bind-interfaces",
            )
        )
        Path("/etc/resolv.conf").unlink(missing_ok=True)
        Path("/etc/resolv.conf").write_text(f"nameserver {REMOTE4}\n")
        lab.apply(MANIFEST)
        yield lab


def test_names_of_the_outside_are_told_to_nobody_who_is_bound(names):
    """Else questions would carry whatever he likes; his neighbours he finds all the same."""
    assert dig(names, "t-free", "data.example.com A").words == ("192.0.2.80",)
    assert dig(names, "t-bound", "data.example.com A").status == "NXDOMAIN"
    assert dig(names, "t-bound", "app A").words == ("10.91.0.3",) == dig(names, "t-free", "app A").words
    assert dig(names, "t-bound", "data.example.com A", f"@{REMOTE4}").status == ""
    assert dig(names, "t-bound", "data.example.com A", "@10.92.0.1").status != "NOERROR"
    assert names.planned(MANIFEST) == []

"""Whoever knows of a connection of others forges no ICMP error about it into another network."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.netns.frames import Frame, arrivals, ethernet, icmpv6, ipv4, udp, udp6
from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab
from tests.netns.prober import family_of
from tests.netns.test_spoof import summed

MANIFEST = """
name: t
networks:
  far: {enable_ipv6: true}
  inner: {internal: true, enable_ipv6: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
  routed:
    {gateway_mode: routed, enable_ipv6: true,
     ipam: {config: [{subnet: 10.93.0.0/24}, {subnet: 'fd93::/64'}]}}
containers:
  in1: {networks: {inner: {ipv4_address: 10.92.0.2, ipv6_address: 'fd92::2'}}}
  in2: {networks: {inner: {ipv4_address: 10.92.0.3, ipv6_address: 'fd92::3'}}}
  c: {networks: {routed: {ipv4_address: 10.93.0.2, ipv6_address: 'fd93::2'}}}
  far: {networks: [far], ports: ["8080:80/udp"]}
"""
OTHER = """
name: u
networks: {n: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}}
containers: {a: {networks: {n: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}}
"""
PLACES = {"in1": ("t-in1", "eth0"), "c": ("t-c", "eth0")}
KNOWN = {
    "in1": (("10.92.0.2", "10.92.0.3"), ("fd92::2", "fd92::3")),
    "c": (("10.93.0.2", REMOTE4), ("fd93::2", REMOTE6)),
}


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.apply(MANIFEST)
    netfiltered.succeed(netfiltered.reconcile("--apply", netfiltered.write(OTHER, "u.yaml")))
    for subnet, via in (("10.93.0.0/24", HOST4), ("fd93::/64", HOST6)):
        netfiltered.run(f"ip route replace {subnet} via {via}", "R")
    return netfiltered


@contextmanager
def begun(lab: Lab, ns: str, address: str, port: int) -> Iterator[socket.socket]:
    """A datagram, from port 5555, and who waits for an answer."""
    with lab.inside(ns), socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.bind(("", 5555))
        sock.connect((address, port))
        sock.settimeout(5)
        sock.send(b"?")
        yield sock


def about(to: str, own: str, sources: tuple[str, str], ends: tuple[str, str]) -> Frame:
    """What came from the first of the ends found nobody at the second."""
    dst, other = ends
    if ":" in dst:
        quoted = udp6(dst, other, (5555, 80), b"?")
        return lambda m: ethernet(to, own, 0x86DD, icmpv6(sources[1], dst, 1, bytes(4) + quoted + m))
    head = b"\3\3" + bytes(6) + ipv4(dst, other, 17, udp(5555, 80, b"?"))
    return lambda m: ethernet(to, own, 0x0800, ipv4(sources[0], dst, 1, summed(head + m)))


@pytest.mark.parametrize("ns", ["u-a", "R"])
def test_only_who_is_on_the_way_tells(world: Lab, ns: str):
    sources = ("10.91.0.2", "fd91::2") if ns == "u-a" else (REMOTE4, REMOTE6)
    to = world.link("br-u-n" if ns == "u-a" else "uplink")["address"]
    own = world.link("eth0", ns)["address"]
    frames = {f"{name} {n}": about(to, own, sources, ends[n]) for name, ends in KNOWN.items() for n in (0, 1)}
    for name, ends in KNOWN.items():
        for _, other in ends:
            with begun(world, f"t-{name}", other, 80):
                pass
    found = arrivals(world, ns, frames, PLACES)
    beyond = ["c"] if ns == "R" else []
    assert found == {"in1 0": [], "in1 1": [], "c 0": beyond, "c 1": beyond}


@pytest.mark.parametrize("address", [HOST4, HOST6])
def test_an_answer_of_another_network_comes_back(world: Lab, address: str):
    """By a published port, where nobody listens behind it."""
    with begun(world, "u-a", address, 8080) as sock, pytest.raises(ConnectionRefusedError):
        sock.recv(9)


def test_nothing_is_left_to_do(world: Lab):
    assert world.planned(MANIFEST) == []

"""Names and 127.0.0.11 open no door to who is root in a container: to other networks' names, to what
neighbours and the host serve on loopback, to answers that are not ours."""

import socket
import struct
from collections.abc import Iterator
from itertools import product

import pytest

from reconciler.cnm import zones
from tests.netns.asking import Answer, dig_all
from tests.netns.frames import (
    BROADCAST,
    Frame,
    arrivals,
    ethernet,
    fragments4,
    ipv4,
    ipv6,
    send,
    tagged,
    udp,
    udp6,
)
from tests.netns.lab import HOST4, HOST6, REMOTE4, REMOTE6, Lab, Probe

MANIFEST = """
name: t
networks:
  a: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  b: {enable_ipv6: true, internal: true, ipam: {config: [{subnet: 10.92.0.0/24}, {subnet: 'fd92::/64'}]}}
containers:
  bad: {networks: {a: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}}
  good: {networks: {a: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}}
  both:
    networks:
      a: {ipv4_address: 10.91.0.9, ipv6_address: 'fd91::9'}
      b: {ipv4_address: 10.92.0.9, ipv6_address: 'fd92::9'}
  secret: {networks: {b: {ipv4_address: 10.92.0.10, ipv6_address: 'fd92::10'}}}
"""
BAD, GOOD = "t-bad", "t-good"
OWN4, OWN6, GOOD4, GOOD6 = "10.91.0.2", "fd91::2", "10.91.0.3", "fd91::3"
LOOPBACKS = ("127.0.0.1", "127.0.0.11", "127.0.0.53", "127.255.255.254")
GROUP = "01:00:5e:00:00:01"
PORTS = zones.PORTS[:3]  # of those that answer


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Iterator[Lab]:
    netfiltered.apply(MANIFEST)
    for ns in (GOOD, ""):
        for proto in ("tcp", "udp"):
            for port in (53, 80):
                netfiltered.serve(
                    ns, port, proto=proto, address="127.0.0.1", name=f"loopback of {ns or 'host'}"
                )
    netfiltered.serve("", 80, address="::1", name="loopback of host")
    yield netfiltered
    assert netfiltered.planned(MANIFEST) == []


@pytest.fixture(scope="module")
def macs(world: Lab) -> dict[str, str]:
    found = {ns: world.link("eth0", ns)["address"] for ns in (BAD, GOOD)}
    return found | {"": world.link("br-t-a")["address"]}


def datagram(src: str, dst: str, ports: tuple[int, int], body: bytes) -> bytes:
    return udp6(src, dst, ports, body) if ":" in src else ipv4(src, dst, 17, udp(*ports, body))


def sent(
    macs: dict[str, str], to: str, src: str, dst: str, ports: tuple[int, int], tag: int | None = None
) -> Frame:
    def frame(mark: bytes) -> bytes:
        plain = ethernet(to, macs[BAD], 0x86DD if ":" in src else 0x0800, datagram(src, dst, ports, mark))
        return plain if tag is None else tagged(plain, tag)

    return frame


def arrived(lab: Lab, frames: dict[str, Frame]) -> dict[str, list[str]]:
    """What of these that BAD sends came to its neighbour or to the host."""
    seen = arrivals(lab, BAD, frames, {"good": (GOOD, "eth0"), "host": ("", "br-t-a")})
    return {name: places for name, places in seen.items() if places}


# a neighbour's loopback


def test_nothing_that_is_for_a_neighbours_loopback_arrives_there(world, macs):
    """It would be believed, as an answer of 127.0.0.11 comes from the link."""
    frames: dict[str, Frame] = {}
    for to, ip, port in product((macs[GOOD], BROADCAST, GROUP, macs[""]), LOOPBACKS, (53, 80)):
        for tag in (None, 0, 1):
            frames[f"{to} {ip} {port} tag {tag}"] = sent(macs, to, OWN4, ip, (53, port), tag)
        frames[f"{to} from {ip} {port}"] = sent(macs, to, ip, GOOD4, (port, 53))

    def pieces(mark: bytes) -> list[bytes]:
        whole = datagram(OWN4, "127.0.0.1", (53, 80), mark * 8)
        return [ethernet(macs[GOOD], macs[BAD], 0x0800, piece) for piece in fragments4(whole, 24)]

    frames["in pieces"] = pieces
    assert "good" not in str(arrived(world, frames))


def test_what_is_for_loopback_in_ipv6_is_nobodys(world, macs):
    """[::1] and what stands for IPv4 are no addresses on a wire (RFC 4291, 2.5.3); Linux drops them."""
    with world.inside(GOOD), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 5000))  # of both families
        sock.settimeout(0.3)
        inner = datagram(OWN4, "127.0.0.1", (5000, 5000), b"inner")
        packets = [(0x86DD, ipv6(OWN6, GOOD6, 4, inner))]
        pairs = ((OWN6, "::1"), ("::1", GOOD6), (OWN6, "::ffff:127.0.0.1"), ("::ffff:127.0.0.11", GOOD6))
        packets += [(0x86DD, datagram(*pair, (5000, 5000), b"plain")) for pair in pairs]
        frames = [ethernet(to, macs[BAD], *packet) for to in (macs[GOOD], macs[""]) for packet in packets]
        send(world, BAD, frames)
        with pytest.raises(TimeoutError):
            sock.recv(1000)


# the host's


@pytest.fixture
def astray(world: Lab) -> Iterator[Lab]:
    """As root of a container can: all of loopback leads to the gateway there."""
    world.run("ip -n t-bad route flush table local dev lo")
    world.run("ip -n t-bad route add 127.0.0.0/8 via 10.91.0.1 dev eth0 src 10.91.0.2 table local")
    world.run("ip -n t-bad -6 route add ::1 via fd91::1 dev eth0 table local", check=False)
    world.sysctl("net/ipv4/conf/all/route_localnet", BAD, 1)
    yield world
    anew(world)


def anew(lab: Lab) -> None:
    lab.run("ip netns del t-bad")
    lab.apply(MANIFEST)


def test_what_the_host_serves_on_loopback_is_not_reached(astray):
    for ns in ("", GOOD):
        assert astray.ask(ns, "127.0.0.1", 80)
    asked = product((*LOOPBACKS, "::1"), (80, *PORTS), ("tcp", "udp"))
    astray.silent(*(Probe(BAD, ip, port, proto) for ip, port, proto in asked))
    told = dig_all(astray, BAD, "good A", [(f"@{ip}", way) for way in ("+tcp", "+notcp") for ip in LOOPBACKS])
    assert told == [Answer(), Answer("NOERROR", (GOOD4,)), Answer(), Answer()] * 2


# names


def test_a_borrowed_source_is_told_nothing(world):
    """Of a neighbour who is on two networks, of one of another network, and of the host."""
    sources = ("10.91.0.9", "10.92.0.10", HOST4, "fd91::9", "fd92::10")
    world.ip("\n".join(f"addr add {ip} dev eth0{' nodad' if ':' in ip else ''}" for ip in sources), BAD)
    try:
        asked = product(sources, ("+notcp", "+tcp"))
        ways = [("@fd91::1" if ":" in ip else "@10.91.0.1", "-b", ip, way) for ip, way in asked]
        assert set(dig_all(world, BAD, "secret A", ways)) == {Answer()}
    finally:
        anew(world)


def test_what_is_no_question_to_the_firewall_is_none_to_who_answers(world, macs):
    """By their ports, whole and in pieces too small for the port's number."""
    head = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0)
    asked = head + b"\6secret\0\0\1\0\1"
    with world.inside(BAD), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((OWN4, 5353))
        sock.settimeout(0.3)
        for port, to in product(PORTS, ("10.91.0.1", "10.92.0.1", HOST4)):
            packet = datagram(OWN4, to, (5353, port), asked)
            frames = [packet, *fragments4(packet, 8), *fragments4(packet, 16)]
            send(world, BAD, [ethernet(macs[""], macs[BAD], 0x0800, frame) for frame in frames])
        with pytest.raises(TimeoutError):
            sock.recv(1000)


def test_an_answer_that_is_not_the_gateways_arrives_nowhere(world, macs):
    """Neither at a neighbour, as from the gateway or 127.0.0.11, nor at the host, as from whom it asks."""
    forged = [("10.91.0.1", GOOD4), ("127.0.0.11", GOOD4), (REMOTE4, HOST4), ("127.0.0.1", HOST4)]
    forged += [("fd91::1", GOOD6), (HOST6, GOOD6), (REMOTE6, HOST6)]
    ways = product(forged, (macs[GOOD], macs[""]), (53, PORTS[0]))
    frames = {
        f"{src} {dst} {to} {port}": sent(macs, to, src, dst, (port, 40000)) for (src, dst), to, port in ways
    }
    assert arrived(world, frames) == {}


def test_from_the_lan_nobody_is_told_a_name(world):
    for net in ("10.91.0.0/24", "10.92.0.0/24"):
        world.run(f"ip route replace {net} via {HOST4}", "R")
    ways = product((HOST4, HOST6, "10.91.0.1", "10.92.0.1"), (53, *PORTS), ("+notcp", "+tcp"))
    asked = [(f"@{server}", "-p", str(port), way) for server, port, way in ways]
    assert set(dig_all(world, "R", "good A", asked)) == {Answer()}


def test_who_is_nobody_on_the_host_cannot_have_questions_sent_to_him(world):
    """dnsmasq lets others bind its port: of root's ports that takes root."""
    ports = [int(line.split()[3].rpartition(":")[2]) for line in world.run("ss -Hlunp").out.splitlines()]
    listening = {port for port in ports if port in zones.PORTS}
    assert len(listening) == 3 and max(listening) < int(world.sysctl("net/ipv4/ip_unprivileged_port_start"))

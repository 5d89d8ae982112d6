"""Errors that quote a packet which nobody sent change no route; those of a real path are believed."""

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.netns.cluster import OUTSIDE, Cluster, Machine, clustered, hosts
from tests.netns.frames import Sniffer, checksum, ethernet, icmpv6, ipv4, ipv6, send, udp
from tests.netns.lab import PATIENCE, Lab
from tests.netns.namespaces import fresh

SMALL, FORGED = 1300, 552
PARTS = ("iptables", "ip6tables")  # of br_netfilter


def overlay(family: int) -> str:
    return f"""name: t
{hosts(2, family)}
networks:
  n: {{driver: overlay, enable_ipv6: true}}
  nat: {{enable_ipv6: true}}
containers:
  a: {{host: h1, networks: [n]}}
  b: {{host: h2, networks: [n]}}
  x: {{host: h1, networks: [nat]}}
"""


def too_big(source: str, target: str, quoted: bytes, mtu: int = FORGED) -> bytes:
    """The packet of a router that says so."""
    if ":" in source:
        return icmpv6(source, target, 2, struct.pack("!I", max(mtu, 1280)) + quoted[:1000])
    message = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted[:500]
    return ipv4(source, target, 1, message[:2] + struct.pack("!H", checksum(message)) + message[4:])


def carried(h1: Machine, family: int) -> bytes:
    """A VXLAN packet as h1 could have sent it to h2."""
    [vxlan] = h1.json("ip -j -d link show type vxlan")
    vni = vxlan["linkinfo"]["info_data"]["id"]
    segment = udp(50000, 4789, struct.pack("!II", 0x08000000, vni << 8) + bytes(1400))
    addresses = h1.underlay[family], h1.underlay[family][:-1] + "2"
    return ipv6(*addresses, 17, segment) if family == 6 else ipv4(*addresses, 17, segment)


def pinged(h1: Machine, family: int) -> bytes:
    """An answer of h1 to an echo of h2: the kernel looks for no socket of such."""
    addresses = h1.underlay[family], h1.underlay[family][:-1] + "2"
    answer = struct.pack("!BBHHH", 129 if family == 6 else 0, 0, 0, 1, 1) + bytes(1400)
    return ipv6(*addresses, 58, answer) if family == 6 else ipv4(*addresses, 1, answer)


def way(h1: Machine, family: int) -> str:
    """What h1 knows of its way to h2."""
    return h1.run(f"ip -{family} route get {h1.underlay[family][:-1]}2").out


def framed(target: str, source: str, packet: bytes) -> bytes:
    return ethernet(target, source, 0x86DD if packet[0] >> 4 == 6 else 0x0800, packet)


def says(h1: Machine, box: str, bridge: str, packet: bytes) -> None:
    send(h1, box, [framed(h1.link(bridge)["address"], h1.link("eth0", box)["address"], packet)])
    time.sleep(0.1)


def comes(h1: Machine, packet: bytes) -> None:
    """From the LAN."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("ul", 0))
        sock.send(framed(h1.link("uplink")["address"], "02:00:00:00:00:77", packet))
    time.sleep(0.1)


def sent(cluster: Cluster, family: int) -> list[bytes]:
    """VXLAN packets of several flows, as they came to h2: each flow has a source port of its own."""
    h1, h2 = cluster["h1"], cluster["h2"]
    with Sniffer(h2, "", "uplink") as sniffer:
        for port in range(7, 11):
            h1.ask("t-a", h2.address("t-b"), port, "udp", patience=0.05)
    head = 40 if family == 6 else 20
    packets = [
        frame[14:] for frame in sniffer.frames if frame[14 + head + 2 :][:2] == struct.pack("!H", 4789)
    ]
    return list({packet[head:][:2]: packet for packet in packets}.values())


@pytest.fixture(scope="module", params=[4, 6], ids=["underlay=4", "underlay=6"])
def world(
    request: pytest.FixtureRequest, privileged: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, int]]:
    with clustered(tmp_path_factory.mktemp("pmtu"), 2) as cluster:
        cluster.apply(overlay(request.param))
        yield cluster, request.param


@pytest.mark.parametrize("quoting", [carried, pinged])
def test_a_forged_error_does_not_lower_the_path_mtu_of_the_host(world, quoting):
    cluster, family = world
    h1 = cluster["h1"]
    for box, bridge in (("t-a", "br-t-n"), ("t-x", "br-t-nat")):
        error = too_big(h1.address(box, family=family), h1.underlay[family], quoting(h1, family))
        says(h1, box, bridge, error)
        assert "mtu" not in way(h1, family), box
    comes(h1, too_big(OUTSIDE[family], h1.underlay[family], quoting(h1, family)))
    assert "mtu" not in way(h1, family)


def test_a_container_that_knows_a_real_packet_lowers_it_neither(world):
    cluster, family = world
    h1 = cluster["h1"]
    packets = sent(cluster, family)
    assert len(packets) > 2
    for packet in packets:
        says(h1, "t-a", "br-t-n", too_big(h1.address("t-a", family=family), h1.underlay[family], packet))
    assert "mtu" not in way(h1, family)


def test_an_error_about_any_packet_of_an_overlay_is_believed(world):
    cluster, family = world
    h1 = cluster["h1"]
    for packet in sent(cluster, family):
        comes(h1, too_big(OUTSIDE[family], h1.underlay[family], packet, SMALL))
        assert f"mtu {SMALL}" in way(h1, family)
        h1.run(f"ip -{family} route flush cache")


def test_an_overlay_finds_the_mtu_of_its_path(world):
    """Over IPv4 the router cuts what is too long, since VXLAN forbids it nothing; over IPv6 h1 is told."""
    cluster, family = world
    h1, h2 = cluster["h1"], cluster["h2"]
    far, size = h2.underlay[family], 128 if family == 6 else 32
    subprocess.run(
        ["ip", f"-{family}", "route", "add", f"{far}/{size}", "dev", "ul", "mtu", "lock", str(SMALL)],
        check=True,
    )
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        with open(f"/proc/sys/net/{name}", "w") as file:
            file.write("1")
    with open("/proc/sys/net/ipv4/conf/all/send_redirects", "w") as file:
        file.write("0")
    h1.run(f"ip -{family} route add {far}/{size} via {OUTSIDE[family]}")
    words = f"ping -n -c 3 -i 0.2 -W 2 -s 1350 {h2.address('t-b')}"
    assert h1.run(words, "t-a", check=False).rc == 0
    assert (f"mtu {SMALL}" in way(h1, family)) == (family == 6)


ROUTED = """
name: t
networks: {n: {enable_ipv6: true}}
containers: {a: {networks: [n]}}
"""
FAR = {4: "203.0.113.2", 6: "2001:db8:9::2"}


BEYOND = """
addr add 203.0.113.1/24 dev far
addr add 2001:db8:9::1/64 dev far nodad
link set far up
"""
ITSELF = f"""
link set lo up
addr add {FAR[4]}/24 dev eth0
addr add {FAR[6]}/64 dev eth0 nodad
link set eth0 up
route add default via 203.0.113.1
"""


def stretch(lab: Lab) -> None:
    """S stands behind R, which sends it no more than SMALL bytes at once."""
    lab.outside["S"] = fresh()
    lab.sysctl("net/ipv6/conf/default/accept_dad", "R", 0)  # until then it asks for nobody's neighbours
    peer = f"/proc/{os.getpid()}/fd/{lab.outside['S']}"
    lab.ip(f"link add far mtu {SMALL} type veth peer name eth0 netns {peer}" + BEYOND, "R")
    lab.ip(ITSELF, "S")
    lab.run("ip -6 route add default via 2001:db8:9::1", "S")
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        lab.sysctl(f"net/{name}", "R", 1)


@pytest.fixture(scope="module")
def routed(netfiltered: Lab) -> Lab:
    stretch(netfiltered)
    netfiltered.apply(ROUTED)
    return netfiltered


@contextmanager
def connection(lab: Lab, ns: str, family: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """From `ns` to S."""
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    with lab.inside("S"):
        listener = socket.create_server((FAR[family], 5000 + family), family=kind)
    with lab.inside(ns):
        sender = socket.socket(kind)
    with listener, sender:
        listener.settimeout(PATIENCE)
        sender.settimeout(PATIENCE)
        sender.connect(listener.getsockname()[:2])
        with listener.accept()[0] as receiver:
            receiver.settimeout(PATIENCE)
            yield sender, receiver


def finds(lab: Lab, ns: str, family: int, ends: tuple[socket.socket, socket.socket]) -> bool:
    """Whether much arrives, in pieces of what the path bears."""
    sender, receiver = ends
    sender.send(bytes(50_000))
    with receiver.makefile("rb") as stream:
        arrived = len(stream.read(20_000)) == 20_000
    return arrived and f"mtu {SMALL}" in lab.run(f"ip -{family} route get {FAR[family]}", ns).out


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("ns", ["", "t-a"], ids=["host", "container"])
def test_a_connection_finds_the_mtu_of_its_path(routed: Lab, ns: str, family: int):
    with connection(routed, ns, family) as ends:
        assert finds(routed, ns, family, ends)


@pytest.mark.parametrize("family", [4, 6])
def test_a_connection_from_before_the_firewall_finds_it_too(lab: Lab, family: int):
    """What it sends next is a connection to conntrack, whatever it saw of it (nf_conntrack_tcp_loose)."""
    stretch(lab)
    with connection(lab, "", family) as ends:
        lab.apply(ROUTED)
        assert finds(lab, "", family, ends)


def test_a_container_says_that_nobody_listens(routed: Lab):
    for family in (4, 6):
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        with socket.socket(kind, socket.SOCK_DGRAM) as sock, pytest.raises(ConnectionRefusedError):
            sock.settimeout(PATIENCE)
            sock.connect((routed.address("t-a", family=family), 9))
            sock.send(b"?")
            sock.recv(1)

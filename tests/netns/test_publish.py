"""Published ports: who reaches them from where, in which syntax, and what stands in their way."""

import os
import re
import socket
import time
from types import SimpleNamespace

import pytest

from reconciler.errors import KernelError
from reconciler.kernel.nft import library
from reconciler.kernel.nft.counters import counting, traffic
from tests.netns.lab import HOST4, HOST6, PATIENCE, REMOTE4, REMOTE6, Lab, Probe
from tests.netns.samples import web
from tests.netns.servers import KINDS

EVERYWHERE = """
name: t
networks: {n: {enable_ipv6: true}, m: {enable_ipv6: true}}
containers:
  web: {networks: [n], ports: %s}
  near: {networks: [n]}
  far: {networks: [m]}
""" % ["8080:80", "8080:80/udp", "127.0.0.1:8081:80", "9000-9002:9000-9002", "9100-9102:80"]


@pytest.fixture(scope="module")
def published(netfiltered: Lab) -> Lab:
    netfiltered.run("ip addr add 198.51.100.7/24 dev uplink")
    netfiltered.apply(EVERYWHERE)
    netfiltered.serve("t-web", 80, 9000, 9001, 9002)
    netfiltered.serve("t-web", 80, proto="udp")
    return netfiltered


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("R", HOST4),
        ("R", HOST6),
        ("R", "198.51.100.7"),
        ("", HOST4),
        ("", HOST6),
        ("", "127.0.0.1"),
        ("", "127.0.0.2"),
        ("", "198.51.100.7"),
        ("t-web", HOST4),
        ("t-web", HOST6),
        ("t-near", HOST4),
        ("t-near", HOST6),
        ("t-far", HOST4),
        ("t-far", HOST6),
    ],
)
def test_is_answered(published, who, address, proto):
    assert (published.ask(who, address, 8080, proto) or "").startswith("t-web ")


@pytest.mark.parametrize("who", ["t-web", "t-near", "t-far"])
@pytest.mark.parametrize("family", [4, 6])
def test_is_answered_at_the_containers_own_gateway(published, who, family):
    bridge = "br-t-m" if who == "t-far" else "br-t-n"
    gateway = published.addresses("", bridge, family)[0].split("/")[0]
    assert (published.ask(who, gateway, 8080) or "").startswith("t-web ")


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(("address", "client"), [(HOST4, REMOTE4), (HOST6, REMOTE6)])
def test_the_clients_address_is_kept(published, address, client, proto):
    assert published.ask("R", address, 8080, proto) == f"t-web {client}"


@pytest.mark.parametrize("port", [9000, 9001, 9002])
@pytest.mark.parametrize("address", [HOST4, HOST6])
def test_every_port_of_a_range_leads_to_its_own(published, address, port):
    assert published.ask("R", address, port) == f"t-web {REMOTE6 if ':' in address else REMOTE4}"


def test_a_range_of_host_ports_for_one_target_takes_one_of_them(published):
    answers = published.ask_all([("R", HOST4, port) for port in (9100, 9101, 9102)])
    assert sum(answer is not None for answer in answers) == 1


def test_ports_beside_a_range_are_closed(published):
    published.silent(
        ("R", HOST4, 8999), ("R", HOST4, 9003), ("R", HOST6, 9003), ("R", HOST4, 8081), ("R", HOST4, 80)
    )


def test_a_port_on_127_0_0_1_answers_the_host_alone(published):
    assert published.ask("", "127.0.0.1", 8081)
    published.silent(("R", HOST4, 8081), ("", HOST4, 8081), ("t-near", HOST4, 8081), ("t-far", HOST4, 8081))


@pytest.mark.parametrize("port", [8080, 8081])
def test_ipv6_loopback_refuses_at_once_so_that_clients_fall_back(published, port):
    with socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(1)
        with pytest.raises(ConnectionRefusedError):
            sock.connect(("::1", port))


def test_localhost_by_name_works_with_a_client_that_falls_back(published):
    assert published.run(
        ["curl", "-s", "-m", "1", "--http0.9", "http://localhost:8080"], check=False
    ).out.startswith("t-web")


def test_no_process_serves_a_port(published):
    listening = published.run("ss -Hlntu").out
    assert ":8080" not in listening and ":9000" not in listening


def test_a_plan_after_apply_is_empty(published):
    assert published.planned(EVERYWHERE) == []


# syntax


@pytest.mark.parametrize(
    "written",
    [
        "8080:80",
        "8080:80/tcp",
        "0.0.0.0:8080:80",
        f"{HOST4}:8080:80",
        "8080-8080:80-80",
        {"target": 80, "published": 8080},
        {"target": 80, "published": "8080", "protocol": "tcp", "mode": "host"},
        {"target": 80, "published": 8080, "host_ip": HOST4},
    ],
    ids=str,
)
def test_syntax(lab, written):
    lab.apply(web(written, network=""))
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-web {REMOTE4}"


@pytest.mark.parametrize(
    "written",
    ["80:", "70000:80", "0:0", "a:80", "abcd:8080:80", "8080:80/icmp", "8000-8002:80-81", "80-70:80"],
)
def test_wrong_syntax_is_refused(lab, written):
    lab.refused(web(written), "t.yaml:5")


def test_ipv6_host_address(lab):
    lab.apply(web(f"[{HOST6}]:8080:80"))
    lab.serve("t-web", 80)
    assert lab.ask("R", HOST6, 8080) == f"t-web {REMOTE6}"
    lab.silent(("R", HOST4, 8080))


def test_a_port_on_one_of_several_host_addresses(lab):
    lab.ip("addr add 198.51.100.7/24 dev uplink")
    lab.apply(web("198.51.100.7:8080:80"))
    lab.serve("t-web", 80)
    assert lab.ask("R", "198.51.100.7", 8080)
    lab.silent(("R", HOST4, 8080), ("R", HOST6, 8080), ("", "127.0.0.1", 8080))


def test_two_containers_share_a_port_on_two_addresses(lab):
    lab.ip("addr add 198.51.100.7/24 dev uplink")
    lab.apply(web(f"{HOST4}:8080:80", more="  api: {networks: [n], ports: ['198.51.100.7:8080:80']}"))
    lab.serve("t-web", 80)
    lab.serve("t-api", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-web {REMOTE4}"
    assert lab.ask("R", "198.51.100.7", 8080) == f"t-api {REMOTE4}"


def test_distinct_loopback_addresses_for_two_containers(lab):
    lab.apply(web("127.0.0.2:8080:80", more="  api: {networks: [n], ports: ['127.0.0.3:8080:80']}"))
    lab.serve("t-web", 80)
    lab.serve("t-api", 80)
    assert (lab.ask("", "127.0.0.2", 8080) or "").startswith("t-web")
    assert (lab.ask("", "127.0.0.3", 8080) or "").startswith("t-api")


def test_tcp_and_udp_of_one_number_go_to_different_containers(lab):
    lab.apply(web("53:53/udp", more="  api: {networks: [n], ports: ['53:53/tcp']}"))
    lab.serve("t-web", 53, proto="udp")
    lab.serve("t-api", 53)
    assert lab.ask("R", HOST4, 53, "udp") == f"t-web {REMOTE4}"
    assert lab.ask("R", HOST4, 53) == f"t-api {REMOTE4}"


def test_the_default_host_address_of_a_network(lab):
    lab.apply(web("8080:80", network="driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}"))
    lab.serve("t-web", 80)
    assert lab.ask("", "127.0.0.1", 8080)
    lab.silent(("R", HOST4, 8080))


def chosen_port(lab: Lab) -> int:
    """The host port of the only mapping."""
    return int(re.findall(r"tcp \. (\d{5}) comment \"t\" : ", lab.rules("inet reconciler"))[0])


@pytest.mark.parametrize("written", ["80", "127.0.0.1::80"])
def test_a_random_port_is_stable(lab, written):
    lab.apply(web(written, network=""))
    chosen = chosen_port(lab)
    lab.serve("t-web", 80)
    assert lab.ask("", "127.0.0.1", chosen)
    lab.apply(web(written, network="", more="  other: {networks: [n], ports: ['81', '82']}"))
    assert lab.ask("", "127.0.0.1", chosen)
    assert lab.planned(web(written, network="", more="  other: {networks: [n], ports: ['81', '82']}")) == []


def test_a_large_range_is_one_element(lab):
    lab.apply(web("10000-20000:10000-20000", network=""))
    assert lab.rules("inet reconciler").count("10000-20000") == 1
    lab.serve("t-web", 10000, 14321, 20000)
    for port in (10000, 14321, 20000):
        assert lab.ask("R", HOST4, port) == f"t-web {REMOTE4}"
    lab.silent(("R", HOST4, 9999), ("R", HOST4, 20001))


def test_a_shifted_range(lab):
    lab.apply(web("8000-8003:9000-9003", network=""))
    lab.serve("t-web", 9000, 9003)
    assert lab.ask("R", HOST4, 8000) and lab.ask("R", HOST4, 8003)
    lab.silent(("R", HOST4, 8001), ("R", HOST4, 8004))


def test_the_rules_do_not_grow_with_the_ports(lab):
    def chains(*ports: str) -> str:
        lab.apply(web(*ports))
        return lab.run("nft --stateless --terse list ruleset").out

    assert chains("8080:80") == chains(*(f"{8000 + i}:{9000 + i}" for i in range(40)))


def test_sctp(lab):
    try:
        with lab.inside(""):
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError:
        pytest.skip("this kernel has no SCTP (CONFIG_IP_SCTP)")
    lab.apply(web("8080:80/sctp"))
    with lab.inside("t-web"):
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        server.bind(("0.0.0.0", 80))
        server.listen()
    with lab.inside("R"), socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as client:
        client.settimeout(3)
        client.connect((HOST4, 8080))


def test_an_sctp_association_is_translated(lab):
    """Without SCTP sockets an INIT chunk shows whether the port is mapped (conntrack has its own switch)."""
    from tests.netns.frames import Sniffer

    lab.apply(web("8080:80/sctp", network=""))
    init = bytes.fromhex("01 00 0014 c0ffee99 0000ffff 0001 0001 00000001".replace(" ", ""))
    head = (40000).to_bytes(2, "big") + (8080).to_bytes(2, "big") + bytes(4)
    packet = head + crc32c(head + bytes(4) + init).to_bytes(4, "little") + init
    with Sniffer(lab, "t-web", "eth0") as sniffer, lab.inside("R"):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
        raw.sendto(packet, (HOST4, 0))
        raw.close()
    seen = [frame for frame in sniffer.frames if bytes.fromhex("c0ffee99") in frame]
    assert seen and seen[0][34:38] == (40000).to_bytes(2, "big") + (80).to_bytes(2, "big")


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


COUNTED = """
name: t
networks:
  n: {enable_ipv6: true}
  r: {driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: routed}}
containers:
  web: {networks: [n], ports: ["8080:80", "8443:80", "8080:80/udp", "9000-9002:9000-9002"]}
  near: {networks: [n]}
  routed: {networks: [r], ports: ["80"]}
"""


@pytest.mark.parametrize("end", [lambda text: os.abort(), lambda text: (1, "", "no such word")])
def test_what_cannot_be_counted_is_told(lab, monkeypatch, end):
    """Also where the library dies of it."""
    binding = SimpleNamespace(Nftables=lambda: SimpleNamespace(cmd=end))
    monkeypatch.setattr(library, "binding", lambda: binding)
    with pytest.raises(KernelError, match=r"libnftables died|no such word"), counting():
        pytest.fail("nothing counts")


def test_what_passes_is_counted_and_no_drift(lab):
    lab.apply(COUNTED)
    with counting():
        passes_and_is_counted(lab)
    assert traffic() == {} and "reconciler_traffic" not in lab.rules()


def passes_and_is_counted(lab):
    lab.serve("t-web", 80, 9001)
    lab.serve("t-web", 80, proto="udp")
    lab.serve("t-routed", 80)
    web, routed = lab.address("t-web"), lab.address("t-routed")
    lab.run(f"ip route add {routed} via {HOST4}", "R")
    asked = [("R", HOST4, 8080), ("R", HOST4, 8443), ("", "127.0.0.1", 8080), ("t-near", HOST4, 8080)]
    asked += [("R", HOST6, 8080), ("R", HOST4, 9001), ("R", HOST4, 8080, "udp"), ("R", routed, 80)]
    asked += [("t-near", web, 80)]  # not through a published port
    assert None not in lab.ask_all([Probe(*one) for one in asked], patience=PATIENCE)
    time.sleep(0.1)  # the last packets of closing
    found = traffic()
    assert {(end.ip, end.protocol, end.port): counted.connections for end, counted in found.items()} == {
        (web, "tcp", 80): 4,
        (lab.address("t-web", family=6), "tcp", 80): 1,
        (web, "tcp", 9001): 1,
        (web, "udp", 80): 1,
        (routed, "tcp", 80): 1,
    }
    answer = len(f"t-web {REMOTE4}\n") + 28  # with the headers of IPv4 and UDP
    assert found[web, "udp", 80] == (1, 29, pytest.approx(answer, abs=1))
    streams = [counted for end, counted in found.items() if end.protocol == "tcp"]
    assert all(counted.received > 100 and counted.sent > 100 for counted in streams)
    assert lab.planned(COUNTED) == []
    lab.run("nft flush ruleset")  # which leaves alone what is somebody's
    assert traffic() == found


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_link_local_address_refuses_at_once(lab, kind):
    """Who asks there has a link-local address too, and with that source nothing is forwarded."""
    lab.apply(EVERYWHERE)
    lab.serve("", 8090, proto=kind)  # its own services answer there
    for ns, link, own in (("", "uplink", "fe80::a"), ("R", "eth0", "fe80::b")):
        lab.ip(f"addr add {own}/64 dev {link} nodad", ns)

    def ask(who: str, link: str, port: int) -> str:
        with lab.inside(who), socket.socket(socket.AF_INET6, KINDS[kind]) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(("fe80::a", port, 0, socket.if_nametoindex(link)))
            sock.send(b"?")
            return sock.recv(200).decode()

    for who, link in (("R", "eth0"), ("", "uplink")):
        assert ask(who, link, 8090).startswith("host fe80::")
        with pytest.raises(ConnectionRefusedError):
            ask(who, link, 8080)

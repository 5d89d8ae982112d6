"""`mode: ingress` over three hosts: every host's port leads to the replicas of all, and clients keep their
address."""

import itertools
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from tests.netns.cluster import OUTSIDE, Cluster, Machine, clustered
from tests.netns.frames import Sniffer, ethernet, ipv4, marker, send, udp
from tests.netns.lab import IMPATIENCE, PATIENCE, Probe, family_of
from tests.netns.meanwhile import meanwhile
from tests.netns.servers import KINDS

MANIFEST = """
name: t
hosts:
  h1: {address: 10.99.0.1, address6: 'fd99::1'}
  h2: {address: 10.99.0.2, address6: 'fd99::2'}
  h3: {address: 10.99.0.3, address6: 'fd99::3'}
networks:
  n:
    ${mode}
    enable_ipv6: true
    ipam: {config: [{subnet: 10.55.0.0/16}, {subnet: 'fd55::/64'}]}
  m: {enable_ipv6: true}
services:
  web:
    networks: [n]
    deploy: {replicas: 2}
    ports:
      - {mode: ingress, published: 8080, target: 80}
      - {mode: ingress, published: 8080, target: 80, protocol: udp}
  near: {networks: [m], deploy: {mode: global}}
  beside: {networks: [n], deploy: {mode: global}}
"""
OVERLAY = MANIFEST.replace("${mode}", "driver: overlay")
ROUTED = MANIFEST.replace("${mode}", "gateway_mode: routed")
WAYS = [*itertools.product((4, 6), ("tcp", "udp"))]
BOTH = {"t-web-1", "t-web-2"}


class Outside:
    """The underlay's own side of the cables, for a sniffer."""

    @staticmethod
    def inside(_: str) -> nullcontext[None]:
        return nullcontext()


@pytest.fixture(scope="module", params=[OVERLAY, ROUTED], ids=["overlay", "routed"])
def text(request) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module", params=[(0, 1), (1, 0)], ids=["strict", "br_netfilter"])
def meshed(request, text, privileged, tmp_path_factory) -> Iterator[Cluster]:
    bridged, strict = request.param
    with clustered(tmp_path_factory.mktemp("mesh")) as made:
        for host in made.hosts:
            for family in ("", "6"):
                host.sysctl(f"net/bridge/bridge-nf-call-ip{family}tables", value=bridged)
            host.sysctl("net/ipv4/conf/all/rp_filter", value=strict)
            host.run(f"ip -6 route add default via {OUTSIDE[6]}")
        made.folder = made.apply(text)
        for number in (1, 2):
            for proto in KINDS:
                made[f"h{number}"].serve(f"t-web-{number}", 80, proto=proto)
        yield made


def heard_at(host: Machine, family: int, proto: str, many: int = 40) -> Counter[str]:
    """What a client outside is answered at the host's port."""
    found = Counter[str]()
    for _ in range(many):
        address = host.underlay[family]
        with socket.socket(family_of(address), KINDS[proto]) as sock:
            sock.settimeout(5)
            sock.connect((address, 8080))
            if proto == "udp":
                sock.send(b"?")
            found[sock.recv(200).decode().strip()] += 1
    return found


def answerers(host: Machine, ns: str, address: str, proto: str) -> set[str]:
    """Who answers, asked until both have: who leads by chance may lead to one many times."""
    found: set[str] = set()
    for _ in range(64):
        found.add(str(host.ask(ns, address, 8080, proto)).split()[0])
        if found >= BOTH:
            break
    return found


@pytest.mark.parametrize(("family", "proto"), WAYS)
def test_every_host_leads_to_all_and_clients_keep_their_address(meshed, family, proto):
    for host in meshed.hosts:
        assert {*heard_at(host, family, proto)} == {f"{name} {OUTSIDE[family]}" for name in BOTH}


@pytest.mark.parametrize("family", [4, 6])
def test_one_port_of_a_client_may_ask_several_hosts(meshed, family):
    any_of = {4: "0.0.0.0", 6: "::"}[family]
    for port, _, host in itertools.product(range(20000, 20008), range(2), meshed.hosts):
        with socket.socket(family_of(any_of), socket.SOCK_DGRAM) as sock:
            sock.settimeout(IMPATIENCE)
            sock.bind((any_of, port))
            sock.connect((host.underlay[family], 8080))
            sock.send(b"?")
            assert sock.recv(200), (port, host.name)


@pytest.mark.parametrize(("family", "proto"), WAYS)
def test_hosts_and_containers_are_answered_too(meshed, family, proto):
    """By their own host and by any other, which leads back to them as well."""
    for host, by in itertools.product(meshed.hosts, repeat=2):
        containers = [f"t-{name}-{host.number}" for name in ("near", "beside", "web")]
        for ns in ("", *(name for name in containers if name != "t-web-3")):
            assert answerers(host, ns, by.underlay[family], proto) == BOTH, (host.name, ns, by.name)


def test_loopback_is_a_hosts_own(meshed):
    for host, proto in itertools.product(meshed.hosts, KINDS):
        assert answerers(host, "", "127.0.0.1", proto) == BOTH, (host.name, proto)


def test_nothing_is_left_to_do_anywhere(meshed):
    for host in meshed.hosts:
        assert host.succeed(host.reconcile("--plan", meshed.folder, "-o", "json")).steps == []


def test_other_addresses_lead_nowhere(meshed, text):
    """Who routes to a container by any host is not let in, from outside or from another network; to a routed
    one its own host leads."""
    address = {family: meshed["h2"].address("t-web-2", family=family) for family in (4, 6)}
    for family, ip in address.items():
        for host in meshed.hosts:
            route = ("ip", f"-{family}", "route", "replace", ip, "via", host.underlay[family])
            subprocess.run(route, check=True)
            found = {answered(ip, 80, proto) for proto in KINDS}
            assert (found == {None}) == (text is OVERLAY or host.name != "h2"), host.name
            if text is OVERLAY:
                assert not host.ask(f"t-near-{host.number}", ip, 80, patience=IMPATIENCE), host.name
        subprocess.run(("ip", f"-{family}", "route", "del", ip), check=True)


@pytest.mark.parametrize("sender", ["h1", "h3", ""])
def test_no_container_is_taken_for_a_host(meshed, text, sender):
    """Root in one on h1 says that a client outside sends this, by a host's bridge or by its own link."""
    h1, h2, seen = meshed["h1"], meshed["h2"], marker(7)
    bridge = "br-t-n" if text is OVERLAY else "br-t-ingress"
    source = meshed[sender].link(bridge)["address"] if sender else h1.link("eth0", "t-web-1")["address"]
    through, target = h2.link(bridge)["address"], h2.address("t-web-2")
    frame = ethernet(through, source, 0x0800, ipv4(OUTSIDE[4], target, 17, udp(1234, 80, seen)))
    with Sniffer(h2, "t-web-2", "eth0") as heard:
        send(h1, "t-web-1", [frame] * 3)
        assert h1.ping("t-web-1", target)
    assert not any(seen in frame for frame in heard.frames)


def test_hosts_alone_and_published_ports_alone_are_reached_between_them(meshed, text):
    """What a host itself sends over their network, or somebody who is none of them."""
    if text is OVERLAY:
        pytest.skip("containers are on the network that it goes over")
    h1, h2, seen = meshed["h1"], meshed["h2"], (marker(8), marker(9))
    for family in (4, 6):
        via, target = h2.address("", "br-t-ingress", family), h2.address("t-web-2", family=family)
        h1.run(f"ip -{family} route add {target} via {via} dev br-t-ingress")
        assert str(h1.ask("", target, 80)).startswith("t-web-2")
        h1.silent(Probe("", target, 81), Probe("", via, 22), Probe("", target, 81, "udp"))
        assert not h1.ping("", target, IMPATIENCE) and not h1.ping("", via, IMPATIENCE)
        h1.run(f"ip -{family} route del {target} via {via} dev br-t-ingress")
    through, target = h2.link("br-t-ingress")["address"], h2.address("t-web-2")
    own, other = h1.link("br-t-ingress")["address"], h1.link("eth0", "t-web-1")["address"]
    frames = [
        ethernet(through, source, 0x0800, ipv4(OUTSIDE[4], target, 17, udp(port, 80, words)))
        for port, (source, words) in enumerate(zip((own, other), seen, strict=True), 1234)
    ]
    with Sniffer(h2, "t-web-2", "eth0") as heard:
        send(h1, "", frames * 3, "br-t-ingress")
    found = [any(words in frame for frame in heard.frames) for words in seen]
    assert found == [True, False]


def test_clients_are_told_of_no_better_way(meshed):
    with Sniffer(Outside(), "", "ul") as heard:
        for host, (family, proto) in itertools.product(meshed.hosts, WAYS):
            assert len(heard_at(host, family, proto, 30)) == len(BOTH)
    kinds = {(f[12:14], f[23:24], f[34:35]) for f in heard.frames}
    kinds6 = {(f[12:14], f[20:21], f[54:55]) for f in heard.frames}
    assert (b"\x08\0", b"\x01", b"\x05") not in kinds and (b"\x86\xdd", b"\x3a", b"\x89") not in kinds6
    assert len(heard.frames) > 100


def answered(address: str, port: int, proto: str) -> str | None:
    with socket.socket(family_of(address), KINDS[proto]) as sock:
        sock.settimeout(IMPATIENCE)
        try:
            sock.connect((address, port))
            if proto == "udp":
                sock.send(b"?")
            return sock.recv(200).decode()
        except OSError:
            return None


class Held:
    """A client's connection by one host, with whoever has answered."""

    def __init__(self, host: Machine, family: int, proto: str, address: str = ""):
        address = address or host.underlay[family]
        self.sock = socket.socket(family_of(address), KINDS[proto])
        self.sock.settimeout(PATIENCE)
        self.sock.bind(("", 0))  # so that nobody connects from this port by another host too: see limits.md
        self.sock.connect((address, 8080))
        if proto == "udp":
            self.sock.send(b"?")
        self.by, self.home = host.name, self.sock.recv(200).decode().split()[0]

    def echoes(self, data: bytes) -> bool:
        self.sock.send(data)
        found = b""
        while len(found) < len(data):
            found += self.sock.recv(1 << 16)
        return found == data


def held(cluster: Cluster) -> list[Held]:
    return [Held(host, *way) for host in cluster.hosts for way in WAYS for _ in range(4)]


def test_what_is_longer_than_a_packet_passes(meshed):
    """Clients on a wider link are told so (RFC 1191, RFC 8201)."""
    flows = held(meshed)
    for host, by, (family, proto) in itertools.product(meshed.hosts, meshed.hosts, WAYS):
        for ns in ("", f"t-near-{host.number}", f"t-beside-{host.number}"):
            with host.inside(ns):
                flows.append(Held(by, family, proto))
    for host in meshed.hosts:
        with host.inside(""):
            flows += [Held(host, 4, "tcp", "127.0.0.1") for _ in range(4)]
    for one in flows:
        if one.sock.type == socket.SOCK_STREAM:
            assert all(one.echoes(b"#" * 60000) for _ in range(4))
        else:
            one.sock.settimeout(IMPATIENCE)
            assert any(is_echoed(one, b"#" * 3000) for _ in range(3))  # both ends may have to be told


def is_echoed(one: Held, data: bytes) -> bool:
    with suppress(OSError):
        return one.echoes(data)
    return False


def test_another_project_and_an_end_of_it(meshed):
    """What others apply leaves it as it is, and when it goes nothing of it is left."""
    host = meshed["h2"]
    flows = [one for one in held(meshed) if one.home == "t-web-2"]
    other = meshed.files / "o.yaml"
    other.write_text("{name: o, networks: {n: }, services: {web: {networks: [n]}}}")
    host.succeed(host.reconcile("--apply", other))
    assert all(one.echoes(b"#still") for one in flows)
    host.succeed(host.reconcile("--destroy", meshed.folder))
    rules = host.run("ip rule").out + host.run("ip -6 rule").out
    routes = host.run("ip route show table all").out + host.run("ip -6 route show table all").out
    assert "br-t-" not in rules + routes + host.run("ip -br link").out
    assert "0x4000000" not in rules and "lookup 1091" not in rules
    assert not host.declared("t")
    host.succeed(host.reconcile("--destroy", other))
    assert "mesh" not in host.rules()
    host.succeed(host.reconcile("--apply", meshed.folder))
    assert host.succeed(host.reconcile("--plan", meshed.folder, "-o", "json")).steps == []


def test_a_host_that_dies_takes_its_own_connections_along_and_no_others(text, privileged, tmp_path):
    with clustered(tmp_path) as cluster:
        cluster.apply(text)
        cluster["h2"].serve("t-web-2", 80)
        cluster["h2"].serve("t-web-2", 80, proto="udp")
        cluster["h1"].serve("t-web-1", 80)
        cluster["h1"].serve("t-web-1", 80, proto="udp")
        flows = [Held(host, 4, proto) for host in cluster.hosts for proto in KINDS for _ in range(8)]
        assert {one.home for one in flows} == BOTH
        cluster["h1"].kill()
        left = [one for one in flows if one.by != "h1" and one.home != "t-web-1"]
        assert left and all(one.echoes(b"#alive") for one in left)


def test_what_is_open_stays_while_replicas_come_and_go(text, privileged, tmp_path):
    with clustered(tmp_path) as cluster:
        folder = cluster.apply(text)
        for host in cluster.hosts[:2]:
            for proto in KINDS:
                host.serve(f"t-web-{host.number}", 80, proto=proto)
        flows = [
            Held(host, family, proto) for host in cluster.hosts for family, proto in WAYS for _ in range(3)
        ]
        with asked(flows):
            scaled(cluster, folder, 3)
        for proto in KINDS:
            cluster["h3"].serve("t-web-3", 80, proto=proto)
        for host in cluster.hosts:
            assert len(heard_at(host, 4, "tcp")) == len(heard_at(host, 6, "udp")) == 3
        with asked(flows):
            scaled(cluster, folder, 2)
        assert {*heard_at(cluster["h1"], 4, "tcp")} == {f"{name} {OUTSIDE[4]}" for name in BOTH}


def scaled(cluster: Cluster, folder: Path, number: int) -> None:
    scale = ("--scale", f"web={number}", folder)
    cluster["h1"].succeed(cluster["h1"].reconcile("--lock", *scale))
    for host in cluster.hosts:
        host.succeed(host.reconcile("--apply", *scale))


@contextmanager
def asked(flows: list[Held]) -> Iterator[None]:
    """All of them are, as long as the body runs; and all answer."""
    bad = list[tuple[str, str]]()

    def ask() -> None:
        for number, one in enumerate(flows):
            bad.extend([] if is_echoed(one, b"#%d" % number) else [(one.by, one.home)])

    with meanwhile(ask):
        yield
    assert not bad

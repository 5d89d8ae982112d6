"""routed: three hosts without encapsulation; the wire is looked at from outside, where attackers stand."""

import itertools
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from tests.netns.cluster import OUTSIDE, Cluster, clustered
from tests.netns.frames import Sniffer, ethernet, ipv4, marker, udp, udp6
from tests.netns.lab import IMPATIENCE

NAMES = ("h1", "h2", "h3")
HOSTS = "".join(f"  h{n}: {{address: 10.99.0.{n}, address6: 'fd99::{n}'}}\n" for n in (1, 2, 3))
SUBNETS = "ipam: {config: [{subnet: 10.5%d.0.0/16}, {subnet: 'fd5%d::/64'}]}"
ROUTED = "gateway_mode: routed, enable_ipv6: true"
NETWORKS = f"""
  n: {{{ROUTED}, {SUBNETS % (6, 6)}}}
  inner: {{{ROUTED}, internal: true, {SUBNETS % (7, 7)}}}
  other: {{{ROUTED}, driver_opts: {{host_prefix: 22}}}}
  nat: {{enable_ipv6: true}}
"""


def everywhere(more: str = "") -> str:
    """A container of every network on every host."""
    boxes = "".join(
        f"  {net}{h[1]}: {{host: {h}, networks: [{net}], ports: ['{81 if net == 'n' else 82}']}}\n"
        for net in ("n", "inner", "other", "nat")
        for h in NAMES
    )
    return f"name: t\nhosts:\n{HOSTS}networks:{NETWORKS}containers:\n{boxes}{more}"


@pytest.fixture
def cluster(privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def world(privileged: None, tmp_path_factory) -> Iterator[Cluster]:
    """h2 asks for the way back of every packet; h1 has one more link, `side`, with an outsider behind."""
    with clustered(tmp_path_factory.mktemp("routed")) as made:
        made["h2"].sysctl("net/ipv4/conf/all/rp_filter", value=1)
        made["h1"].sysctl("net/ipv4/conf/all/rp_filter", value=0)
        pair = f"link add side type veth peer name side netns {made['h1'].process.pid}\nlink set side up"
        subprocess.run(["ip", "-batch", "-"], input=pair, text=True, check=True)
        made["h1"].ip("addr add 10.98.0.1/24 dev side\nlink set side up")
        made.folder = made.apply(everywhere())
        for h, net in itertools.product(NAMES, ("n", "inner", "other", "nat")):
            made[h].serve(f"t-{net}{h[1]}", 80, 81)
        made["h2"].serve("", 99)
        yield made


def ips(cluster: Cluster, net: str) -> dict[str, list[str]]:
    return {h: [cluster[h].address(f"t-{net}{h[1]}", family=family) for family in (4, 6)] for h in NAMES}


@pytest.mark.parametrize("net", ["n", "inner"])
def test_every_pair_meets_on_any_port_and_sees_the_others_address(world, net):
    at = ips(world, net)
    for one, two in itertools.permutations(NAMES, 2):
        for own, ip in zip(at[one], at[two], strict=True):
            assert world[one].ping(f"t-{net}{one[1]}", ip), (one, ip)
            assert world[one].ask(f"t-{net}{one[1]}", ip, 80) == f"t-{net}{two[1]} {own}"


def test_addresses_are_of_the_hosts_slice(world):
    lock = (world.folder / "addresses.lock").read_text()
    for h in NAMES:
        (line,) = (row for row in lock.splitlines() if row.startswith(f"t_n @{h} "))
        four, six = line.split()[2:]
        assert four.endswith(".0/24") and ips(world, "n")[h][0].startswith(four.removesuffix("0/24"))
        assert six.endswith("/80")
    locked = {row.split()[1]: row.split()[2:] for row in lock.splitlines() if row.startswith("t_n t-n")}
    assert locked == {f"t-n{h[1]}": addresses for h, addresses in ips(world, "n").items()}


def test_two_routers_are_between_and_the_wire_shows_plain_packets(world):
    at = ips(world, "n")
    with Sniffer(world["h1"], "t-n1", "eth0") as inside, Sniffer(world["h1"], "", "uplink") as wire:
        for ip in at["h2"]:
            assert world["h1"].ping("t-n1", ip)
            assert world["h1"].ask("t-n1", ip, 80)
    for frames, hops in ((inside.frames, 62), (wire.frames, 63)):
        four = [f for f in frames if f[12:14] == b"\x08\x00" and f[26:30] == socket.inet_aton(at["h2"][0])]
        six = [f for f in frames if f[12:14] == b"\x86\xdd" and f[22:38] == socket.inet_pton(10, at["h2"][1])]
        assert {f[22] for f in four} == {hops} and {f[21] for f in six} == {hops}
        assert {f[30:34] for f in four} == {socket.inet_aton(at["h1"][0])}
    assert not [f for f in wire.frames if f[23:24] == b"\x11"]  # no UDP: no tunnel


def test_networks_are_apart(world):
    for net in ("inner", "other", "nat"):
        for ip in ips(world, "n")["h2"]:
            assert not world["h1"].ping(f"t-{net}1", ip, IMPATIENCE)
            assert world["h1"].ask(f"t-{net}1", ip, 81, patience=IMPATIENCE) is None
    for ip in ips(world, "inner")["h2"]:
        assert not world["h1"].ping("t-n1", ip, IMPATIENCE)


def test_an_internal_network_leads_nowhere_else(world):
    for ip in (OUTSIDE[4], "10.99.0.2", OUTSIDE[6], "fd99::2"):
        assert not world["h1"].ping("t-inner1", ip, IMPATIENCE)


def test_from_outside_only_what_is_published_is_reached(world):
    for family in (4, 6):
        for net, reached in (("n", True), ("inner", False)):
            ip = ips(world, net)["h2"][family == 6]
            via = world["h2"].underlay[family]
            subprocess.run(["ip", f"-{family}", "route", "add", ip, "via", via], check=True)
            answer = subprocess.run(["ping", "-c1", "-W1", ip], stdout=subprocess.DEVNULL).returncode == 0
            assert answer == reached, ip
            assert (asked(ip, 81) == f"t-n2 {OUTSIDE[family]}") == reached
            assert asked(ip, 80) is None


def asked(ip: str, port: int) -> str | None:
    try:
        with socket.create_connection((ip, port), 0.5) as sock:
            return sock.recv(200).decode().strip()
    except OSError:
        return None


def test_who_says_that_it_is_a_peer_comes_by_the_peers_link(world):
    """A datagram to a container of h1 with the address of one of h2; over another link it is dropped."""
    at, heard = ips(world, "n"), {}
    for number, (here, there) in enumerate((("side", "side"), ("ul", "uplink"))):
        for family in (4, 6):
            mark = marker(10 * number + family)
            source, target = at["h2"][family == 6], at["h1"][family == 6]
            packet = (
                ipv4(source, target, 17, udp(5, 6, mark))
                if family == 4
                else udp6(source, target, (5, 6), mark)
            )
            mac = world["h1"].link(there)["address"]
            frame = ethernet(mac, "02:00:00:00:00:99", 0x0800 if family == 4 else 0x86DD, packet)
            with Sniffer(world["h1"], "t-n1", "eth0") as sniffer, socket.socket(17, socket.SOCK_RAW) as sock:
                sock.bind((here, 0))
                sock.send(frame)
            heard[there, family] = sniffer.saw(mark)
    assert heard == {("side", 4): False, ("side", 6): False, ("uplink", 4): True, ("uplink", 6): True}


def test_it_can_be_rehearsed(world):
    rehearsed = world["h1"].succeed(world["h1"].reconcile("--rehearse", world.folder))
    assert "converges" in rehearsed.out + rehearsed.err


def test_nothing_is_left_to_do_anywhere(world):
    for host in world.hosts:
        assert host.succeed(host.reconcile("--plan", world.folder, "-o", "json")).steps == []


def test_without_nftables_neither_network_is_open_to_the_outside(cluster):
    cluster.apply(everywhere())
    cluster["h2"].nft("flush ruleset")
    ip = ips(cluster, "n")["h2"][0]
    subprocess.run(["ip", "route", "add", ip, "via", cluster["h2"].underlay[4]], check=True)
    assert subprocess.run(["ping", "-c1", "-W1", ip], stdout=subprocess.DEVNULL).returncode != 0
    assert not cluster["h2"].ping("t-inner2", OUTSIDE[4], IMPATIENCE)


def test_what_lost_its_route_does_not_leave_by_another(cluster):
    """The default gateway of the hosts stands outside: it must see nothing of an internal network."""
    cluster.apply(everywhere())
    at = ips(cluster, "inner")["h2"]
    for family in (4, 6):
        cluster["h1"].run(f"ip -{family} route flush table main proto 109 type unicast")
    cluster["h1"].run(f"ip -6 route add default via {OUTSIDE[6]}")
    with Sniffer(Here(), "", "port1") as heard:
        for ip in (*at, "10.57.0.9", "fd57::9"):
            assert not cluster["h1"].ping("t-inner1", ip, IMPATIENCE)
    assert not [f for f in heard.frames if f[26:28] == bytes([10, 57]) or f[22:24] == b"\xfd\x57"]


class Here:
    """The test's own namespace, on the wire."""

    def inside(self, ns: str) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_container_that_moves_has_an_address_of_its_new_host(cluster):
    before = everywhere()
    folder = cluster.apply(before)
    lock, old = (folder / "addresses.lock").read_text(), cluster["h2"].address("t-n2")
    (folder / "t.yaml").write_text(before.replace("n2: {host: h2", "n2: {host: h1"))
    assert "stale" in cluster["h1"].reconcile("--apply", folder).err
    cluster["h3"].succeed(cluster["h3"].reconcile("--lock", folder))
    for host in cluster.hosts:
        host.succeed(host.reconcile("--apply", folder))
    new = cluster["h1"].address("t-n2")
    assert new != old and cluster["h3"].ping("t-n3", new)
    now = (folder / "addresses.lock").read_text()
    changed = {*lock.splitlines()} ^ {*now.splitlines()}
    assert {row.split()[1] for row in changed} == {"t-n2"} and f"t_n t-n2 {new} " in now


def test_a_stale_lock_is_refused(cluster):
    folder = cluster.apply(everywhere())
    more = everywhere().replace("networks:", "  h4: {address: 10.99.0.4, address6: 'fd99::4'}\nnetworks:", 1)
    (folder / "t.yaml").write_text(more)
    result = cluster["h1"].reconcile("--apply", folder)
    assert result.rc == 65 and "stale" in result.err and "@h4" in result.err
    before = (folder / "addresses.lock").read_text()
    cluster["h2"].succeed(cluster["h2"].reconcile("--lock", folder))
    after = (folder / "addresses.lock").read_text()
    assert set(before.splitlines()) < set(after.splitlines())
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder))


def test_a_host_that_is_no_neighbour_is_refused_with_its_line(cluster):
    folder = cluster.manifest(everywhere().replace("address: 10.99.0.3", "address: 10.97.0.3"))
    result = cluster["h1"].reconcile("--plan", folder)
    assert result.rc == 65 and "h3 at 10.97.0.3 is no neighbour" in result.err and "t.yaml:5" in result.err


def test_routes_that_went_with_their_link_come_back(cluster):
    folder = cluster.apply(everywhere())
    cluster["h1"].ip("link set uplink down\nlink set uplink up\naddr add fd99::1/64 dev uplink nodad")
    result = cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder, "-o", "json"))
    assert len(result.steps) == 12 and cluster["h1"].ping("t-n1", ips(cluster, "n")["h2"][1])


def test_other_projects_leave_the_routes_alone(cluster):
    folder = cluster.apply(everywhere())
    alone = cluster.files / "alone.yaml"
    alone.write_text("name: u\nnetworks: {n: {}}\ncontainers: {a: {networks: [n]}}\n")
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", alone))
    assert cluster["h1"].succeed(cluster["h1"].reconcile("--plan", folder, "-o", "json")).steps == []
    cluster["h1"].succeed(cluster["h1"].reconcile("--destroy", alone))
    assert cluster["h1"].succeed(cluster["h1"].reconcile("--plan", folder, "-o", "json")).steps == []
    assert cluster["h1"].ping("t-inner1", ips(cluster, "inner")["h3"][0])


def test_without_icc_containers_of_one_network_do_not_meet(cluster):
    cluster.apply(everywhere().replace("n: {gateway_mode: routed", "n: {icc: false, gateway_mode: routed"))
    cluster["h2"].serve("t-n2", 81)
    for ip in ips(cluster, "n")["h2"]:
        assert not cluster["h1"].ping("t-n1", ip, IMPATIENCE)
        assert cluster["h1"].ask("t-n1", ip, 81, patience=IMPATIENCE) is None


def test_nothing_stays_behind(cluster):
    host = cluster["h1"]
    before = host.links()
    folder = cluster.apply(everywhere())
    host.succeed(host.reconcile("--destroy", folder))
    assert host.links() == before
    for family in (4, 6):
        assert host.run(f"ip -{family} route show table all proto 109").out == ""
        assert "109" not in host.run(f"ip -{family} rule").out

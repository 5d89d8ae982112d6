"""overlay: three hosts, and what passes between their containers; the wire is looked at from outside."""

import itertools
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.netns.cluster import OUTSIDE, Cluster, clustered, hosts
from tests.netns.frames import BROADCAST, Sniffer, arp, ethernet, marker, send
from tests.netns.lab import IMPATIENCE

NETWORKS = ("red", "green", "blue")
NAMES = ("h1", "h2", "h3")


def network(number: int, more: str = "") -> str:
    subnets = f"[{{subnet: 10.5{number}.0.0/24}}, {{subnet: 'fd5{number}::/64'}}]"
    return f"{{driver: overlay, enable_ipv6: true, ipam: {{config: {subnets}}}{more}}}"


def mesh(family: int = 4) -> str:
    """One container of every network on every host."""
    nets = "".join(f"  {name}: {network(n)}\n" for n, name in enumerate(NETWORKS))
    boxes = "".join(
        f"  {net}{host[1]}: {{host: {host}, networks: [{net}]}}\n" for net in NETWORKS for host in NAMES
    )
    return f"name: t\n{hosts(family=family)}\nnetworks:\n{nets}containers:\n{boxes}"


def pair(more: str = "", options: str = "") -> str:
    """`a` on h1, `b` on h2 and `c` on h3, in one network."""
    boxes = "".join(
        f"  {name}: {{host: {host}, networks: [n]}}\n" for name, host in zip("abc", NAMES, strict=True)
    )
    return f"name: t\n{hosts()}\nnetworks:\n  n: {network(5, options)}\ncontainers:\n{boxes}{more}"


@pytest.fixture
def cluster(privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=[4, 6], ids=["underlay-v4", "underlay-v6"])
def meshed(request: pytest.FixtureRequest, privileged: None, tmp_path_factory) -> Iterator[Cluster]:
    with clustered(tmp_path_factory.mktemp("mesh")) as made:
        made.family = request.param
        made.folder = made.apply(mesh(request.param))
        yield made


def addresses(cluster: Cluster, net: str) -> dict[str, list[str]]:
    return {h: [cluster[h].address(f"t-{net}{h[1]}", family=family) for family in (4, 6)] for h in NAMES}


def test_every_pair_on_every_network_meets(meshed):
    for net in NETWORKS:
        ips = addresses(meshed, net)
        for h in NAMES:
            meshed[h].serve(f"t-{net}{h[1]}", 80)
        for one, two in itertools.permutations(NAMES, 2):
            for ip in ips[two]:
                assert meshed[one].ping(f"t-{net}{one[1]}", ip), (net, one, ip)
                assert meshed[one].ask(f"t-{net}{one[1]}", ip, 80) == f"t-{net}{two[1]} {ips[one][':' in ip]}"


def test_networks_are_apart(meshed):
    for one, two in itertools.permutations(NETWORKS, 2):
        for ip in addresses(meshed, two)["h2"]:
            assert not meshed["h1"].ping(f"t-{one}1", ip, IMPATIENCE)


def test_nothing_is_left_to_do_anywhere(meshed):
    for host in meshed.hosts:
        assert host.succeed(host.reconcile("--plan", meshed.folder, "-o", "json")).steps == []


def test_every_host_derives_the_same(meshed):
    """Ids, VNIs, addresses and MACs: what one host has, the others have as entries."""
    shown = [
        host.succeed(host.reconcile("--show", meshed.folder, "-o", "json")).json for host in meshed.hosts
    ]
    ids = [[(n["name"], n["id"], n["vni"], n["mtu"]) for n in one["networks"]] for one in shown]
    assert ids[0] == ids[1] == ids[2]
    for n in shown[1]["networks"]:
        for end in n["endpoints"]:
            entries = meshed["h1"].run(f"bridge fdb show brport vx-{n['id'][:12]}").out
            assert f"{end['mac']} dst {meshed['h2'].underlay[meshed.family]} self" in entries


def test_nobody_joins_who_does_not_know_what_others_have(meshed):
    for h in NAMES:
        outside = "{name: u, networks: {x: {external: true, name: t_red}}, containers: {a: {networks: [x]}}}"
        meshed[h].refused(outside, "network t_red spans several hosts")


def test_the_mtu_is_what_the_underlay_leaves(meshed):
    room = {4: 1450, 6: 1430}[meshed.family]
    assert meshed["h1"].link("eth0", "t-red1")["mtu"] == room
    ip = addresses(meshed, "red")["h2"][0]
    assert meshed["h1"].run(f"ping -M do -c 1 -W 2 -s {room - 28} {ip}", "t-red1", check=False).rc == 0


def test_no_discovery_is_on_the_wire(meshed):
    """Neither ARP nor neighbour solicitations, and no frame of a VNI that was not spoken."""
    vni = {
        n["name"]: n["vni"]
        for n in meshed["h1"].reconcile("--show", meshed.folder, "-o", "json").json["networks"]
    }
    for h in NAMES:
        meshed[h].run("ip neigh flush all", f"t-red{h[1]}")
    with Sniffer(meshed["h1"], "", "uplink") as heard:
        for ip in [ip for h in ("h2", "h3") for ip in addresses(meshed, "red")[h]]:
            assert meshed["h1"].ping("t-red1", ip)
        assert not meshed["h1"].ping("t-red1", "10.50.0.99", IMPATIENCE)
    inner = [f for f in map(decapsulated, heard.frames) if f]
    assert inner and {number for number, _ in inner} == {vni["t_red"]}
    assert not [frame for _, frame in inner if frame[12:14] == b"\x08\x06" or is_discovery(frame)]


def decapsulated(frame: bytes) -> tuple[int, bytes] | None:
    head = 14 + (40 if frame[12:14] == b"\x86\xdd" else 20)
    if frame[head + 2 : head + 4] != (4789).to_bytes(2, "big"):
        return None
    return int.from_bytes(frame[head + 12 : head + 15], "big"), frame[head + 16 :]


def is_discovery(frame: bytes) -> bool:
    return frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] in (133, 134, 135)


def test_a_container_leaves_by_its_own_host(meshed):
    from tests.netns.servers import Servers

    servers = Servers()
    try:
        servers.listen("outside", 99, "tcp", 2)
        for h in NAMES:
            assert meshed[h].ask(f"t-red{h[1]}", OUTSIDE[4], 99) == f"outside {meshed[h].underlay[4]}"
    finally:
        servers.close()


@pytest.mark.alone
def test_a_moved_container_hardly_misses_a_packet(cluster):
    before = pair("  d: {host: h2, networks: [n]}\n")
    cluster.apply(before)
    moved, other = cluster["h2"].address("t-b"), cluster["h2"].address("t-d")
    folder = cluster.manifest(before.replace("b: {host: h2", "b: {host: h1"))
    with cluster["h3"].inside("t-c"):
        words = ["ping", "-q", "-i", "0.01", "-W", "1"]
        pings = [subprocess.Popen([*words, ip], stdout=subprocess.PIPE, text=True) for ip in (moved, other)]
    time.sleep(0.3)
    for name in ("h1", "h3", "h2"):
        cluster[name].succeed(cluster[name].reconcile("--apply", folder))
    time.sleep(0.3)
    lost = []
    for ping in pings:
        ping.send_signal(2)
        sent, got = map(
            int, re.search(r"(\d+) packets transmitted, (\d+) received", ping.communicate()[0]).groups()
        )
        lost.append(sent - got)
    assert lost[0] <= 10 and lost[1] <= 1, lost
    assert cluster["h1"].address("t-b") == moved


def test_a_tunnel_that_is_replaced_while_a_container_moves(cluster):
    """The new one holds nothing of what the old one knew."""
    cluster.apply(pair())
    cluster.apply(pair(options=", driver_opts: {vni: '4711'}").replace("b: {host: h2", "b: {host: h1"))
    assert cluster["h3"].ping("t-c", cluster["h1"].address("t-b"))


def test_a_changed_mtu_forgets_nobody(cluster):
    cluster.apply(pair())
    cluster.apply(pair(options=", mtu: 1400"))
    assert cluster["h1"].link("eth0", "t-a")["mtu"] == 1400
    assert cluster["h1"].ping("t-a", cluster["h2"].address("t-b"))


def test_a_host_that_died_comes_back(cluster):
    folder = cluster.apply(pair())
    back = cluster["h2"].address("t-b")
    cluster["h2"].kill()
    assert cluster["h1"].ping("t-a", cluster["h3"].address("t-c"))
    assert not cluster["h1"].ping("t-a", back, IMPATIENCE)
    cluster["h2"].start()
    cluster["h2"].succeed(cluster["h2"].reconcile("--apply", folder))
    assert cluster["h2"].address("t-b") == back and cluster["h1"].ping("t-a", back)


def test_hosts_on_different_commits(cluster):
    cluster.apply(pair())
    newer = cluster.manifest(pair("  new: {host: h1, networks: [n]}\n"), "newer")
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", "--adopt", newer))
    assert cluster["h1"].ping("t-a", cluster["h2"].address("t-b"))
    assert not cluster["h1"].ping("t-new", cluster["h2"].address("t-b"), IMPATIENCE)
    cluster["h2"].succeed(cluster["h2"].reconcile("--apply", "--adopt", newer))
    assert cluster["h1"].ping("t-new", cluster["h2"].address("t-b"))


def test_what_comes_from_no_peer_is_dropped(cluster):
    """A VXLAN frame with the right VNI from a stranger; from a peer's address it arrives."""
    folder = cluster.apply(pair())
    (shown,) = cluster["h1"].reconcile("--show", folder, "-o", "json").json["networks"]
    heard = {}
    for source in (OUTSIDE[4], "10.99.0.3"):
        mark = marker(len(heard))
        stranger = ("02:00:00:00:00:99", "10.55.0.99")
        inner = ethernet(BROADCAST, stranger[0], 0x0806, arp(1, stranger, (BROADCAST, "10.55.0.2"), mark))
        with Sniffer(cluster["h1"], "t-a", "eth0") as sniffer:
            tunnelled(shown["vni"], inner, source)
        heard[source] = sniffer.saw(mark)
    assert heard == {OUTSIDE[4]: False, "10.99.0.3": True}


def test_a_container_cannot_forge_frames_of_another_network(meshed):
    """They would leave with its host's address, which is a peer's."""
    import socket

    nets = meshed["h1"].reconcile("--show", meshed.folder, "-o", "json").json["networks"]
    vni, mark = next(n["vni"] for n in nets if n["name"] == "t_green"), marker(42)
    stranger = ("02:00:00:00:00:99", "10.51.0.99")
    inner = ethernet(BROADCAST, stranger[0], 0x0806, arp(1, stranger, (BROADCAST, "10.51.0.2"), mark))
    frame, target = b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0" + inner, meshed["h2"].underlay
    with Sniffer(meshed["h2"], "t-green2", "eth0") as sniffer, meshed["h1"].inside("t-red1"):
        for family, number in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.sendto(frame, (target[number], 4789))
    assert not sniffer.saw(mark)


def tunnelled(vni: int, frame: bytes, source: str) -> None:
    """To h1, from an address of the test's choice."""
    import socket

    subprocess.run(["ip", "addr", "add", f"{source}/32", "dev", "lo"], check=True)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            sock.sendto(b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0" + frame, ("10.99.0.1", 4789))
    finally:
        subprocess.run(["ip", "addr", "del", f"{source}/32", "dev", "lo"], check=True)


@pytest.mark.parametrize(("options", "arrives"), [(", multicast: true", True), ("", False)])
def test_broadcasts_reach_every_host_where_they_shall(cluster, options, arrives):
    cluster.apply(pair(options=options))
    mark = marker(7)
    own = cluster["h1"].link("eth0", "t-a")["address"]
    frame = ethernet(
        BROADCAST, own, 0x0806, arp(1, (own, cluster["h1"].address("t-a")), (BROADCAST, "10.55.0.99"), mark)
    )
    with Sniffer(cluster["h2"], "t-b", "eth0") as heard, cluster["h1"].inside("t-a"):
        import socket

        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("eth0", 0))
            sock.send(frame)
    assert heard.saw(mark) == arrives


def test_a_published_port_keeps_the_clients_address(cluster):
    cluster.apply(pair("  web: {host: h2, networks: [n], ports: ['8080:80']}\n"))
    cluster["h2"].serve("t-web", 80)
    import socket

    with socket.create_connection((cluster["h2"].underlay[4], 8080), 3) as sock:
        assert sock.recv(100).decode().strip() == f"t-web {OUTSIDE[4]}"


def test_a_wrong_host_name_is_refused(cluster):
    folder = cluster.manifest(pair())
    lost = cluster["h1"].reconcile("--apply", folder, "--host", "h9")
    assert lost.rc == 65 and "h9" in lost.err and "h1, h2, h3" in lost.err
    taken = cluster["h1"].reconcile("--apply", folder, "--host", "h2")
    assert taken.rc == 65 and "10.99.0.2" in taken.err


def test_the_plan_of_another_host_needs_nothing_of_it(cluster):
    folder = cluster.manifest(pair())
    plan = cluster["h1"].succeed(cluster["h1"].reconcile("--plan", folder, "--host", "h2", "-o", "json"))
    assert "create namespace t-b" in plan.steps and "create namespace t-a" not in plan.steps


def test_a_vni_that_somebody_has_is_refused(cluster):
    folder = cluster.manifest(pair(options=", driver_opts: {vni: '4711'}"))
    cluster["h1"].ip("link add theirs type vxlan id 4711 dstport 4789 local 10.99.0.1")
    result = cluster["h1"].reconcile("--apply", folder)
    assert result.rc == 65 and "theirs" in result.err
    cluster["h1"].ip("link del theirs")
    cluster["h1"].succeed(cluster["h1"].reconcile("--apply", folder))
    text = pair(options=", driver_opts: {vni: '4711'}").replace("name: t", "name: u").replace("55", "56")
    result = cluster["h1"].reconcile("--apply", cluster.manifest(text, "other"))
    assert result.rc == 65 and "network t_n of project t has it" in result.err


@pytest.mark.parametrize(
    ("more", "shared"), [("gbp", False), ("external gpe", False), ("external", False), ("", True)]
)
def test_a_tunnel_that_has_its_port_alone_is_told_at_plan(cluster, more, shared):
    folder = cluster.manifest(pair())
    of = "" if "external" in more else "id 7 local 10.99.0.1"
    cluster["h1"].ip(f"link add theirs type vxlan {of} dstport 4789 {more}\nlink set theirs up")
    plan = cluster["h1"].reconcile("--plan", folder)
    assert plan.rc == (0 if shared else 65) and ("theirs" in plan.err) != shared, plan
    assert cluster["h1"].reconcile("--apply", folder).rc == plan.rc


class Outside:
    """The underlay's own side of the cables, for a sniffer."""

    @staticmethod
    def inside(_: str) -> nullcontext[None]:
        return nullcontext()


def carried(frames: list[bytes], target: str = "") -> int:
    """How many of these frames carry VXLAN, to one address of the underlay or to any."""
    port, wanted = b"\x12\xb5", ip_address(target).packed if target else b""
    return sum(port in (f[36:38], f[56:58]) and wanted in f[26:54] for f in frames)


@pytest.mark.parametrize("family", [4, 6])
def test_frames_go_to_the_declared_hosts_alone(cluster, family):
    """Whatever the entries say: FRR writes some, and whoever is root may."""
    h1, stranger = cluster["h1"], {4: "10.99.0.77", 6: "fd99::77"}[family]
    cluster.apply(pair().replace(hosts(), hosts(family=family)))
    subprocess.run(["ip", "addr", "add", stranger, "dev", "ul", *["nodad"] * (family == 6)], check=True)
    mac, link = cluster["h2"].link("eth0", "t-b")["address"], next(n for n in h1.links() if n[:3] == "vx-")
    h1.run(f"bridge fdb replace {mac} dev {link} dst {stranger} self static")
    with Sniffer(Outside(), "", "port1") as heard:
        h1.ping("t-a", cluster["h2"].address("t-b"), IMPATIENCE)
    assert not carried(heard.frames)
    h1.run("nft flush chain inet reconciler tunnels_out")
    with Sniffer(Outside(), "", "port1") as heard:
        h1.ping("t-a", cluster["h2"].address("t-b"), IMPATIENCE)
    assert carried(heard.frames, stranger)


@pytest.mark.alone
def test_what_a_container_says_to_everybody_is_limited(cluster):
    """Each frame of it goes out once for every other host; nobody else is held up, and it goes on."""
    h1 = cluster["h1"]
    cluster.apply(pair("  d: {host: h1, networks: [n]}\n", ", multicast: true"))
    macs = {box: h1.link("eth0", box)["address"] for box in ("t-a", "t-d")}

    def said(box: str, mark: bytes, to: str = BROADCAST) -> bytes:
        own = macs[box], h1.address(box)
        return ethernet(to, own[0], 0x0806, arp(1, own, (BROADCAST, "10.55.0.99"), mark))

    loud, began = [said("t-a", marker(1))] * 6000, time.monotonic()
    with Sniffer(Outside(), "", "port1") as wire, Sniffer(cluster["h2"], "t-b", "eth0") as heard:
        send(h1, "t-a", loud)
        seconds = time.monotonic() - began
        send(h1, "t-d", [said("t-d", marker(2))])
    assert heard.saw(marker(1)) and heard.saw(marker(2))
    assert 200 < carried(wire.frames) < 2 * (1000 + 1000 * (seconds + 0.5)) < 2 * len(loud)

    time.sleep(1)
    with Sniffer(cluster["h2"], "t-b", "eth0") as heard, Sniffer(Outside(), "", "port1") as wire:
        send(h1, "t-a", [said("t-a", marker(3)), said("t-a", marker(4), "01:00:5e:00:00:fb")])
        send(h1, "t-a", [said("t-a", marker(5), "02:00:00:00:00:77")])  # whom nobody knows
    assert heard.saw(marker(3)) and heard.saw(marker(4)) and not heard.saw(marker(5))
    assert not any(marker(5) in frame for frame in wire.frames)
    assert h1.ping("t-a", cluster["h3"].address("t-c")) and h1.ping(
        "t-a", cluster["h3"].address("t-c", family=6)
    )


def test_a_stale_lock_is_refused_and_nothing_is_touched(cluster):
    folder = cluster.apply(pair())
    (folder / "t.yaml").write_text(pair("  new: {host: h1, networks: [n]}\n"))
    result = cluster["h1"].reconcile("--apply", folder)
    assert result.rc == 65 and "stale" in result.err and "--lock" in result.err
    assert cluster["h1"].reconcile("--lock", "--check", folder).rc == 2
    assert cluster["h1"].reconcile("--lock", folder).rc == 0
    assert cluster["h1"].reconcile("--lock", "--check", folder).rc == 0
    assert cluster["h1"].reconcile("--apply", folder).rc == 0


def test_a_spoofed_mac_does_not_draw_traffic_away(cluster):
    """`sticky`: a container that sends with another's MAC would else become its home."""
    cluster.apply(pair())
    b = cluster["h2"].link("eth0", "t-b")["address"]
    send(
        cluster["h1"],
        "t-a",
        [ethernet(BROADCAST, b, 0x0806, arp(1, (b, "10.55.0.1"), (BROADCAST, "10.55.0.1"), marker(1)))],
    )
    assert cluster["h1"].ping("t-a", cluster["h2"].address("t-b"))


def test_nothing_stays_behind(cluster):
    before = cluster["h1"].links()
    folder = cluster.apply(pair())
    cluster["h1"].succeed(cluster["h1"].reconcile("--destroy", folder))
    assert cluster["h1"].links() == before and cluster["h1"].json("ip -j neigh show nud permanent") == []


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (("both",), "network t_n listens on it"),
        (("overlay", "published"), "network t_n listens on it"),
        (("published", "overlay"), "project u publishes it"),
    ],
)
def test_a_tunnels_port_is_not_published(privileged, tmp_path, order, words):
    """DNAT would hand every frame that comes in to the container that publishes."""
    ports = "ports: ['4789:9999/udp']"
    text = f"name: t\n{hosts(1)}\nnetworks: {{n: {{driver: overlay}}, nat: {{}}}}\ncontainers:\n"
    text += "  a: {host: h1, networks: [n]}\n"
    with clustered(tmp_path, 1) as cluster:
        h1, paths = cluster["h1"], {"overlay": cluster.manifest(text), "published": tmp_path / "u.yaml"}
        paths["both"] = cluster.manifest(f"{text}  x: {{host: h1, networks: [nat], {ports}}}\n", "both")
        paths["published"].write_text(f"name: u\ncontainers: {{x: {{{ports}}}}}\n")
        for name in order[:-1]:
            h1.succeed(h1.reconcile("--apply", paths[name]))
        result = h1.reconcile("--apply", paths[order[-1]])
        assert result.rc == 65 and "4789" in result.err and words in result.err, result


def test_links_that_lost_their_aliases_are_put_right_and_go_with_their_project(privileged, tmp_path):
    with clustered(tmp_path, 1) as cluster:
        h1, other = cluster["h1"], tmp_path / "u.yaml"
        folder = cluster.apply(
            f"name: t\n{hosts(1)}\nnetworks: {{n: {{driver: overlay}}}}\n"
            "containers: {a: {host: h1, networks: [n]}}\n"
        )
        other.write_text("name: u\ncontainers: {x: {}}\n")
        links = [name for name in h1.links() if name.startswith(("vx-", "br-"))]
        for link in links:
            h1.run(["ip", "link", "set", link, "alias", ""])
        h1.succeed(h1.reconcile("--apply", other))
        plan = h1.succeed(h1.reconcile("--plan", folder, "-o", "json"))
        assert sorted(plan.steps) == sorted(f"update link host/{link}" for link in links)
        h1.succeed(h1.reconcile("--apply", folder))
        assert not h1.succeed(h1.reconcile("--plan", folder, "-o", "json")).steps
        for link in links:
            h1.run(["ip", "link", "set", link, "alias", ""])
        h1.succeed(h1.reconcile("--destroy", folder))
        assert not {*links} & {*h1.links()}

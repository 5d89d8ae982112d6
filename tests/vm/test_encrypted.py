"""Encrypted overlays: three hosts under a kernel with WireGuard, and what is on the wire between them."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from reconciler.kernel.observe.capabilities import Missing
from tests.netns.cluster import OUTSIDE, Cluster, Machine, clustered
from tests.netns.frames import BROADCAST, Sniffer, arp, ethernet, marker
from tests.netns.lab import IMPATIENCE

pytestmark = pytest.mark.skipif("wireguard" in Missing(), reason="this kernel lacks wireguard")
NAMES = ("h1", "h2", "h3")
PORT, VXLAN = 51820, 4789
ROOM = {4: 1500 - 60 - 70, 6: 1500 - 80 - 70}
KEY = "/var/lib/reconciler/wireguard.key"


class Keyed(Machine):
    """A host with a key of its own."""

    @property
    def key(self) -> str:
        """The line that `--key` prints."""
        return self.succeed(self.reconcile("--key")).out.strip()

    def secret(self) -> str:
        with self.mounts():
            assert os.stat(KEY).st_mode & 0o777 == 0o600
            return Path(KEY).read_text().strip()

    def forget(self) -> None:
        with self.mounts():
            os.unlink(KEY)

    def tunnel(self) -> str:
        return next(name for name in self.links() if name.startswith("wg-"))


class Outside:
    """The underlay's own side of the cables, for a sniffer."""

    @staticmethod
    def inside(_: str) -> nullcontext[None]:
        return nullcontext()


def vault(keys: dict[str, str], family: int = 4) -> str:
    """`a`, `b` and `c` on an encrypted network, a host each, and `d` and `e` on a clear one."""
    address = {4: "10.99.0.{}", 6: "'fd99::{}'"}[family]
    rows = "".join(
        f"  {h}:\n    address: {address.format(h[1])}\n    {keys[h]}\n" for h in NAMES if h in keys
    )
    nets = "".join(
        f"  {name}: {{driver: overlay, enable_ipv6: true, encrypted: {word}, "
        f"ipam: {{config: [{{subnet: 10.5{n}.0.0/24}}, {{subnet: 'fd5{n}::/64'}}]}}}}\n"
        for n, (name, word) in enumerate({"n": "true", "clear": "false"}.items())
    )
    boxes = "".join(f"  {c}: {{host: {h}, networks: [n]}}\n" for c, h in zip("abc", NAMES, strict=True))
    boxes += "".join(f"  {c}: {{host: {h}, networks: [clear]}}\n" for c, h in (("d", "h1"), ("e", "h2")))
    return f"name: t\nhosts:\n{rows}networks:\n{nets}containers:\n{boxes}"


@pytest.fixture(scope="module")
def sealed(request: pytest.FixtureRequest, privileged: None, tmp_path_factory) -> Iterator[Cluster]:
    """One for all, since it takes half a minute: who changes it puts it right."""
    with clustered(tmp_path_factory.mktemp("sealed"), machine=Keyed) as made:
        made.family = getattr(request, "param", 4)
        made.keys = {host.name: host.key for host in made.hosts}
        made.folder = made.apply(vault(made.keys, made.family))
        yield made


def pinged(cluster: Cluster, one: str, other: str, patience: float = 5) -> bool:
    box = {h: f"t-{c}" for h, c in zip(NAMES, "abc", strict=True)}
    return all(
        cluster[one].ping(box[one], cluster[other].address(box[other], family=f), patience) for f in (4, 6)
    )


def udp_ports(frames: list[bytes]) -> set[int]:
    """Destination ports of the UDP packets among these frames."""
    found = set()
    for frame in frames:
        six = frame[12:14] == b"\x86\xdd"
        head = 54 if six else 34
        if frame[20 if six else 23] == 17:
            found.add(int.from_bytes(frame[head + 2 : head + 4], "big"))
    return found


def shown(cluster: Cluster, name: str) -> dict[str, Any]:
    networks = cluster["h1"].reconcile("--show", cluster.folder, "-o", "json").json["networks"]
    return next(n for n in networks if n["name"] == name)


def test_full_size_packets_pass_and_none_of_it_is_legible(sealed: Cluster):
    room, h2 = ROOM[sealed.family], sealed["h2"]
    assert sealed["h1"].link("eth0", "t-a")["mtu"] == room
    h2.serve("t-b", 80)
    with Sniffer(sealed["h1"], "", "uplink") as one, Sniffer(h2, "", "uplink") as two:
        assert pinged(sealed, "h1", "h2") and pinged(sealed, "h2", "h3")
        for family, head in ((4, 28), (6, 48)):
            ip = h2.address("t-b", family=family)
            sealed["h1"].run(f"ping -M do -c 1 -W 5 -p 5ec7e7 -s {room - head} {ip}", "t-a")
            assert sealed["h1"].ask("t-a", ip, 80) == f"t-b {sealed['h1'].address('t-a', family=family)}"
    frames = [*one.frames, *two.frames]
    assert udp_ports(frames) == {PORT} and max(map(len, frames)) == 1514
    assert not [frame for frame in frames if b"\x5e\xc7\xe7" * 4 in frame or b"t-b " in frame]


@pytest.mark.parametrize("sealed", [6], indirect=True, ids=["underlay-v6"])
def test_the_same_over_ipv6(sealed: Cluster):
    test_full_size_packets_pass_and_none_of_it_is_legible(sealed)
    assert sealed["h1"].succeed(sealed["h1"].reconcile("--plan", sealed.folder, "-o", "json")).steps == []


def test_who_is_heard_is_told(sealed: Cluster):
    """A peer with whom there was no handshake may have nothing to say: it is named, and no more."""
    h1 = sealed["h1"]
    h1.run(f"ip link del {h1.tunnel()}")
    h1.succeed(h1.reconcile("--apply", sealed.folder))
    assert pinged(sealed, "h1", "h2")
    found = h1.succeed(h1.reconcile("--status", "-o", "json")).json["peers"]
    near, far = (f"10.99.0.{n}:{PORT}" for n in (2, 3))
    assert {peer["peer"]: (peer["up"], bool(peer["at"])) for peer in found} == {
        near: (True, True),
        far: (False, False),
    }
    words = h1.succeed(h1.reconcile("--status")).out
    assert f"t: WireGuard with 1 of 2 hosts; not with {far} (never)" in words


def test_a_clear_network_of_the_project_goes_on_as_it_was(sealed: Cluster):
    with Sniffer(sealed["h2"], "", "uplink") as heard:
        assert sealed["h1"].ping("t-d", sealed["h2"].address("t-e"))
    assert VXLAN in udp_ports(heard.frames)
    assert sealed["h1"].link("eth0", "t-d")["mtu"] == {4: 1450, 6: 1430}[sealed.family]


def test_nothing_is_left_to_do_and_nobody_tells_the_key(sealed: Cluster):
    for host in sealed.hosts:
        assert host.secret() and host.key == sealed.keys[host.name]
        plan = host.succeed(host.reconcile("--plan", sealed.folder, "-o", "json"))
        assert plan.steps == []
        link = host.tunnel()
        told = [
            plan,
            host.reconcile("--explain", f"link host/{link}", sealed.folder),
            host.reconcile("--show", sealed.folder, "-o", "json"),
            host.reconcile("--status", sealed.folder, "-o", "json"),
        ]
        assert not [one for one in told if host.secret() in one.out + one.err or one.rc]
        assert f"private-key {KEY}" in told[1].out and sealed.keys[host.name].split()[1] in told[1].out


def forged(h1: Machine, shown_: dict[str, Any], source: str, target: str) -> bool:
    """Whether a VXLAN frame that nobody encrypted reaches `a`, sent by the outside from `source`."""
    mark, stranger = marker(hash(source) % 1000), ("02:00:00:00:00:99", "10.50.0.99")
    inner = ethernet(BROADCAST, stranger[0], 0x0806, arp(1, stranger, (BROADCAST, "10.50.0.2"), mark))
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    subprocess.run(["ip", "addr", "add", source, "dev", "lo", *["nodad"] * (":" in source)], check=True)
    try:
        with Sniffer(h1, "t-a", "eth0") as sniffer, socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            sock.sendto(b"\x08\0\0\0" + shown_["vni"].to_bytes(3, "big") + b"\0" + inner, (target, VXLAN))
    finally:
        subprocess.run(["ip", "addr", "del", source, "dev", "lo"], check=True)
    return sniffer.saw(mark)


def test_a_forged_frame_is_not_delivered(sealed: Cluster):
    """Not even one that claims a peer's address in the tunnel, which the list of peers alone would let in."""
    h1, network = sealed["h1"], shown(sealed, "t_n")
    peer, own = (sealed[h].addresses("", sealed[h].tunnel(), 6)[0].split("/")[0] for h in ("h2", "h1"))
    subprocess.run(["ip", "-6", "route", "add", f"{own}/128", "via", h1.underlay[6]], check=True)
    try:
        assert not forged(h1, network, "10.99.0.77", h1.underlay[4])
        assert not forged(h1, network, peer, own)
        h1.run("nft flush set inet reconciler sealed")
        assert forged(h1, network, peer, own)
    finally:
        subprocess.run(["ip", "-6", "route", "del", f"{own}/128"], check=True)
        h1.succeed(h1.reconcile("--apply", sealed.folder))


def test_without_its_link_nothing_goes_out(sealed: Cluster):
    """The tunnel's addresses then have the default route: the guard holds, and the next apply heals."""
    h1 = sealed["h1"]
    h1.run(f"ip -6 route add default via {OUTSIDE[6]}")
    h1.run(f"ip link del {h1.tunnel()}")
    try:
        with Sniffer(Outside(), "", "port1") as heard:
            assert not h1.ping("t-a", sealed["h2"].address("t-b"), IMPATIENCE)
        assert VXLAN not in udp_ports(heard.frames)
    finally:
        h1.succeed(h1.reconcile("--apply", sealed.folder))
        h1.run("ip -6 route del default")
    assert pinged(sealed, "h1", "h2")


@contextmanager
def over_and_over(work: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, whatever comes of it; the thread starts where this one is."""
    running = [True]

    def loop() -> None:
        while running:
            with suppress(OSError):
                work()
            time.sleep(0.005)

    thread = Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        running.clear()
        thread.join()


@contextmanager
def speaking(host: Machine, ns: str, ip: str) -> Iterator[None]:
    with host.inside(ns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock, over_and_over(lambda: sock.sendto(b"in clear", (ip, 9))):
        yield


def in_clear(frames: list[bytes], vni: int) -> int:
    """Frames that carry a network's VXLAN header for everybody to read."""
    return sum(b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0" in frame for frame in frames)


LOSSES = ("ip -6 addr flush dev {link}", "ip link set {link} down", "ip link del {link}")  # with the firewall


def test_no_frame_leaves_in_clear_whatever_is_lost(sealed: Cluster):
    """Until the apply that heals, and while it does; when all goes and comes; when somebody flushes
    meanwhile."""
    h1, far, vni = sealed["h1"], sealed["h2"].address("t-b"), shown(sealed, "t_n")["vni"]

    def lose(command: str) -> None:
        h1.run("nft flush ruleset")
        h1.run(command.format(link=h1.tunnel()))
        time.sleep(0.3)

    h1.run(f"ip -6 route add default via {OUTSIDE[6]}")
    with Sniffer(Outside(), "", "port1") as heard:
        with speaking(h1, "t-a", far), speaking(h1, "", far):
            for command in LOSSES:
                lose(command)
                h1.succeed(h1.reconcile("--apply", sealed.folder))
                assert pinged(sealed, "h1", "h2"), command
        with speaking(h1, "", far):
            h1.succeed(h1.reconcile("--destroy", sealed.folder))
            with h1.inside(""):
                flushing = over_and_over(lambda: subprocess.run(["nft", "flush", "ruleset"]))
                with flushing:
                    h1.reconcile("--apply", sealed.folder)
            h1.succeed(h1.reconcile("--apply", sealed.folder))
    assert PORT in udp_ports(heard.frames) and not in_clear(heard.frames, vni)

    # It is the route that keeps them in, and the capture would hear them.
    (kept,) = (row for row in h1.routes("", 6) if row.startswith("unreachable fd"))
    with Sniffer(Outside(), "", "port1") as heard, speaking(h1, "t-a", far):
        lose(f"ip -6 route del {kept}")
        lose(LOSSES[-1])
    assert in_clear(heard.frames, vni)
    h1.succeed(h1.reconcile("--apply", sealed.folder))
    h1.run("ip -6 route del default")
    assert pinged(sealed, "h1", "h2")


def test_drift_of_peers_is_put_right(sealed: Cluster):
    h1, key = sealed["h1"], sealed.keys["h2"].split()[1]
    for words in (f"peer {key} remove", f"peer {key} allowed-ips ::/0", "listen-port 5555"):
        h1.run(f"wg set {h1.tunnel()} {words}")
        applied = h1.succeed(h1.reconcile("--apply", sealed.folder, "-o", "json"))
        assert f"update link host/{h1.tunnel()}" in applied.steps, words
        assert h1.succeed(h1.reconcile("--plan", sealed.folder, "-o", "json")).steps == []
    assert pinged(sealed, "h1", "h2")


def test_a_host_that_sends_from_another_of_its_addresses_is_believed(sealed: Cluster):
    h1, h2 = sealed["h1"], sealed["h2"]
    h2.ip("addr add 10.99.0.22/24 dev uplink\nroute add 10.99.0.1 dev uplink src 10.99.0.22")
    h2.run(f"ip link del {h2.tunnel()}")
    h2.succeed(h2.reconcile("--apply", sealed.folder))
    assert pinged(sealed, "h2", "h1")
    assert "10.99.0.22" in h1.run(f"wg show {h1.tunnel()} endpoints").out
    assert h1.succeed(h1.reconcile("--plan", sealed.folder, "-o", "json")).steps == []
    h2.ip("route del 10.99.0.1 dev uplink\naddr del 10.99.0.22/24 dev uplink")
    assert pinged(sealed, "h2", "h1")  # h1 hears where it is now


def sessions(host: Machine) -> set[str]:
    """The keys of peers that have one; who was removed and added again has none."""
    lines = host.run(f"wg show {host.tunnel()} latest-handshakes").out.splitlines()
    return {key for key, at in (line.split("\t") for line in lines) if at != "0"}


def test_a_key_is_changed_in_place(sealed: Cluster):
    h1, h3 = sealed["h1"], sealed["h3"]
    assert pinged(sealed, "h1", "h2") and pinged(sealed, "h1", "h3")
    index = h1.link(h1.tunnel())["ifindex"]
    h3.forget()
    refused = h3.reconcile("--apply", sealed.folder)
    assert refused.rc == 65 and "has not the private key of host h3" in refused.err
    assert re.search(r"t\.yaml:11:\d+", refused.err)
    keys = {**sealed.keys, "h3": h3.key}
    assert keys != sealed.keys
    refused = h3.reconcile("--apply", sealed.folder)
    assert refused.rc == 65 and keys["h3"] in refused.err and "Traceback" not in refused.err
    folder = sealed.manifest(vault(keys))
    h3.succeed(h3.reconcile("--apply", folder))
    assert not pinged(sealed, "h3", "h1", IMPATIENCE)  # who does not know the key takes nothing
    steps = h1.succeed(h1.reconcile("--apply", folder, "-o", "json")).steps
    assert steps == [f"update link host/{h1.tunnel()}"]
    assert h1.link(h1.tunnel())["ifindex"] == index
    assert keys["h2"].split()[1] in sessions(h1)
    assert pinged(sealed, "h3", "h1") and pinged(sealed, "h1", "h2")
    sealed.keys = keys


def test_keys_that_lack_and_another_hosts_plan(sealed: Cluster):
    """The missing key is named at its host's line; who only looks at another host needs no key of it."""
    h1 = sealed["h1"]
    nobody = sealed.manifest(vault({**sealed.keys, "h2": "vars: {}"}), "nobody")
    refused = h1.reconcile("--plan", nobody)
    assert refused.rc == 65 and "t.yaml:6" in refused.err and "reconcile --key` on h2" in refused.err
    assert h1.reconcile("--validate", nobody).rc == 0
    words = ("--plan", sealed.folder, "--host", "h2", "-o", "shell")
    shell = h1.succeed(h1.reconcile(*words)).out
    assert "type wireguard" in shell and sealed.keys["h2"].split()[1] not in shell


def test_a_rehearsal_and_the_way_back(sealed: Cluster):
    h1 = sealed["h1"]
    assert "reversible" in h1.succeed(h1.reconcile("--rehearse", sealed.folder)).out
    link, before = h1.tunnel(), sessions(h1)
    # Another project's link at the same port is refused, at another both stand.
    other = vault(sealed.keys).replace("name: t", "name: u").replace("10.5", "10.6").replace("fd5", "fd6")
    both = sealed.manifest(other, "other")
    refused = h1.reconcile("--apply", both)
    assert refused.rc == 65 and f"UDP port {PORT}" in refused.err and "project t" in refused.err
    both = sealed.manifest(
        other.replace("    public_key", "    wireguard_port: 51821\n    public_key"), "other"
    )
    h1.succeed(h1.reconcile("--apply", both))
    h1.succeed(h1.reconcile("--destroy", both))
    assert h1.tunnel() == link and sessions(h1) == before


def test_nothing_stays_behind_but_the_key(sealed: Cluster):
    h1 = sealed["h1"]
    folder = sealed.manifest(vault(sealed.keys).replace("encrypted: true", "encrypted: false"))
    h1.succeed(h1.reconcile("--apply", folder))
    assert not [name for name in h1.links() if name.startswith("wg-")]
    assert "sealed-" not in h1.rules()
    h1.succeed(h1.reconcile("--apply", sealed.manifest(vault(sealed.keys))))
    h1.succeed(h1.reconcile("--destroy", sealed.folder))
    assert sorted(h1.links()) == ["lo", "uplink"] and h1.rules() == ""
    assert h1.secret() and h1.key == sealed.keys["h1"]

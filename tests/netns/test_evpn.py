"""evpn: hosts whose FRR tells the others where containers are; real daemons, of Debian's packages."""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import KernelError
from reconciler.kernel import frr
from reconciler.kinds.evpn import Router
from tests.netns.cluster import Cluster, Machine, clustered
from tests.netns.frames import Sniffer, ethernet, ipv4, marker, send, udp

pytestmark = [
    pytest.mark.frr,
    pytest.mark.alone,
    pytest.mark.skipif(bool(frr.lack()), reason=f"no FRR here: {frr.lack()}"),
]

# FRR's own places are each host's own, and its users are root: a namespace of one user knows no other.
PREPARE = r"""
for folder in /etc/frr /var/tmp /var/log; do mount -t tmpfs frr $folder; done
sed 's/^frr:x:[0-9]*:[0-9]*/frr:x:0:0/' /etc/passwd >/run/passwd
sed -E 's/^(frr|frrvty):x:[0-9]*:.*/\1:x:0:/' /etc/group >/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
"""
# A tunnel and a MAC that are not ours: nobody may be told of them.
THEIRS = """
link add br9 type bridge
link set br9 up
link add vx9 type vxlan id 9 dstport 4790 local 10.99.0.{0} nolearning
link set vx9 master br9 up
link add v9 type veth peer name p9
link set v9 master br9 up
"""
SUBNETS = "[{{subnet: 10.5{0}.0.0/24}}, {{subnet: 'fd5{0}::/64'}}]"
HOMES = {"a": "h1", "b": "h2", "c": "h3"}
DAEMONS = ("watchfrr", "bgpd", "zebra", "staticd")
PATIENCE = 30.0  # seconds: watchfrr restarts within 5, BGP tries again within 10


def manifest(
    homes: dict[str, str], how: str = "evpn", reflectors: tuple[str, ...] = (), networks: str = "n"
) -> str:
    machines = "".join(
        f"  {h}: {{address: 10.99.0.{h[1]}, reflector: {str(h in reflectors).lower()}}}\n"
        for h in sorted({"h1", "h2", "h3", *homes.values()})
    )
    nets = "".join(
        f"  {name}: {{driver: overlay, enable_ipv6: true, ipam: {{config: {SUBNETS.format(n)}}}}}\n"
        for n, name in enumerate(networks)
    )
    boxes = "".join(f"  {name}: {{host: {host}, networks: [n]}}\n" for name, host in homes.items())
    return f"name: t\nreachability: {how}\nhosts:\n{machines}networks:\n{nets}containers:\n{boxes}"


@pytest.fixture
def cluster(request: pytest.FixtureRequest, privileged: None, tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path, getattr(request, "param", 3), prepare=PREPARE) as made:
        yield made


def within(seconds: float, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes(host: Machine) -> set[str]:
    return set(host.command("sh", "-c", "cat /proc/[0-9]*/comm").out.split())


def kill(host: Machine, *daemons: str) -> None:
    files = " ".join(f"/run/frr/reconciler/{daemon}.pid" for daemon in daemons)
    host.succeed(host.command("sh", "-c", f"kill -KILL $(cat {files})"))


def vtysh(host: Machine, *commands: str) -> str:
    words = [word for command in commands for word in ("-c", command)]
    return host.succeed(host.command("vtysh", "-N", "reconciler", *words)).out


def sessions(host: Machine) -> dict[str, int]:
    """Peers that are spoken with, and how often the session has been made."""
    peers = json.loads(vtysh(host, "show bgp l2vpn evpn summary json")).get("peers", {})
    return {ip: p["connectionsEstablished"] for ip, p in peers.items() if p["state"] == "Established"}


def meeting(cluster: Cluster, homes: dict[str, str]) -> bool:
    """Whether every container answers every other, by either family."""
    for one, two in itertools.permutations(homes, 2):
        for ip in (cluster[homes[two]].address(f"t-{two}", family=family) for family in (4, 6)):
            if not cluster[homes[one]].ping(f"t-{one}", ip, 0.3):
                return False
    return True


def steps(host: Machine, folder: Path) -> list[str]:
    return host.succeed(host.reconcile("--plan", folder, "-o", "json")).steps


def told(host: Machine) -> list[str]:
    """Entries that FRR has made."""
    rows = host.run("bridge fdb show").out + host.run("ip neigh show dev br-t-n").out
    return [row for row in rows.splitlines() if "extern_learn" in row]


def test_containers_meet_come_and_move(cluster):
    h1, h2, h3 = cluster.hosts
    for host in cluster.hosts:
        host.ip(THEIRS.format(host.number))
        host.run(f"bridge fdb add 02:00:00:00:09:0{host.number} dev v9 master static")
    folder = cluster.apply(manifest(HOMES))
    within(PATIENCE, lambda: meeting(cluster, HOMES))
    assert [steps(host, folder) for host in cluster.hosts] == [[], [], []]

    # what a host knows of the others FRR has told it, their gateways too, and of nobody else's tunnels
    mac, ips = h2.link("eth0", "t-b")["address"], [h2.address("t-b", family=f) for f in (4, 6)]
    rows = told(h1)
    assert any(row.startswith(f"{mac} dev vx-") and "dst 10.99.0.2 self" in row for row in rows)
    assert all(any(row.startswith(f"{ip} lladdr {mac}") for row in rows) for ip in ips)
    others = ("02:00:00:00:09", "fe80::1 ", "192.0.0.8 ")
    assert not [row for row in rows if "vx9" in row or row.startswith(others)]
    for host in cluster.hosts:
        assert h3.ping("t-c", host.addresses("", "br-t-n")[0].split("/")[0])

    # a new container: its own host is all that is asked to apply
    more = {**HOMES, "d": "h1"}
    cluster.manifest(manifest(more))
    h1.succeed(h1.reconcile("--apply", folder))
    within(3, lambda: meeting(cluster, more))

    # one moves, and is there before it has gone, and back, gone before it is there
    for home, order in (("h3", (h3, h2, h1)), ("h2", (h3, h1, h2))):
        moved = {**more, "b": home}
        cluster.manifest(manifest(moved))
        for host in order:
            host.succeed(host.reconcile("--apply", folder))
        within(3, lambda homes=moved: meeting(cluster, homes))
        assert [steps(host, folder) for host in cluster.hosts] == [[], [], []]

    # and a host goes, without a trace
    assert set(DAEMONS) < processes(h1)
    h1.succeed(h1.reconcile("--destroy", folder))
    assert processes(h1) - {"cat"} == {"sh", "sleep"}
    assert h1.command("find", "/etc/frr", "/run/frr", "/var/tmp", "-name", "*reconciler*").out == ""
    assert sorted(h1.links()) == ["br9", "lo", "p9", "uplink", "v9", "vx9"]
    within(3, lambda: not [row for row in told(h2) if "10.99.0.1" in row])


def test_what_is_changed_or_dies_is_put_right(cluster):
    h1, h2, h3 = cluster.hosts
    folder = cluster.apply(manifest(HOMES))
    within(PATIENCE, lambda: meeting(cluster, HOMES))
    before = sessions(h1)

    # one more network: loaded into what runs, and the sessions stay
    cluster.manifest(manifest(HOMES, networks="no"))
    plan = h1.succeed(h1.reconcile("--plan", folder, "-o", "wide")).out
    assert "~ router host/evpn   # config" in plan and "    +bgp extcommunity-list standard networks" in plan
    h2.serve("t-b", 7, proto="udp")
    with h1.flow("t-a", h2.address("t-b"), 7) as flow:
        for host in cluster.hosts:
            host.succeed(host.reconcile("--apply", folder))
    assert flow.undisturbed, flow
    assert sessions(h1) == before and len(before) == 2
    assert [steps(host, folder) for host in cluster.hosts] == [[], [], []]

    # somebody configures the daemon by hand
    vtysh(h1, "configure", "router bgp 65000", "no neighbor 10.99.0.2")
    assert steps(h1, folder) == ["update router host/evpn"]
    h1.succeed(h1.reconcile("--apply", folder))
    within(PATIENCE, lambda: meeting(cluster, HOMES))

    # a daemon dies: FRR's own watch brings it back.  With the watch dead too, we do
    kill(h1, "bgpd")
    within(PATIENCE, lambda: len(sessions_or_none(h1)) == 2 and meeting(cluster, HOMES))
    kill(h1, "watchfrr", "zebra")
    assert steps(h1, folder) == ["update router host/evpn"]
    h1.succeed(h1.reconcile("--apply", folder))
    within(PATIENCE, lambda: meeting(cluster, HOMES))

    # by static entries again
    cluster.apply(manifest(HOMES, "static", networks="no"))
    assert meeting(cluster, HOMES)
    assert not any(told(host) for host in cluster.hosts)
    assert [steps(host, folder) for host in cluster.hosts] == [[], [], []]


def sessions_or_none(host: Machine) -> dict[str, int]:
    try:
        return sessions(host)
    except (AssertionError, ValueError):
        return {}


@pytest.mark.parametrize("cluster", [4], indirect=True)
def test_one_of_two_reflectors_may_go(cluster):
    h1, _, h3, h4 = cluster.hosts
    homes = {"c": "h3", "d": "h4"}
    folder = cluster.apply(manifest(homes, reflectors=("h1", "h2")))
    within(PATIENCE, lambda: meeting(cluster, homes) and len(sessions(h3)) == 2)
    assert sessions(h3).keys() == {"10.99.0.1", "10.99.0.2"}
    h4.serve("t-d", 7, proto="udp")
    with h3.flow("t-c", h4.address("t-d"), 7) as flow:
        kill(h1, *DAEMONS)
        within(PATIENCE, lambda: sessions(h3).keys() == {"10.99.0.2"})
    assert flow.undisturbed, flow
    more = {**homes, "e": "h3"}
    cluster.manifest(manifest(more, reflectors=("h1", "h2")))
    h3.succeed(h3.reconcile("--apply", folder))
    within(3, lambda: meeting(cluster, more))


def test_what_cannot_be_is_refused_before_anything_is_touched(cluster):
    h1 = cluster["h1"]
    before = h1.links()
    folder = cluster.manifest(manifest(HOMES))

    h1.command("sh", "-c", "mkdir /etc/frr/reconciler; echo mine >/etc/frr/reconciler/frr.conf")
    result = h1.reconcile("--apply", folder)
    assert result.rc == 1 and "not ours" in result.err
    h1.command("rm", "-r", "/etc/frr/reconciler")
    with pytest.raises(KernelError, match="line 2: .*nonsense"):
        frr.refuse_broken(Router(project="t", address="", port=1, config="router bgp 1\n nonsense\n"))
    h1.command("mount", "-t", "tmpfs", "none", "/usr/lib/frr")
    result = h1.reconcile("--apply", folder)
    assert result.rc == 69 and "t.yaml:2" in result.err and "frr frr-pythontools" in result.err
    h1.command("umount", "/usr/lib/frr")
    assert h1.links() == before

    assert "reversible" in h1.succeed(h1.reconcile("--apply", "--rehearse", folder)).err
    h1.ip("addr add 10.99.0.9/24 dev uplink")  # another address: by stopping and starting
    cluster.manifest(manifest(HOMES).replace("10.99.0.1,", "10.99.0.9,"))
    h1.succeed(h1.reconcile("--apply", folder))
    assert steps(h1, folder) == [] and "10.99.0.9:10179" in h1.command("ss", "-Hltn").out
    other = manifest(HOMES).replace("name: t", "name: u").replace("10.5", "10.6").replace("fd5", "fd6")
    result = h1.reconcile("--apply", cluster.manifest(other, "another"))
    assert result.rc == 65 and "project t has it" in result.err


@pytest.mark.parametrize("cluster", [1], indirect=True)
def test_a_watcher_hears_that_nobody_looks_after_it_any_more(cluster):
    [h1], folder = cluster.hosts, cluster.manifest(manifest({"a": "h1"}))
    watch = f"{sys.executable} -m reconciler --watch --host h1 {folder} >/run/watch.log 2>&1 &"
    h1.succeed(h1.command("sh", "-c", watch))
    said = lambda words: words in h1.command("cat", "/run/watch.log").out  # noqa: E731
    within(PATIENCE, lambda: said("router host/evpn"))
    time.sleep(2)  # a sweep comes every 20 s, until which nothing else makes it look
    kill(h1, "watchfrr")
    within(10, lambda: said("~ router host/evpn") and said("changed by the end of watchfrr["))

    # and its metrics tell of the hosts that are not heard, and of what they do not tell
    def counted(row: str) -> bool:
        return row in h1.command("cat", "/run/reconciler/metrics.prom").out.splitlines()

    within(PATIENCE, lambda: counted('reconciler_peer_up{project="t",by="bgp",peer="10.99.0.2"} 0'))
    assert counted("reconciler_evpn_differences 2")


def test_nothing_that_a_container_invents_is_told_to_the_other_hosts(cluster):
    """By frames to the link-local group, LLDP here, which pass a bridge without netfilter."""
    cluster.apply(manifest(HOMES))
    within(PATIENCE, lambda: meeting(cluster, HOMES))
    h1, h2, h3 = cluster.hosts
    victim, own, mark = h2.link("eth0", "t-b")["address"], h3.link("eth0", "t-c")["address"], marker(5)
    invented = [f"06:00:{n >> 8:02x}:{n & 255:02x}:00:01" for n in range(500)]
    send(h1, "t-a", [ethernet("01:80:c2:00:00:0e", mac, 0x88CC, b"") for mac in [victim, *invented]])
    time.sleep(2)  # as long as FRR takes to tell
    packet = ipv4(h3.address("t-c"), h2.address("t-b"), 17, udp(5, 6, mark))
    with Sniffer(h1, "t-a", "eth0") as thief, Sniffer(h2, "t-b", "eth0") as heard:
        send(h3, "t-c", [ethernet(victim, own, 0x0800, packet)])
    assert (thief.saw(mark), heard.saw(mark)) == (False, True)
    assert "06:00:" not in h1.run("bridge fdb show br br-t-n").out + h3.run("bridge fdb show br br-t-n").out

"""A driver that somebody installed: tests/drivers/p2p, a pair for each container and no bridge."""

import os
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.plan import Step
from reconciler.kernel.linux import Linux
from reconciler.kinds.link import Veth
from reconciler.kinds.overlay import Neighbours
from tests.netns.lab import ENVIRONMENT, HOST4, REMOTE4, REMOTE6, ROOT, Lab, Result, command
from tests.netns.namespaces import throwaway_host
from tests.netns.snapshot import differing
from tests.netns.watching import watching

PACKAGE = ROOT / "tests/drivers/p2p"
IPAM = "enable_ipv6: true, ipam: {config: [{subnet: 10.5.0.0/24}, {subnet: 'fd05::/64'}]}"


def install(folder: Path, package: Path = PACKAGE) -> None:
    """The package as pip leaves it: the module, and what its metadata says of entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    told = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    told.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    told.joinpath("METADATA").write_text(head)
    rows = [f"{name} = {at}\n" for name, at in project["entry-points"]["reconciler.drivers"].items()]
    told.joinpath("entry_points.txt").write_text("".join(["[reconciler.drivers]\n", *rows]))
    for module in package.glob("*.py"):
        shutil.copy(module, folder)


class Extended(Lab):
    """A host with packages of its own."""

    packages = Path("/run/packages")

    def reconcile(self, *arguments: object) -> Result:
        path = os.pathsep.join((str(self.packages), ENVIRONMENT["PYTHONPATH"]))
        done = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**ENVIRONMENT, "PYTHONPATH": path},
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)


def manifest(options: str = "", name: str = "t", ipam: str = IPAM, port: int = 8080) -> str:
    network = f"{{driver: p2p, {ipam}, {options}}}"
    boxes = f"a: {{networks: [n], ports: ['{port}:80']}}, b: {{networks: [n]}}"
    return f"{{name: {name}, networks: {{n: {network}}}, containers: {{{boxes}}}}}"


@pytest.fixture
def extended(privileged: None) -> Iterator[Extended]:
    with throwaway_host():
        lab = Extended()
        try:
            install(lab.packages)
            yield lab
        finally:
            lab.close()


def test_packets_flow_by_way_of_the_host(extended):
    extended.apply(manifest())
    assert [link for link in extended.links() if link.startswith(("br-", "ve"))] == []
    a4, a6 = extended.address("t-a"), extended.address("t-a", family=6)
    b4, b6 = extended.address("t-b"), extended.address("t-b", family=6)
    for ns in ("t-a", "t-b", "R"):
        extended.serve(ns, 80)
    for there in (a4, a6):
        assert extended.ask("", there, 80).startswith("t-a")
    for there, mine in ((b4, a4), (b6, a6)):
        assert extended.ask("t-a", there, 80) == f"t-b {mine}"
    assert extended.ask("t-a", REMOTE4, 80) == f"R {HOST4}"
    assert extended.ask("t-a", REMOTE6, 80)
    assert extended.ask("R", HOST4, 8080).startswith("t-a")


def test_what_is_not_declared_is_not_reachable(extended):
    extended.apply(manifest())
    extended.write(manifest(name="u", ipam="ipam: {config: [{subnet: 10.6.0.0/24}]}", port=81), "u.yaml")
    extended.succeed(extended.reconcile("--apply", extended.files / "u.yaml"))
    a, b, other = extended.address("t-a"), extended.address("t-b"), extended.address("u-a")
    for ns in ("t-a", "t-b", "u-a", ""):
        extended.serve(ns, 80)
    extended.ip(f"route add 10.5.0.0/16 via {HOST4}", "R")
    extended.ip(f"route add 10.6.0.0/16 via {HOST4}", "R")
    closed = [("R", a, 80), ("t-a", other, 80), ("u-a", b, 80), ("t-a", "10.5.0.1", 80), ("t-a", HOST4, 80)]
    extended.silent(*closed)
    extended.nft("flush ruleset")
    extended.silent(*closed[:3])


@pytest.mark.parametrize("others", ["", "project", "network"])
@pytest.mark.parametrize(("sources", "passes"), [("own", False), ("any", True)])
def test_a_container_sends_from_its_own_addresses_unless_it_may(extended, sources, passes, others):
    """Whatever another network says, of this project or of another."""
    other = f"driver_opts: {{sources: {'own' if passes else 'any'}}}"
    text = manifest(f"driver_opts: {{sources: {sources}}}")
    if others == "network":
        text = text.replace(
            "}, containers: {", f", m: {{driver: p2p, {other}}}}}, containers: {{c: {{networks: [m]}}, "
        )
    extended.apply(text)
    if others == "project":
        extended.write(manifest(other, "z", "enable_ipv6: false", 8081), "z.yaml")
        extended.succeed(extended.reconcile("--apply", extended.files / "z.yaml"))
    extended.nft(
        "table ip look { chain f { type filter hook forward priority -500; ip saddr 203.0.113.9 counter; }; }"
    )
    extended.ip("addr add 203.0.113.9/32 dev eth0", "t-b")
    extended.run(f"ping -n -c 1 -W 0.2 -I 203.0.113.9 {REMOTE4}", "t-b", check=False)
    assert ("packets 1 " in extended.run("nft list table ip look").out) is passes
    assert extended.planned(text) == []


def test_the_laws_hold(extended):
    before = extended.snapshot()
    text = manifest()
    extended.apply(text)
    assert extended.planned(text) == []
    (end,) = [link["ifname"] for link in extended.json("ip -j -d link") if link["ifname"].startswith("vp")][
        :1
    ]
    for damage in (
        f"ip route flush dev {end}",
        f"ip addr flush dev {end}",
        f"ip link del {end}",
        "nft delete chain inet reconciler pairs",
        "ip -n t-a addr flush dev eth0",
    ):
        extended.run(damage)
        assert extended.planned(text), damage
        extended.apply(text)
        assert extended.planned(text) == [], damage
    extended.destroy()
    assert differing(before, extended.snapshot()) == {}


def test_a_neighbour_project_takes_nothing_away(extended):
    text, other = manifest(), "{name: z, networks: {m: {}}, containers: {c: {networks: [m]}}}"
    extended.apply(text)
    a = extended.address("t-a")
    extended.write(other, "z.yaml")
    extended.succeed(extended.reconcile("--apply", extended.files / "z.yaml"))
    assert extended.planned(text) == []
    extended.succeed(extended.reconcile("--destroy", extended.files / "z.yaml"))
    assert extended.planned(text) == [] and extended.address("t-a") == a


def test_an_option_of_its_own(extended):
    extended.refused(manifest("driver_opts: {sources: some}"), "`sources` is own or any", "t.yaml:1:")
    extended.refused(manifest("driver_opts: {source: any}"), "driver p2p has no option `source`")
    extended.apply(manifest("driver_opts: {sources: any}"))
    assert "chain pairs" not in extended.rules("inet reconciler")


def test_an_internal_network_is_its_containers_alone(extended):
    text = manifest("internal: true")
    extended.apply(text)
    for ns in ("t-b", "R"):
        extended.serve(ns, 80)
    assert extended.ask("t-a", extended.address("t-b"), 80) and extended.planned(text) == []
    extended.silent(("t-a", REMOTE4, 80), ("R", extended.address("t-b"), 80))
    extended.apply(manifest("internal: true, icc: false"))
    extended.silent(("t-a", extended.address("t-b"), 80))


def test_a_package_that_is_gone_holds_up_its_own_project_alone(extended):
    """As after an upgrade of Python: whatever else the folder says is applied and healed."""
    extended.write(manifest("driver_opts: {sources: any}", name="p"), "p.yaml")
    extended.write("{name: q, containers: {web: {ports: ['8090:80']}}}", "q.yaml")
    folder, aside = extended.files, extended.packages.with_name("aside")
    extended.succeed(extended.reconcile("--apply", folder))
    before = extended.link("eth0", "p-a")["ifindex"]
    extended.packages.rename(aside)
    extended.run("nft flush ruleset")
    assert extended.reconcile("--apply", folder, "--strict").rc == 65
    result = extended.reconcile("--apply", folder)
    assert result.rc == 3 and "p.yaml:1" in result.err and "unknown driver `p2p`" in result.err, result
    assert "8090" in extended.rules() and extended.namespaces() == ["p-a", "p-b", "q-web"]
    assert extended.reconcile("--validate", folder).rc == 65
    aside.rename(extended.packages)
    extended.succeed(extended.reconcile("--apply", folder))
    assert "8080" in extended.rules() and extended.link("eth0", "p-a")["ifindex"] == before
    assert extended.reconcile("--plan", folder).out == "Nothing to do.\n"


def test_a_watcher_boots_without_a_package_and_follows_when_it_comes(extended):
    extended.write(manifest("driver_opts: {sources: some}", name="p"), "p.yaml")
    extended.write("{name: q, containers: {web: {ports: ['8090:80']}}}", "q.yaml")
    aside = extended.packages.with_name("aside")
    extended.packages.rename(aside)
    path = os.pathsep.join((str(extended.packages), ENVIRONMENT["PYTHONPATH"]))
    with watching(extended, extended.files, sync=False, PYTHONPATH=path) as watcher:
        watcher.until(lambda: "unknown driver `p2p`" in watcher.status["waiting"]["p"])
        watcher.until(lambda: extended.namespaces() == ["q-web"])
        aside.rename(extended.packages)
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until(lambda: "`sources` is own or any" in watcher.status["error"]["message"])
        extended.write(manifest("driver_opts: {sources: any}", name="p"), "p.yaml")
        watcher.synced()
        assert extended.namespaces() == ["p-a", "p-b", "q-web"]


def test_interfaces_keep_their_names_whatever_networks_come_and_go(extended):
    networks = "".join(
        f"{n}: {{driver: p2p, {IPAM.replace('5', d)}}}, " for n, d in zip("anz", "567", strict=True)
    )
    text = f"{{name: t, networks: {{{networks}}}, containers: {{x: {{networks: [%s]}}}}}}"
    extended.apply(text % "n")
    told = [extended.link("eth0", "t-x")[key] for key in ("ifindex", "address")]
    for networks, links in (("a, n, z", ["eth0", "eth1", "eth2"]), ("n, z", ["eth0", "eth2"])):
        extended.apply(text % networks)
        assert extended.links("t-x") == ["lo", *links] and extended.planned(text % networks) == []
        assert [extended.link("eth0", "t-x")[key] for key in ("ifindex", "address")] == told


def test_what_goes_with_a_pair_is_not_taken_for_what_stands(extended):
    """What the host knows of the neighbour behind it, where nothing else is done on the host."""
    extended.apply(manifest("icc: false"))
    host = Linux()
    live = host.observe()
    [pair] = (r for r in live.values() if isinstance(r, Veth) and r.ns == "t-b")
    key = next(r.key for r in live.values() if isinstance(r, Neighbours) and r.link == pair.host_name)
    host.execute([Step("-", pair, pair)])
    now = host.observe(places=frozenset({"", "t-b"}))
    assert pair.key not in now and key not in now

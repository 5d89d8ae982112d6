"""`--doctor`: each check finds what bites, where it does and nowhere else; and what it says mends it."""

import ctypes
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.kernel import resolvers
from tests.netns.lab import REMOTE4, Lab
from tests.schemas import Checked

SHOP = """
name: t
networks: {front: {}, back: {internal: true}}
containers:
  web: {networks: [front], ports: ["8080:80"]}
  db: {networks: [back]}
"""
OVERLAY = """
name: t
hosts: {a: {address: 198.51.100.1}, b: {address: 198.51.100.9}}
networks: {n: {driver: overlay}}
containers: {x: {networks: [n], host: a}}
"""
FLUSH = "flush ruleset\n"
POLICY = "table %s {\n chain %s { type filter hook %s priority 0; policy drop;\n }\n}\n"
BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
pytestmark = pytest.mark.skipif(bool(resolvers.lack()), reason="no dnsmasq here: apt install dnsmasq-base")


@pytest.fixture
def host(lab: Lab) -> Lab:
    """On which nothing bites, whatever its machine has loaded, and its files say."""
    for folder in map(Path("/etc").joinpath, ("sysctl.d", "systemd", "NetworkManager", "connman")):
        if folder.is_symlink():
            folder.unlink()
        folder.mkdir(exist_ok=True)
    for file in map(Path, ("/etc/sysctl.conf", "/etc/dhcpcd.conf")):
        file.unlink(missing_ok=True)
    for name in BRIDGED.parent.glob("bridge-nf-call-ip*") if BRIDGED.exists() else ():
        name.write_text("0")
    return lab


def examined(lab: Lab, *words: object) -> dict[str, Any]:
    said = lab.reconcile("--doctor", "-o", "json", *words)
    assert said.rc in (0, 2), said
    found: dict[str, Any] = said.json
    assert Checked("doctor").faults(found) == []
    assert (said.rc == 2) == bool(found["findings"])
    return found


def findings(lab: Lab, check: str, *words: object) -> list[dict[str, str]]:
    return [one for one in examined(lab, *words)["findings"] if one["check"] == check]


def mended(lab: Lab, check: str, found: list[dict[str, str]], last: str = "") -> None:
    """Every line of what is to be typed is typed, but for what tells a program that does not run here."""
    assert found
    for one in found:
        lab.run(["sh", "-ec", one["mend"].removesuffix(last)])
    assert findings(lab, check) == []


def test_a_host_on_which_nothing_bites(host: Lab):
    host.apply(SHOP)
    said = host.reconcile("--doctor", host.files / "t.yaml")
    assert (said.rc, said.err) == (0, "") and said.out.splitlines()[-1].startswith("nothing will bite")
    states = {one["check"]: one["state"] for one in examined(host)["checks"]}
    assert len(states) == 15 and "finding" not in states.values()
    assert {check for check, state in states.items() if state == "unknown"} <= {"neighbours", "conntrack"}


def test_what_is_found_is_told_in_three_lines(host: Lab):
    host.apply(SHOP)
    host.sysctl("net/ipv4/ip_forward", value=0)
    said = host.reconcile("--doctor", "-q")
    assert said.rc == 2 and "  ok " not in said.out
    rows = said.out.splitlines()
    at = rows.index("  ! net.ipv4.ip_forward is 0, and networks stand that lead out")
    assert (
        rows[at + 1].startswith("      nothing gets")
        and rows[at + 2] == "      $ sysctl -w net.ipv4.ip_forward=1"
    )
    assert rows[-1].startswith("1 finding")


@pytest.mark.parametrize(
    ("table", "chain", "hook"),
    [
        ("inet filter", "forward", "forward"),
        ("ip t", "f", "forward"),
        ("ip6 t", "i", "input"),
        pytest.param(
            "ip filter",
            "FORWARD",
            "forward",
            marks=pytest.mark.skipif(
                not shutil.which("iptables"), reason="no iptables here: Debian's package iptables"
            ),
        ),
    ],
)
def test_chains_of_others(host: Lab, table: str, chain: str, hook: str):
    host.nft(FLUSH + POLICY % (table, chain, hook))
    found = findings(host, "foreign-chains")
    assert f"chain {table} {chain}" in found[0]["what"] and len(found) == 1
    mended(host, "foreign-chains", found)
    host.nft(FLUSH + (POLICY % (table, chain, hook)).replace("drop", "accept"))
    assert findings(host, "foreign-chains") == []


def test_what_it_says_lets_packets_through(host: Lab):
    host.serve("R", 7)
    host.apply(SHOP)
    host.nft(POLICY % ("inet filter", "forward", "forward"))
    host.silent(("t-web", REMOTE4, 7))
    mended(host, "foreign-chains", findings(host, "foreign-chains"))
    assert host.ask("t-web", REMOTE4, 7)
    assert "will drop" not in host.plan(SHOP, "--no-memo").err


@pytest.mark.skipif(not BRIDGED.exists(), reason="this kernel has br_netfilter not loaded")
def test_br_netfilter(host: Lab):
    assert findings(host, "br-netfilter") == []
    BRIDGED.write_text("1")
    mended(host, "br-netfilter", findings(host, "br-netfilter"))


def test_forwarding_that_was_switched_off(host: Lab):
    host.sysctl("net/ipv4/ip_forward", value=0)
    assert findings(host, "forwarding") == []  # as nothing stands
    host.apply(SHOP)
    assert findings(host, "forwarding") == []
    host.sysctl("net/ipv4/ip_forward", value=0)
    mended(host, "forwarding", findings(host, "forwarding"))


def test_internal_networks_need_no_forwarding(host: Lab):
    host.apply("name: t\nnetworks: {n: {internal: true}}\ncontainers: {a: {networks: [n]}}")
    host.sysctl("net/ipv4/ip_forward", value=0)
    assert findings(host, "forwarding") == []


@pytest.mark.parametrize("line", ["net.ipv4.ip_forward = 0", "net/ipv6/conf/all/forwarding=0"])
def test_forwarding_that_goes_at_the_next_boot(host: Lab, line: str):
    folder = Path("/etc/sysctl.d")
    folder.mkdir(exist_ok=True)
    file = folder / "50-hardening.conf"
    file.write_text(f"# by somebody\n{line}\n")
    found = findings(host, "forwarding-at-boot")
    assert found[0]["what"].startswith(f"{file}:2 sets net.ipv")
    later = folder / "60-routers.conf"
    later.write_text(line.replace("0", "1"))
    assert findings(host, "forwarding-at-boot") == []
    later.unlink()
    mended(host, "forwarding-at-boot", found)


def test_a_link_from_which_nothing_is_forwarded(host: Lab):
    host.sysctl("net/ipv4/ip_forward", value=1)
    assert findings(host, "deaf-links") == []
    host.sysctl("net/ipv4/conf/uplink/forwarding", value=0)
    mended(host, "deaf-links", findings(host, "deaf-links"))


def test_strict_reverse_paths_where_two_links_lead_out(host: Lab):
    for name in ("all", "uplink"):
        host.sysctl(f"net/ipv4/conf/{name}/rp_filter", value=int(name == "uplink"))
    assert findings(host, "rp-filter") == []  # one link leads out
    host.ip("link add second type veth peer name third\nlink set third up\nlink set second up")
    host.ip("route add default dev second metric 9")
    host.sysctl("net/ipv4/conf/second/rp_filter", value=2)
    found = findings(host, "rp-filter")
    assert [one["what"].split(",")[0] for one in found] == ["rp_filter is strict on uplink"]
    mended(host, "rp-filter", found)


@contextmanager
def running(program: str) -> Iterator[None]:
    """Something that is called so."""
    file = Path("/run") / program
    shutil.copy(shutil.which("sleep") or "", file)
    process = subprocess.Popen([file, "600"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("program", "last"),
    [
        ("NetworkManager", " && nmcli general reload conf"),
        ("systemd-networkd", " && systemctl restart systemd-networkd"),
        ("connmand", " && systemctl restart connman"),
        ("dhcpcd", " && systemctl restart dhcpcd"),
    ],
)
def test_programs_that_grab_links(host: Lab, program: str, last: str):
    assert findings(host, "managers") == []
    with running(program):
        found = findings(host, "managers")
        assert [one["what"].split()[0] for one in found] == [program]
        mended(host, "managers", found, last)


def test_a_package_that_is_missing(host: Lab):
    shop = host.write(SHOP)
    assert findings(host, "packages", shop) == []
    host.run("mount -t tmpfs none /usr/sbin")
    try:
        found = findings(host, "packages", shop)
    finally:
        host.run(["/bin/umount", "/usr/sbin"])
    assert [(one["what"], one["mend"]) for one in found] == [
        ("nothing here for names", "apt install dnsmasq-base")
    ]


def test_a_package_that_only_some_manifests_need(host: Lab):
    folder = Path("/usr/lib/frr")
    evpn = host.write(OVERLAY.replace("\nnetworks:", "\nreachability: evpn\nnetworks:"))
    if folder.exists():
        host.run(f"mount -t tmpfs none {folder}")
    try:
        assert [one["what"] for one in findings(host, "packages", evpn)] == ["nothing here for evpn"]
        assert findings(host, "packages", host.write(SHOP, "shop.yaml")) == []
    finally:
        if folder.exists():
            host.run(f"umount {folder}")


def test_inotify_that_is_nearly_used_up(host: Lab, many_descriptors: None):
    most = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    if most + 100 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        pytest.skip(f"no room here for {most} of them")
    assert findings(host, "inotify") == []
    taken = []
    try:
        while len(taken) < most * 0.85 and (fd := ctypes.CDLL(None).inotify_init1(os.O_CLOEXEC)) >= 0:
            taken.append(fd)
        found = findings(host, "inotify")
    finally:
        for fd in taken:
            os.close(fd)
    assert found[0]["mend"].startswith(f"sysctl -w fs.inotify.max_user_instances={4 * most} ")


def test_a_tunnel_that_is_larger_than_what_it_stands_on(host: Lab):
    host.succeed(host.reconcile("--lock", host.write(OVERLAY)))
    host.apply(OVERLAY, "--host", "a")
    assert findings(host, "tunnel-mtu") == []
    host.run("ip link set uplink mtu 1400")
    found = findings(host, "tunnel-mtu")
    assert "sends 1450 bytes at once, and uplink has room for 1350" in found[0]["what"]
    mended(host, "tunnel-mtu", found)
    host.run("ip link set uplink mtu 1400")
    host.apply(OVERLAY, "--host", "a")
    assert findings(host, "tunnel-mtu") == []


def test_a_host_that_heeds_no_router(host: Lab):
    host.sysctl("net/ipv4/ip_no_pmtu_disc", value=1)
    mended(host, "path-mtu", findings(host, "path-mtu"))


def test_containers_that_a_metadata_service_answers(host: Lab):
    host.apply(SHOP)
    assert findings(host, "metadata") == []
    host.run("ip address add 169.254.169.254/32 dev lo", "R")
    host.run(f"ip route add 169.254.169.254 via {REMOTE4}")
    assert findings(host, "metadata") == []  # nobody serves there
    host.serve("R", 80, address="169.254.169.254")
    found = findings(host, "metadata")
    assert [one["what"] for one in found] == ["t-web reach the metadata service at 169.254.169.254"]
    assert found[0]["mend"] == "# write `metadata: deny` into t, and apply"
    host.apply(f"metadata: deny\n{SHOP}")
    assert findings(host, "metadata") == []
    assert host.ask("", "169.254.169.254", 80)  # to the host it is as it was

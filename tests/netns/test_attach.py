"""Sandboxes in namespaces of others: found, told from all others, attached anew, and left without a trace."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.netns.lab import HOST4, Lab
from tests.netns.watching import EVENT, watching

MANIFEST = """
name: t
networks: {{n: {{enable_ipv6: true}}}}
containers:
  a: {{attach: {{{kind}: {which}}}, networks: [n], ports: ["8080:80"]}}
  b: {{networks: [n]}}
services: {{s: {{networks: [n], deploy: {{replicas: 2}}}}}}
"""
TABLES = ("ip -br link", "ip -br address", "ip route show table all", "ip -6 route show table all")
NO_CONTAINER, NO_PODMAN = "podman knows no container --all", "there is no podman here"
OTHERS = ("nft list ruleset", "sysctl -a --pattern net.(ipv4|ipv6).conf.(all|default|lo)")


@contextmanager
def somebody() -> Iterator[int]:
    """The number of a process in a network namespace of its own."""
    words = ["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 1000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.read(1)
        try:
            yield process.pid
        finally:
            process.kill()


def inside(pid: int, words: str) -> str:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", *words.split()]
    return subprocess.run(command, capture_output=True, text=True).stdout


def everything(pid: int) -> dict[str, str]:
    """All that is to be seen in there."""
    return {words: inside(pid, words) for words in (*TABLES, *OTHERS)}


def of(kind: str, which: object) -> str:
    return MANIFEST.format(kind=kind, which=which)


def test_a_process_has_network_names_and_ports_and_is_left_without_a_trace(lab: Lab) -> None:
    with somebody() as pid:
        before = everything(pid)
        lab.apply(of("pid", pid))
        assert lab.planned(of("pid", pid)) == []
        assert "eth0" in inside(pid, TABLES[0])
        lab.serve("t-a", 80, name="a")
        assert lab.ask("R", HOST4, 8080) == "a 198.51.100.2"
        assert lab.ping("t-b", lab.address("t-a")) and lab.ping("t-b", lab.address("t-a", family=6))
        assert lab.address("t-b") in inside(pid, "busybox nslookup b 127.0.0.11")
        assert lab.address("t-a") in lab.run("busybox nslookup a 127.0.0.11", "t-b").out
        inside(pid, "ip route add blackhole 192.0.2.0/24")
        assert lab.planned(of("pid", pid)) == []  # what others do in there is theirs
        inside(pid, "ip route del blackhole 192.0.2.0/24")
        lab.destroy()
        assert everything(pid) == before
    assert lab.namespaces() == []


def test_a_link_of_the_lan_goes_with_it(lab: Lab) -> None:
    """It has no end on the host, and the namespace stays."""
    lan = "driver: macvlan, ipam: {config: [{subnet: 198.51.100.0/24, ip_range: 198.51.100.64/26}]}"
    with somebody() as pid:
        before = everything(pid)
        attached = f"containers: {{a: {{attach: {{pid: {pid}}}, networks: [m]}}}}"
        lab.apply(f"{{name: t, networks: {{m: {{{lan}, driver_opts: {{parent: uplink}}}}}}, {attached}}}")
        assert lab.ping("t-a", "198.51.100.2")
        lab.destroy()
        assert everything(pid) == before


def test_one_that_is_gone_comes_back_at_its_address(lab: Lab) -> None:
    lab.run("ip netns add box")
    manifest = of("netns", "/run/netns/box")
    lab.apply(manifest)
    address = lab.address("t-a")
    assert lab.address("box") == address
    lab.run("ip netns del box")
    result = lab.plan(manifest)
    assert result.rc == 0 and "Nothing to do." in result.out
    assert "t-a is attached to netns /run/netns/box later: there is no /run/netns/box" in result.err
    lab.run("ip netns add box")
    assert "replaced: attached netns:[" in lab.plan(manifest, "-o", "wide").out
    lab.apply(manifest)
    assert lab.planned(manifest) == [] and lab.address("box") == lab.address("t-a") == address
    assert lab.ping("t-b", address)
    with somebody() as pid:
        lab.apply(of("pid", pid))
        assert lab.address("t-a") == address and lab.links("box") == ["lo"]
        assert lab.run("nft list ruleset", "box").out == ""
        assert "backends4" in inside(pid, "nft list ruleset")


def test_a_number_that_another_process_has_by_now_is_not_followed(lab: Lab) -> None:
    with somebody() as pid:
        lab.apply(of("pid", pid))
    for _ in range(20):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        with somebody() as other:
            if other != pid:
                continue
            result = lab.plan(of("pid", pid))
            assert "Nothing to do." in result.out and f"pid {pid} is another process than" in result.err
            assert "eth0" not in inside(other, TABLES[0])
            return
    pytest.fail(f"no process was given the number {pid}")


def test_nothing_is_there_yet(lab: Lab) -> None:
    result = lab.apply(of("netns", "/run/netns/box"))
    assert "later" in result.err and lab.namespaces() == ["t-b", "t-s-1", "t-s-2"]
    for kind, title, words in (
        ("pid", 4000000, "no process 4000000 runs"),
        ("docker", "web", "no docker answers"),
        ("podman", "--all", NO_CONTAINER if which("podman") else NO_PODMAN),
    ):
        assert words in lab.plan(of(kind, title)).err


def test_what_cannot_be_attached_to_is_refused_with_its_place(lab: Lab) -> None:
    lab.apply(of("netns", "/run/netns/none"))
    lab.refused(
        of("pid", os.getpid()), "t-a cannot be attached to pid", "it has the host's own network", "t.yaml:5"
    )
    lab.refused(of("netns", "/etc/passwd"), "/etc/passwd is no network namespace")
    lab.refused(of("netns", "/run/netns/t-b"), "it is in sandbox t-b already")
    with somebody() as pid:
        other = f"  c: {{attach: {{netns: /proc/{pid}/ns/net}}, networks: [n]}}\n"
        twice = of("pid", pid).replace("services:", f"{other}services:")
        lab.refused(twice, "t-c and t-a would be attached to one namespace", "t.yaml:7")
        inside(pid, "ip link add eth0 type bridge")
        lab.refused(of("pid", pid), f"pid {pid} has a link eth0 that is not ours", "interface_name")
        named = of("pid", pid).replace("networks: [n], ports", "networks: {n: {interface_name: net0}}, ports")
        lab.apply(named)
        assert lab.planned(named) == []
        lab.destroy()
        assert "eth0" in inside(pid, TABLES[0]) and "net0" not in inside(pid, TABLES[0])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("attach: {pid: 1, docker: b}", "it is attached to one thing"),
        ("attach: {netns: box}", "it is no absolute path"),
        ("attach: {pid: 7}, sysctls: {net.core.somaxconn: 1}", "the namespace is another's"),
        ("attach: {pid: 7}, network_mode: host", "a network of its own"),
        ("attach: {pid: 7}, runtime: oci", "oci would run another"),
    ],
)
def test_what_it_excludes(lab: Lab, more: str, words: str) -> None:
    assert words in lab.refused(f"name: t\nnetworks: {{n: {{}}}}\ncontainers: {{a: {{{more}}}}}\n").err


def test_who_takes_a_name_of_ours_later_is_in_trouble_alone(lab: Lab) -> None:
    with somebody() as pid:
        lab.apply(of("pid", pid))
        inside(pid, "ip link del eth0")
        inside(pid, "ip link add eth0 type bridge")
        lab.run("ip -n t-b link del eth0")
        result = lab.try_apply(of("pid", pid))
        assert result.rc == 3 and "sandbox t-a is left as it is" in result.err, result
        assert "eth0" in lab.links("t-b")
        inside(pid, "ip link del eth0")
        lab.apply(of("pid", pid))
        assert lab.planned(of("pid", pid)) == []


def test_a_picture_of_the_host_tells_what_is_there_to_attach_to(lab: Lab) -> None:
    with somebody() as pid:
        file, picture = lab.write(of("pid", pid)), lab.files / "state.json"
        assert lab.reconcile("--status", "--out", picture, file).rc == 2
        planned = lab.succeed(lab.reconcile("--plan", "--against", picture, "-o", "json", file)).steps
        assert "create namespace t-a" in planned and planned == lab.planned(of("pid", pid))
        lab.apply(of("pid", pid))
        lab.succeed(lab.reconcile("--status", "--out", picture, file))
        assert "Nothing to do." in lab.reconcile("--plan", "--against", picture, file).out


def test_a_rehearsal_touches_nobody(lab: Lab) -> None:
    with somebody() as pid:
        before = everything(pid)
        assert "rehearsed" in lab.reconcile("--rehearse", lab.write(of("pid", pid))).out
        assert everything(pid) == before


def test_a_watcher_attaches_what_comes_and_what_comes_back(lab: Lab) -> None:
    with watching(lab, lab.write(of("netns", "/run/netns/box"))) as watcher:
        watcher.synced()
        for _ in range(2):
            lab.run("ip netns add box")
            watcher.until(lambda: {*lab.links("box")} == {"eth0", "lo"}, EVENT)
            lab.run("ip netns del box")

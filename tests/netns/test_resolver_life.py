"""What becomes of those that answer for names: ended, stopped, edited, robbed; and who is never touched."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cnm.zones import PORTS
from tests.netns.asking import Answer, dig, dnsmasq, is_running
from tests.netns.conftest import new_lab
from tests.netns.lab import Lab
from tests.netns.namespaces import resolvers_here
from tests.netns.watching import EVENT, until

MANIFEST = """
name: t
networks:
  n: {ipam: {config: [{subnet: 10.91.0.0/24}]}}
  m: {ipam: {config: [{subnet: 10.92.0.0/24}]}}
  lan: {driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.94.0.0/24}]}}
containers:
  a: {networks: {n: {ipv4_address: 10.91.0.2}}}
  b: {networks: {n: {ipv4_address: 10.91.0.3}}}
  c: {networks: {m: {ipv4_address: 10.92.0.2}}}
  x: {networks: {lan: {ipv4_address: 10.94.0.2}}}
  y: {networks: {lan: {ipv4_address: 10.94.0.3}}}
"""
RUN = Path("/run/reconciler-dns")
PID = RUN / "pids/host/t@t_n"
OWN = RUN / "pids/t-x/t@@t-x"
NAMES = RUN / "names/t_n/t"
ASKS = RUN / "names/@t_n/t"
FOUND = {"t-a": ("b A", "10.91.0.3"), "t-x": ("y A", "10.94.0.3"), "t-c": ("c A", "10.92.0.2")}


def pid_of(file: Path = PID) -> int:
    return int(file.read_text())


def ours() -> set[int]:
    """Every process that reads files of ours, whoever knows of it."""
    return {
        pid for pid in resolvers_here() if f"{RUN}/".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def answered(lab: Lab) -> bool:
    return all(dig(lab, ns, question).words == (answer,) for ns, (question, answer) in FOUND.items())


def healed(lab: Lab, *words: str) -> None:
    """The plan tells it, an apply puts it right, and there are as many processes as files."""
    steps = lab.planned(MANIFEST)
    assert steps and all(any(word in step for step in steps) for word in words), steps
    lab.apply(MANIFEST)
    assert lab.planned(MANIFEST) == []
    until(lambda: answered(lab), EVENT)  # who is told to read anew may answer a question first
    assert ours() == {pid_of(file) for file in RUN.glob("pids/*/*")}


@pytest.fixture(scope="module")
def stands(privileged: None) -> Iterator[Lab]:
    """One host for all who heal it."""
    with new_lab() as made:
        made.apply(MANIFEST)
        assert len(ours()) == 4
        yield made
        ended(made)


def ended(lab: Lab) -> None:
    """With its project; and nothing is left of it."""
    lab.destroy()
    assert ours() == set()
    assert not RUN.exists()


@pytest.mark.parametrize("file", [PID, OWN], ids=["on the host", "in a sandbox"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_one_that_is_killed_or_stopped_is_back(stands, file, number):
    os.kill(pid_of(file), number)
    healed(stands, f"create resolver {file.name.replace('@', '/', 1)}")


@pytest.mark.parametrize("file", [PID, OWN], ids=["on the host", "in a sandbox"])
def test_one_whose_pid_file_is_gone_is_no_second_one(stands, file):
    file.unlink()
    healed(stands, "resolver")


@pytest.mark.parametrize("text", ["1\n", "-1\n", "0\n", "x", "", f"{2**40}\n"])
def test_a_pid_file_that_tells_of_somebody_else_kills_nobody(stands, text):
    PID.write_text(text)
    healed(stands, "resolver")


def test_one_that_nobody_knows_of_and_one_without_its_sandbox_are_ended_with_their_project(lab):
    lab.apply(MANIFEST)
    PID.unlink()
    OWN.unlink()
    lab.run("ip netns del t-y")
    ended(lab)


def test_it_heals_where_every_file_is_gone(stands):
    stands.run(f"rm -r {RUN}")
    healed(stands, "create resolver t/t_n", "create resolver t/@t-x", "create names t_n/t")


def test_a_resolver_of_the_host_that_is_somewhere_else_is_none(stands):
    words = Path(f"/proc/{pid_of()}/cmdline").read_text().split("\0")[:-1]
    os.kill(pid_of(), signal.SIGKILL)
    stands.run(["nsenter", "--net=/run/netns/t-b", *words])
    healed(stands, "create resolver t/t_n")


@pytest.mark.parametrize("file", [NAMES, ASKS], ids=lambda file: file.parent.name)
@pytest.mark.parametrize("text", [None, "", "10.91.0.66 b\n", "# made by reconciler\n10.91.0.66 b a\n"])
def test_names_that_somebody_edits_or_takes_away_are_as_they_were(stands, file, text):
    before = pid_of()
    file.unlink() if text is None else file.write_text(text)
    os.kill(before, signal.SIGHUP)
    healed(stands, f"names {file.parent.name}/t")
    assert pid_of() == before


def test_a_port_that_somebody_takes_meanwhile_is_his(stands):
    [port] = re.findall(r"--port=(\d+)", Path(f"/proc/{pid_of()}/cmdline").read_text())
    os.kill(pid_of(), signal.SIGKILL)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        until(lambda: taken.bind(("::", int(port))) is None)  # who ends is seen no more before it lets go
        healed(stands, "create resolver t/t_n")
        assert f":{port} " in stands.run("ss -Hlun").out


def test_a_sandbox_that_somebody_removes_leaves_no_process(stands):
    before = pid_of(OWN)
    stands.run("ip netns del t-x")
    assert is_running(before)
    healed(stands, "delete resolver t/@t-x", "create namespace t-x")
    assert not is_running(before)


def test_netavark_a_firewall_that_drops_all_else_is_told_of_unless_it_lets_questions_in(stands):
    """As ufw's; what another chain drops is dropped."""
    policy = "type filter hook input priority 0; policy drop;"
    stands.nft(f"table inet f {{\nchain i {{\n{policy}\nmeta l4proto 58 accept\n}}\n}}")
    try:
        told = stands.succeed(stands.plan(MANIFEST))
        assert "inet f i" in told.err + told.out and "names" in told.err + told.out
        stands.nft("add rule inet f i ct state established accept\nadd rule inet f i ct status dnat accept")
        told = stands.succeed(stands.plan(MANIFEST))
        assert "inet f i" not in told.err + told.out
        assert dig(stands, "t-a", "b A").words == ("10.91.0.3",)
        assert dig(stands, "t-a", "b A", "+tcp").words == ("10.91.0.3",)
    finally:
        stands.nft("delete table inet f")


def test_aardvark_long_names_and_two_things_of_one_name(stands):
    """The longest that can be written; and a container that is called as a network is, on another."""
    long = "n" * 60
    lan = "{driver: macvlan, parent: uplink, ipam: {config: [{subnet: 10.99.0.0/24}]}}"
    also = f"b: {{networks: [lan], container_name: l_{long}}}, {long}: {{networks: [lan]}}"
    networks, containers = f"{long}: {{}}, lan: {lan}", f"a: {{networks: [{long}]}}, {also}"
    text = f"{{name: l, networks: {{{networks}}}, containers: {{{containers}}}}}"
    file = stands.write(text, "l.yaml")
    stands.succeed(stands.reconcile("--apply", file))
    try:
        assert stands.reconcile("--plan", "--exit-code", file).rc == 0
        assert dig(stands, "l-a", f"l-a.l_{long} A").words == (stands.address("l-a"),)
        assert dig(stands, f"l_{long}", f"{long} A").words == (stands.address(f"l-{long}"),)
    finally:
        stands.destroy(file)


def test_aardvark_its_processes_hold_nothing_of_whoever_started_them(stands):
    for pid in ours():
        held = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
        assert not [
            one for one in held if not one.startswith(("socket:", "/dev/null", "anon_inode:", "pipe:"))
        ]


def test_a_dnsmasq_of_somebody_else_is_never_touched(lab):
    """Nor one that looks like ours, nor that of a folder beside."""
    os.mkdir(f"{RUN}-other")
    with (
        dnsmasq(lab, "", f"--port={PORTS[0]}", f"--pid-file={RUN}-other/t@t_n") as one,
        dnsmasq(lab, "", "--listen-address=127.0.0.1", "--bind-interfaces") as other,
    ):
        until(lambda: f":{PORTS[0]} " in lab.run("ss -Hlun").out)
        lab.apply(MANIFEST)
        assert answered(lab)
        healed_after_kill(lab)
        lab.destroy()
        assert one.poll() is other.poll() is None


def healed_after_kill(lab: Lab) -> None:
    os.kill(pid_of(), signal.SIGKILL)
    lab.apply(MANIFEST)
    assert answered(lab)


def test_one_that_cannot_start_is_told_of_and_everybody_else_has_names(lab):
    """Whoever is root in a sandbox has port 53 there before."""
    lab.apply(MANIFEST.replace("lan: {driver", "lan: {dns: off, driver"))
    lab.serve("t-x", 53, address="127.0.0.11")
    result = lab.try_apply(MANIFEST)
    assert result.rc != 0 and "t-x" in result.err and "in use" in result.err.lower(), result
    assert "Traceback" not in result.err
    assert dig(lab, "t-y", "x A").words == ("10.94.0.2",)
    assert dig(lab, "t-a", "b A").words == ("10.91.0.3",)


def test_a_host_without_dnsmasq_says_so_once_and_has_all_else(lab, monkeypatch):
    monkeypatch.setattr("reconciler.kernel.resolvers.PROGRAM", "/nowhere/dnsmasq")
    result = lab.apply(MANIFEST)
    assert (result.out + result.err).count("dnsmasq-base") == 1
    assert lab.ping("t-a", "10.91.0.3")
    assert dig(lab, "t-a", "b A", "@10.91.0.1", "+time=1") == Answer()
    assert "dnsmasq" not in lab.apply(MANIFEST.replace("name: t", "name: t\ndns: off")).err

"""What is refused is told: by packets, with and without a watcher, and whoever floods."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.netns.lab import ENVIRONMENT, IMPATIENCE, OURS, THEIRS, Lab, command
from tests.netns.snapshot import differing
from tests.netns.test_formats import documented
from tests.netns.watching import until, watching
from tests.schemas import Checked

MANIFEST = """
name: t
networks:
  front: {enable_ipv6: true, ipam: {config: [{subnet: 10.91.0.0/24}, {subnet: 'fd91::/64'}]}}
  back: {log: true, metadata: deny, ipam: {config: [{subnet: 10.92.0.0/24}]}}
services:
  web:
    networks: {front: {ipv4_address: 10.91.0.2, ipv6_address: 'fd91::2'}}
    log: true
    egress: ["app:80"]
  app:
    networks: {front: {ipv4_address: 10.91.0.3, ipv6_address: 'fd91::3'}}
    ports: ["8081:80"]
  free: {networks: {front: {ipv4_address: 10.91.0.5, ipv6_address: 'fd91::5'}}}
  db: {networks: {back: {ipv4_address: 10.92.0.4}}}
  mute:
    networks: {front: {ipv4_address: 10.91.0.6}}
    egress: []
policies:
  inner: {for: [app], ingress: ["web:80/tcp"], log: true}
"""
WEB, APP, BACK = (f"t.yaml:{line}" for line in (10, 20, 5))
# Who asks whom, and what is told of it: by and of whom, and the line.
REFUSED = [
    (("t-web-1", "10.91.0.5", 81, "tcp"), ("t-web-1", "t-free-1", 81, "tcp", "egress", "t-web-1", WEB)),
    (("t-web-1", "fd91::5", 82, "tcp"), ("t-web-1", "t-free-1", 82, "tcp", "egress", "t-web-1", WEB)),
    (("t-web-1", "fd91::5", 83, "udp"), ("t-web-1", "t-free-1", 83, "udp", "egress", "t-web-1", WEB)),
    (("t-web-1", THEIRS[4], 84, "tcp"), ("t-web-1", THEIRS[4], 84, "tcp", "egress", "t-web-1", WEB)),
    (("t-web-1", THEIRS[6], 85, "udp"), ("t-web-1", THEIRS[6], 85, "udp", "egress", "t-web-1", WEB)),
    (("t-web-1", OURS[4], 86, "tcp"), ("t-web-1", "host", 86, "tcp", "egress", "t-web-1", WEB)),
    (("t-web-1", "10.91.0.5", 0, "icmp"), ("t-web-1", "t-free-1", 0, "icmp", "egress", "t-web-1", WEB)),
    (("t-web-1", THEIRS[6], 0, "icmp"), ("t-web-1", THEIRS[6], 0, "icmp", "egress", "t-web-1", WEB)),
    (("t-free-1", "10.91.0.3", 80, "tcp"), ("t-free-1", "t-app-1", 80, "tcp", "ingress", "t-app-1", APP)),
    (("", "fd91::3", 80, "tcp"), ("host", "t-app-1", 80, "tcp", "ingress", "t-app-1", APP)),
    (("R", OURS[4], 8081, "tcp"), (THEIRS[4], "t-app-1", 80, "tcp", "ingress", "t-app-1", APP)),
    (("R", OURS[6], 8081, "tcp"), (THEIRS[6], "t-app-1", 80, "tcp", "ingress", "t-app-1", APP)),
    (
        ("t-db-1", "169.254.169.254", 80, "tcp"),
        ("t-db-1", "169.254.169.254", 80, "tcp", "metadata", "t-db-1", BACK),
    ),
    (("t-db-1", OURS[4], 87, "tcp"), ("t-db-1", "host", 87, "tcp", "", "", "")),
]
METRICS = Path("/run/reconciler/metrics.prom")


class Followed:
    """`--drops` at work: its lines so far."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process, self.lines, self.errors = process, list[str](), list[str]()
        for stream, kept in ((process.stdout, self.lines), (process.stderr, self.errors)):
            Thread(target=self.read, args=(stream, kept), daemon=True).start()

    @staticmethod
    def read(stream: Any, kept: list[str]) -> None:
        for line in stream:
            kept.append(line.rstrip("\n"))

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]

    @property
    def said(self) -> set[tuple[Any, ...]]:
        return {
            (*(row[key] for key in ("from", "to", "port", "protocol", "by", "of")), place(row))
            for row in self.rows
        }


def place(row: dict[str, Any]) -> str:
    return f"{os.path.basename(row['file'])}:{row['line']}" if row["file"] else ""


@contextmanager
def following(lab: Lab, *words: object) -> Iterator[Followed]:
    process = lab.start("--drops", *words)
    followed = Followed(process)
    try:
        until(lambda: is_reading(process.pid))
        yield followed
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def is_reading(pid: int) -> bool:
    """Whether it has come to its loop: it reads the group, or waits for what the watcher writes."""
    waiting = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return waiting in ("270", "23", "230", "35")  # pselect6, select, clock_nanosleep, nanosleep


def knock(lab: Lab, ns: str, address: str, port: int, proto: str) -> None:
    if proto == "icmp":
        assert not lab.ping(ns, address, IMPATIENCE)
    else:
        assert lab.ask(ns, address, port, proto, patience=IMPATIENCE) is None


@pytest.fixture(scope="module")
def world(netfiltered: Lab) -> Lab:
    netfiltered.stands(MANIFEST)
    netfiltered.serve("t-app-1", 80)
    netfiltered.serve("t-free-1", 80)
    return netfiltered


def all_are_told(lab: Lab, followed: Followed) -> None:
    for asked, _ in REFUSED:
        knock(lab, *asked)
    knock(lab, "t-mute-1", "10.91.0.5", 80, "tcp")
    wanted = {row for _, row in REFUSED}
    until(
        lambda: wanted <= followed.said,
        10,
        lambda: "\n".join([*map(str, wanted - followed.said), *followed.lines, *followed.errors]),
    )
    assert not any(row["from"] == "t-mute-1" for row in followed.rows)
    assert lab.ask("t-web-1", "10.91.0.3", 80)


def test_without_a_watcher(world: Lab) -> None:
    with following(world, "-o", "json", world.files / "t.yaml") as followed:
        all_are_told(world, followed)


def test_with_a_watcher(world: Lab) -> None:
    with watching(world, world.files / "t.yaml") as watcher, following(world, "-o", "json") as followed:
        all_are_told(world, followed)
        assert "NFLOG" not in watcher.log


def test_the_second_plan_is_empty(world: Lab) -> None:
    assert world.planned(MANIFEST) == []


def test_status_and_metrics_tell_of_it(world: Lab) -> None:
    with watching(world, world.files / "t.yaml") as watcher:
        knock(world, "t-web-1", "10.91.0.5", 4711, "tcp")
        line = f"t-web-1 -> t-free-1:4711/tcp refused: egress of t-web-1, {world.files}/t.yaml:10"
        until(lambda: line in world.reconcile("--status").out, 20)
        told = json.loads(world.reconcile("--status", "-o", "json").out)["drops"]
        assert told[-1]["port"] == 4711
        watcher.process.send_signal(signal.SIGHUP)
        labels = 'project="t",sandbox="t-web-1",by="egress"'
        until(lambda: f"reconciler_drops_total{{{labels}}} " in METRICS.read_text(), 20)


@pytest.fixture
def standing(lab: Lab) -> Lab:
    lab.stands(MANIFEST)
    return lab


def flood(lab: Lab, ns: str, address: str, family: int, many: int) -> None:
    """So many datagrams, to a port each."""
    with lab.inside(ns), socket.socket(family, socket.SOCK_DGRAM) as sock:
        for n in range(many):
            with suppress(OSError):
                sock.sendto(b"!", (address, 1024 + n % 60000))


def test_who_floods_keeps_no_other_line_away(standing: Lab) -> None:
    file = standing.files / "t.yaml"
    with watching(standing, file) as watcher, following(standing, "-o", "json") as followed:
        before = used(watcher.process.pid)
        began = time.monotonic()
        for _ in range(5):
            flood(standing, "t-web-1", "10.91.0.5", socket.AF_INET, 20_000)
            flood(standing, "t-web-1", "fd91::3", socket.AF_INET6, 20_000)
        knock(standing, "t-free-1", "10.91.0.3", 80, "tcp")
        until(lambda: any(row["from"] == "t-free-1" for row in followed.rows), 10)
        seconds = time.monotonic() - began
        assert used(watcher.process.pid) - before < 0.2 * seconds + 0.5
        flooded = sum(row["count"] for row in followed.rows if row["from"] == "t-web-1")
        assert 20 <= flooded <= 2 * (20 + 11 * (seconds + 1))


def used(pid: int) -> float:
    """Seconds of processor time."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_a_watcher_that_begins_anew_is_followed_on(standing: Lab) -> None:
    """Whoever follows reads himself meanwhile."""
    file = standing.files / "t.yaml"
    with following(standing, "-o", "json", file) as followed:
        for port, watched in enumerate((False, True, False, True), start=9000):
            with watching(standing, file) if watched else nullcontext():

                def told(port: int = port) -> bool:
                    knock(standing, "t-web-1", "10.91.0.5", port, "tcp")
                    return any(row["port"] == port for row in followed.rows)

                until(told, 20)


CRAFTED = (
    b"",
    b"\x45",
    bytes.fromhex("4500001c0001200040060000") + bytes((10, 91, 0, 2, 10, 91, 0, 5)) + bytes(8),
    bytes.fromhex("4f00003c00010000402f0000") + bytes((10, 91, 0, 2, 10, 91, 0, 5)) + bytes(40),
    bytes.fromhex("450000140001000040ff0000") + bytes((10, 91, 0, 2, 10, 91, 0, 5)),
)


def test_odd_packets_are_told_of_as_far_as_they_tell(standing: Lab) -> None:
    with watching(standing, standing.files / "t.yaml") as watcher, following(standing) as followed:
        with standing.inside("t-web-1"), socket.socket(socket.AF_INET, socket.SOCK_RAW, 255) as raw:
            for packet in CRAFTED:
                with suppress(OSError):
                    raw.sendto(packet, ("10.91.0.5", 0))
        until(lambda: any(line.startswith("t-web-1 -> t-free-1/255 refused") for line in followed.lines), 10)
        assert any(line.startswith("t-web-1 -> t-free-1/47 refused") for line in followed.lines)
        assert "trouble" not in watcher.log and "fell" not in watcher.log


def test_nothing_is_left_where_nobody_logs(lab: Lab) -> None:
    silent = MANIFEST.replace("log: true", "log: false")
    lab.stands(silent)
    rules = lab.rules()
    assert "log group" not in rules and "telling" not in rules
    lab.stands(MANIFEST)
    assert "log group" in lab.rules()
    lab.stands(silent)
    assert lab.rules() == rules
    before = lab.snapshot()
    lab.apply(MANIFEST)
    lab.apply(silent)
    assert differing(before, lab.snapshot()) == {}


def test_what_is_yet_to_be_applied_logs_nothing(lab: Lab) -> None:
    asked = ["timeout", "-s", "INT", "3", *command("--drops", lab.write(MANIFEST))]
    assert "nothing that stands has `log: true`" in lab.run(asked, check=False).err


def test_two_projects_one_of_which_logs(lab: Lab) -> None:
    other = "name: o\nservices: {a: {egress: []}}"
    lab.apply(MANIFEST)
    for _ in range(2):
        assert lab.succeed(lab.reconcile("--apply", lab.write(other, "o.yaml"))).rc == 0
        assert lab.succeed(lab.reconcile("--plan", "-o", "json", lab.files / "o.yaml")).steps == []
        assert lab.planned(MANIFEST) == []
    lab.destroy()
    assert lab.succeed(lab.reconcile("--apply", lab.files / "o.yaml")).rc == 0
    assert "log group" not in lab.rules()
    assert lab.succeed(lab.reconcile("--plan", "-o", "json", lab.files / "o.yaml")).steps == []


def test_destroying_leaves_nothing(lab: Lab) -> None:
    before = lab.snapshot()
    lab.apply(MANIFEST)
    knock(lab, "t-web-1", "10.91.0.5", 81, "tcp")
    lab.destroy()
    assert differing(before, lab.snapshot()) == {}


def test_who_reads_no_more_ends_it(standing: Lab) -> None:
    words = [*command("--drops"), str(standing.files / "t.yaml")]
    process = subprocess.Popen(words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    until(lambda: is_reading(process.pid))
    process.stdout.close()
    assert process.wait(10) == 0


def test_rows_are_as_their_schema_says(world: Lab) -> None:
    drop, status = Checked("drop"), Checked("status")
    with watching(world, world.files / "t.yaml"), following(world, "-o", "json") as followed:
        knock(world, "t-web-1", "fd91::5", 81, "tcp")
        knock(world, "t-db-1", OURS[4], 87, "tcp")
        until(lambda: len(followed.rows) >= 2, 10)
        assert [fault for row in followed.rows for fault in drop.faults(row)] == []
        assert status.faults(world.reconcile("--status", "-o", "json").json) == []
        assert followed.rows[0].keys() == documented("drop")


def test_who_may_not_is_told_so(standing: Lab) -> None:
    words = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *command("--drops")]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 77 and "CAP_NET_ADMIN" in done.stderr, done


def test_two_readers_are_one_and_one_who_waits(standing: Lab) -> None:
    file = standing.files / "t.yaml"
    with following(standing, "-o", "json", file) as second:
        words = [*command("--drops", "-o", "json"), str(file)]
        process = subprocess.Popen(
            words, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        waiting = Followed(process)
        until(lambda: any("waiting" in line for line in waiting.errors), 20)
        knock(standing, "t-web-1", "10.91.0.5", 9100, "tcp")
        until(lambda: any(row["port"] == 9100 for row in second.rows), 10)
    try:
        until(lambda: is_reading(process.pid))

        def told() -> bool:
            knock(standing, "t-web-1", "10.91.0.5", 9101, "tcp")
            return any(row["port"] == 9101 for row in waiting.rows)

        until(told, 20)
    finally:
        process.kill()


def test_no_network_that_passes_no_firewall_is_told_of(lab: Lab) -> None:
    lan = "driver: macvlan, log: true, driver_opts: {parent: uplink}, ipam: {config: [{subnet: 10.9.0.0/24}]}"
    manifest = f"name: t\nnetworks: {{m: {{{lan}}}}}\nservices: {{a: {{networks: [m]}}}}"
    lab.refused(manifest, "t.yaml:2", "passes no firewall")


def test_it_costs_nothing_to_begin_and_to_end(lab: Lab) -> None:
    loud = MANIFEST.replace('egress: ["app:80"]', "egress: [app]").replace('"web:80/tcp"', "web")
    quiet = loud.replace("log: true", "log: false")
    lab.apply(quiet)
    lab.serve("t-app-1", 80, proto="udp")
    with lab.flow("t-web-1", "10.91.0.3", 80) as flow:
        for manifest in (loud, quiet):
            steps = lab.plan(manifest, "-o", "json").json["steps"]
            assert steps and {step["disruption"] for step in steps} == {"none"}
            lab.apply(manifest)
    assert flow.undisturbed

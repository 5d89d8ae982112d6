"""A change of one service, until every sandbox that reaches it has it.  `./check` never runs this.

    . .ci/setup; throwaway .venv/bin/python -m tests.bench.services [N] [--services N] [--ipv6]

N sandboxes on one network, and services of two replicas among them.  Each line is one command, or what a
watcher does, in seconds: `wall` is all of it, `cpu` what it and the kernel for it worked, `first` and `last`
are those until some sandbox had it, and until all had, as nf_tables itself tells; `KiB` are how much less
memory is available.
"""

import argparse
import json
import os
import resource
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.netns import forked
from tests.netns.conftest import new_lab
from tests.netns.lab import Lab, named
from tests.netns.watching import watching

NETFILTER, SOL_NETLINK, ADD_MEMBERSHIP, NFNLGRP_NFTABLES = 12, 270, 1, 7
PATIENCE, NOOPS, FLIPS = 30.0, 3, 5
SICK = "b-s1-2"
TEST = "test ! -e /health/$(hostname) || { test -e /health/failed || touch /health/failed; false; }"
Row = dict[str, float]


def manifest(count: int, services: int, *, ipv6: bool, first: int = 2, tested: str = "") -> str:
    """`first` are the replicas of one service; with `tested`, a folder, another one has tests of health."""
    replicas = {f"s{number}": 2 for number in range(services)} | ({"s0": first} if services else {})
    rows = [f"name: b\nnetworks: {{n: {{enable_ipv6: {json.dumps(ipv6)}}}}}\nservices:"]
    rows += [f"  {name}: {{networks: [n], deploy: {{replicas: {many}}}}}" for name, many in replicas.items()]
    if tested:
        rows[2] = TESTED.format(test=json.dumps(TEST), folder=tested)
    others = count - 2 * services
    return "\n".join([*rows, "containers:", *(f"  c{n}: {{networks: [n]}}" for n in range(others))]) + "\n"


TESTED = """  s1:
    networks: [n]
    runtime: oci
    command: [sleep, '100000']
    stop_signal: SIGKILL
    volumes: ['{folder}:/health']
    healthcheck: {{test: {test}, interval: 1s, retries: 1}}
    deploy: {{replicas: 2}}"""


class Ears:
    """What nf_tables says in every sandbox, from now on."""

    def __init__(self, sandboxes: list[str]):
        self.selector = selectors.EpollSelector()
        for name in sandboxes:
            with named(name):
                sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETFILTER)
            sock.bind((0, 0))
            sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
            self.selector.register(sock, selectors.EVENT_READ)

    def heard(self, since: float) -> Row:
        """Seconds until the first had something new, and until the last had."""
        first, end = 0.0, time.time() + PATIENCE
        while self.selector.get_map():
            for key, _ in self.selector.select(0.1):
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                first = first or time.time() - since
            assert time.time() < end, f"{len(self.selector.get_map())} sandboxes have heard of nothing"
        self.selector.close()
        return {"first": first, "last": time.time() - since}


class Bench:
    def __init__(self, lab: Lab, count: int, services: int, *, ipv6: bool):
        self.lab, self.count, self.services, self.ipv6 = lab, count, services, ipv6

    def write(self, services: int, first: int = 2, tested: str = "") -> Path:
        text = manifest(self.count, services, ipv6=self.ipv6, first=first, tested=tested)
        return self.lab.write(text, "m/b.yaml")

    def command(self, *words: object) -> Row:
        began, worked, free = time.time(), children(), available()
        self.lab.succeed(self.lab.reconcile(*words))
        return {"wall": time.time() - began, "cpu": children() - worked, "KiB": free - available()}

    def life(self, services: int) -> Iterator[tuple[str, Row]]:
        """From nothing to nothing."""
        yield "cold apply", self.command("--apply", self.write(services))
        yield (
            "no-op plan",
            min(
                (self.command("--plan", self.write(services)) for _ in range(NOOPS)),
                key=lambda row: row["wall"],
            ),
        )
        if services:
            for first in (3, 2):
                file, ears = self.write(services, first), Ears(self.lab.namespaces())
                with ThreadPoolExecutor(1) as pool:
                    heard = pool.submit(ears.heard, time.time())
                    wall = self.command("--apply", file)
                yield f"one service to {first}", wall | heard.result()
        yield "destroy", self.command("--destroy", self.lab.files / "m/b.yaml")

    def flips(self, folder: Path) -> Iterator[tuple[str, Row]]:
        """One of two replicas is sick, and well again."""
        self.lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
        file = self.write(self.services, tested=str(folder))
        with watching(self.lab, file.parent) as watcher:
            watcher.until(lambda: self.healthy() == 2)
            for _ in range(FLIPS):
                watcher.settled(1)
                ears, worked = Ears(self.lab.namespaces()), process(watcher.process.pid)
                (folder / SICK).touch()
                watcher.until((folder / "failed").exists)
                row = ears.heard((folder / "failed").stat().st_mtime)
                watcher.settled(1)
                yield "one sick, since its test", row | {"cpu": process(watcher.process.pid) - worked}
                ears, worked = Ears(self.lab.namespaces()), process(watcher.process.pid)
                (folder / SICK).unlink()
                (folder / "failed").unlink()
                row = ears.heard(time.time())
                watcher.settled(1)
                yield "one well, since it is", row | {"cpu": process(watcher.process.pid) - worked}

    def healthy(self) -> int:
        return self.lab.reconcile("--status", self.lab.files / "m").out.count("running, healthy")


def children() -> float:
    """Seconds for which those that have ended worked."""
    return os.times().children_user + os.times().children_system


def process(pid: int) -> float:
    """Seconds for which one that runs has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def available() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def rows(count: int, services: int, *, ipv6: bool) -> Iterator[tuple[str, Row]]:
    for many in (0, services):
        with new_lab() as lab:
            for what, row in Bench(lab, count, services, ipv6=ipv6).life(many):
                yield f"{many} services: {what}", row
    with new_lab() as lab, tempfile.TemporaryDirectory() as folder:
        yield from Bench(lab, count, services, ipv6=ipv6).flips(Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=1000, metavar="N")
    parser.add_argument("--services", type=int, default=50, metavar="N")
    parser.add_argument("--ipv6", action="store_true")
    arguments = parser.parse_args()
    if "RECONCILER_THROWAWAY" not in os.environ:
        parser.error("this host would lose what is applied to it: see .ci/setup for a throw-away one")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    forked.load()
    print(json.dumps({"load": os.getloadavg()[0], **vars(arguments)}), flush=True)
    for what, row in rows(arguments.count, arguments.services, ipv6=arguments.ipv6):
        found = {name: round(value, 3) for name, value in row.items()}
        print(json.dumps({"what": what, **found}), flush=True)


if __name__ == "__main__":
    main()

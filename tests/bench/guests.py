"""Guests that come and go, beside others, by a watcher's socket and without one, against Debian's `bridge`.

    python tests/bench/guests.py [--sandboxes N ...] [--guests N ...] [--warm]

in a throw-away namespace (.ci/setup).

Milliseconds of one call of the plugin, and of the processor: its own, its children's and the watcher's; the
best of ROUNDS and their median, with ADD and DEL of containernetworking-plugins' bridge (with ipMasq) in the
same run.
"""

import argparse
import compileall
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
PLUGIN, BRIDGE = ROOT / "reconciler/guests/reconciler-cni", Path("/usr/lib/cni/bridge")
FILE, BIN, STATUS = Path("/run/bench.yaml"), Path("/run/bench"), Path("/run/reconciler/status.json")
SOCKET = Path("/run/reconciler/guests.sock")
ROUNDS = 7
TICK = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
OURS = {"cniVersion": "1.0.0", "name": "any", "type": "reconciler-cni", "network": "bench_n0"}
THEIRS = {
    "cniVersion": "1.0.0",
    "name": "theirs",
    "type": "bridge",
    "bridge": "br-theirs",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.222.0.0/16", "dataDir": "/run/host-local"},
}
Row = dict[str, float]


def reconcile(*words: str) -> list[str]:
    return [sys.executable, "-m", "reconciler", *words]


def apply(count: int) -> None:
    boxes = "".join(
        f'  c{i}:\n    networks: [n{i % 2}]\n    ports: ["{10000 + i}:80"]\n' for i in range(count)
    )
    networks = "networks: {n0: {enable_ipv6: true}, n1: {enable_ipv6: true}}"
    FILE.write_text(f"name: bench\n{networks}\ncontainers:\n{boxes}")
    subprocess.run(reconcile("--apply", "-q", str(FILE)), env=ENVIRONMENT, check=True)


def spent(pid: int) -> float:
    """Processor seconds of a process and of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def call(plugin: Path, command: str, number: int, config: dict[str, object], watcher: int = 0) -> Row:
    """Wall and processor time, in milliseconds."""
    port = {"runtimeConfig": {"portMappings": [{"hostPort": 9000 + number, "containerPort": 80}]}}
    environ = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": f"id-{number}",
        "CNI_NETNS": f"/run/netns/g{number}",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/usr/lib/cni",
    }
    before, began = spent(watcher) if watcher else 0.0, time.perf_counter()
    run = subprocess.Popen([plugin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True)
    assert run.stdin and run.stdout
    with run.stdin:
        run.stdin.write(json.dumps(config | (port if plugin == PLUGIN else {})))
    said = run.stdout.read()
    _, status, used = os.wait4(run.pid, 0)
    wall = time.perf_counter() - began
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        sys.exit(f"{plugin.name} {command}: {said}")
    cpu = used.ru_utime + used.ru_stime + (spent(watcher) - before if watcher else 0)
    return {"wall": 1000 * wall, "cpu": 1000 * cpu}


def measured(name: str, plugin: Path, config: dict[str, object], watcher: int = 0) -> Iterator[Row]:
    """The best of each and their median, of a guest that comes and goes."""
    rows: dict[str, list[Row]] = {"ADD": [], "DEL": []}
    for _ in range(ROUNDS):
        for command, found in rows.items():
            found.append(call(plugin, command, 0, config, watcher))
    for command, found in rows.items():
        row: dict[str, object] = {"who": name, "what": command}
        for what in ("wall", "cpu"):
            values = [one[what] for one in found]
            row |= {what: round(min(values), 1), f"{what}_median": round(median(values), 1)}
        yield row  # type: ignore[misc]


@contextmanager
def watching() -> Iterator[int]:
    STATUS.unlink(missing_ok=True)
    run = subprocess.Popen(reconcile("--watch", "-q", str(FILE)), env=ENVIRONMENT)
    try:
        while not (STATUS.exists() and json.loads(STATUS.read_text())["in_sync"]):
            time.sleep(0.1)
        yield run.pid
    finally:
        run.terminate()
        run.wait()


def rows(sandboxes: int, guests: int, *, warm: bool) -> Iterator[Row]:
    apply(sandboxes)
    for number in range(guests + 1):
        subprocess.run(["ip", "netns", "add", f"g{number}"], check=True)
    with watching() as watcher:
        for number in range(1, guests + 1):
            call(PLUGIN, "ADD", number, OURS, watcher)
        call(PLUGIN, "ADD", 0, OURS, watcher)
        call(PLUGIN, "DEL", 0, OURS, watcher)
        yield from measured("by the watcher", PLUGIN, OURS, watcher)
    if not warm:
        yield from measured("alone", PLUGIN, OURS)
    if BRIDGE.exists():
        yield from measured("Debian's bridge", BRIDGE, THEIRS)
    for number in range(guests + 1):
        subprocess.run(["ip", "netns", "del", f"g{number}"], check=True)
    call(PLUGIN, "GC", 0, OURS | {"cniVersion": "1.1.0"})
    subprocess.run(reconcile("--destroy", "-q", str(FILE)), env=ENVIRONMENT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sandboxes", nargs="*", type=int, default=[1, 100, 1000], metavar="N")
    parser.add_argument("--guests", nargs="*", type=int, default=[1, 50, 200], metavar="N")
    parser.add_argument("--warm", action="store_true", help="by the watcher alone")
    arguments = parser.parse_args()
    if "RECONCILER_THROWAWAY" not in os.environ:
        parser.error("this host would lose what is applied to it: see .ci/setup for a throw-away one")
    compileall.compile_dir(ROOT / "reconciler", quiet=1)  # as installing does
    BIN.mkdir()
    (BIN / "reconcile").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reconciler "$@"\n')
    (BIN / "reconcile").chmod(0o755)
    Path("/run/netns").mkdir(exist_ok=True)
    print(json.dumps({"load": os.getloadavg()[0], "rounds": ROUNDS}), flush=True)
    beside = [(count, 1) for count in arguments.sandboxes] + [(1, count) for count in arguments.guests]
    for sandboxes, guests in dict.fromkeys(beside):
        for row in rows(sandboxes, guests, warm=arguments.warm):
            print(json.dumps({"sandboxes": sandboxes, "guests": guests} | row), flush=True)


if __name__ == "__main__":
    main()

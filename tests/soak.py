"""Ten minutes of random edits and drift against a watcher, by hand: it must end in sync, and leak nothing.

. .ci/setup; throwaway .venv/bin/python -m tests.soak [SECONDS] [SEED]
"""

import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.netns.lab import Lab
from tests.netns.watching import Watcher, watching

NETWORKS, CONTAINERS = ("front", "back", "side"), tuple(f"c{n}" for n in range(8))
DRIFT = (
    "nft flush ruleset",
    "nft delete table inet reconciler",
    "nft flush map inet reconciler publish4",
    "ip link del br-{p}-{n}",
    "ip link set br-{p}-{n} down",
    "ip link set br-{p}-{n} mtu 1300",
    "ip addr flush dev br-{p}-{n}",
    "ip netns del {p}-{c}",
    "ip -n {p}-{c} addr flush dev eth0",
    "ip -n {p}-{c} link set eth0 down",
    "ip -n {p}-{c} route del default",
    "rm -rf /etc/netns/{p}-{c}",
    "sysctl -q -w net.ipv4.ip_forward=0",
)


def manifest(dice: random.Random, project: str, base: int) -> str:
    """Some containers on some networks, now and then a mistake."""
    networks = dice.sample(NETWORKS, dice.randint(1, 3))
    rows = [f"name: {project}", "networks:"]
    rows += [f"  {n}: {{enable_ipv6: {str(dice.random() < 0.5).lower()}}}" for n in networks]
    rows += ["containers:"]
    for number, name in enumerate(dice.sample(CONTAINERS, dice.randint(3, 8))):
        ports = f", ports: ['{base + number}:80']" if dice.random() < 0.6 else ""
        some = ", ".join(dice.sample(networks, dice.randint(1, len(networks))))
        rows.append(f"  {name}: {{networks: [{some}]{ports}}}")
    if dice.random() < 0.1:
        rows.append("  broken: {networks: [nowhere]}")
    return "\n".join(rows) + "\n"


def edit(dice: random.Random, folder: Path) -> None:
    project, base = dice.choice((("a", 8000), ("b", 9000)))
    fresh = folder / f".{project}.new"
    fresh.write_text(manifest(dice, project, base))
    fresh.rename(folder / f"{project}.yaml")


def drift(dice: random.Random, lab: Lab) -> None:
    words = dice.choice(DRIFT).format(p=dice.choice("ab"), n=dice.choice(NETWORKS), c=dice.choice(CONTAINERS))
    lab.run(words, check=False)


def size(watcher: Watcher) -> dict[str, int]:
    pid = watcher.process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "KiB": kib,
    }


def storm(dice: random.Random, lab: Lab, folder: Path, seconds: float) -> tuple[int, int]:
    ends, edits, drifts = time.monotonic() + seconds, 0, 0
    while time.monotonic() < ends:
        if dice.random() < 0.25:
            edit(dice, folder)
            edits += 1
        else:
            drift(dice, lab)
            drifts += 1
        time.sleep(dice.expovariate(3))
    return edits, drifts


def calm(lab: Lab, folder: Path, watcher: Watcher) -> float:
    """Two whole manifests, then seconds until all stands."""
    dice = random.Random(0)
    for project, base in (("a", 8000), ("b", 9000)):
        (folder / f"{project}.yaml").write_text(manifest(dice, project, base).replace("nowhere", "front"))
    began = time.monotonic()
    watcher.until(lambda: lab.reconcile("--plan", "--exit-code", folder).rc == 0, 90)
    watcher.until(lambda: watcher.status["in_sync"], 40)
    return time.monotonic() - began


def soak(lab: Lab, seconds: float, seed: int) -> None:
    dice, folder = random.Random(seed), lab.files / "m"
    folder.mkdir(parents=True)
    edit(dice, folder)
    before = lab.snapshot()
    with watching(lab, folder, sync=False, RECONCILE_MAX_REMOVALS="100%") as watcher:
        storm(dice, lab, folder, min(15.0, seconds / 4))
        calm(lab, folder, watcher)
        start = size(watcher)
        edits, drifts = storm(dice, lab, folder, seconds)
        settled = calm(lab, folder, watcher)
        end = size(watcher)
        print(f"{edits} edits, {drifts} drifts in {seconds:.0f} s: in sync {settled:.1f} s after the last")
        healed, turns = watcher.status["drift"]["healed"], watcher.status["last_run"]["turns"]
        print(f"{healed} things put right, {turns} turns")
        print(f"at first {start}\nat last  {end}")
        assert end["fds"] <= start["fds"] + 2 and end["threads"] <= start["threads"] + 1, "leaked"
        assert end["KiB"] < start["KiB"] * 1.25 + 4096, "grew"
        assert watcher.stop(signal.SIGTERM) == 0
    for project in "ab":
        lab.succeed(lab.reconcile("--destroy", "--project", project))
    left = {
        name: text for name, text in lab.snapshot().items() if "forward" not in name and text != before[name]
    }
    print("left behind:", left or "nothing")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seed {seed}")
    lab = Lab()
    try:
        soak(lab, seconds, seed)
    finally:
        with suppress(OSError):
            lab.close()


if __name__ == "__main__":
    main()

"""Ten minutes of random edits, drift, and others of the host against a watcher, by hand: it must end in sync,
leak nothing, and leave alone what is not ours.

. .ci/setup; throwaway .venv/bin/python -m tests.soak [SECONDS] [SEED]
"""

import os
import random
import signal
import socket
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
# What others do, and what undoes it; each comes and goes.
OTHERS = {
    "NIC": ("ip link add nic type veth peer name far && ip link set nic up && ip link set far up",
            "ip link del nic"),
    "VPN": ("ip route add 0.0.0.0/1 dev uplink && ip route add 128.0.0.0/1 dev uplink",
            "ip route del 0.0.0.0/1; ip route del 128.0.0.0/1"),
    "office": ("ip route add 172.16.0.0/12 dev uplink", "ip route del 172.16.0.0/12"),
    "inside": ("ip route add 172.20.128.0/24 dev uplink", "ip route del 172.20.128.0/24"),
    "bridge": ("ip link add other type bridge && ip addr add 10.99.0.1/24 dev other && ip link set other up",
               "ip link del other"),
    "sandbox": ("ip netns add other && ip -n other link set lo up", "ip netns del other"),
    "firewall": ("nft 'add table inet ufw; add chain inet ufw in { type filter hook input priority 0; }'",
                 "nft delete table inet ufw"),
    "storm": ("seq 200 | sed 's/.*/link add v& type veth peer name w&/' | ip -batch -",
              "seq 200 | sed 's/.*/link del v&/' | ip -batch -"),
    "hardening": ("sysctl -q -w net.ipv4.conf.default.forwarding=0",
                  "sysctl -q -w net.ipv4.conf.default.forwarding=1"),
}  # fmt: skip
PORTS = (8000, 8003, 9001)  # that a process of the host binds now and then
ON_NIC = """
name: lan
networks: {lan: {driver: macvlan, parent: nic, ipam: {config: [{subnet: 10.1.0.0/24}]}}}
containers: {a: {networks: [lan]}}
"""


class Others:
    """Who else lives on the host."""

    def __init__(self, lab: Lab):
        self.lab, self.here = lab, set[str]()
        self.sockets: dict[int, socket.socket] = {}

    def move(self, dice: random.Random) -> None:
        if dice.random() < 0.3:
            self.bind_or_close(dice.choice(PORTS))
        else:
            self.toggle(dice.choice(list(OTHERS)))

    def toggle(self, name: str) -> None:
        come, go = OTHERS[name]
        self.lab.run(["sh", "-c", go if name in self.here else come], check=False)
        self.here ^= {name}

    def bind_or_close(self, port: int) -> None:
        if port in self.sockets:
            self.sockets.pop(port).close()
            return
        one = socket.socket()
        with suppress(OSError):
            one.bind(("127.0.0.1", port))
            one.listen()
            self.sockets[port] = one

    def leave(self, *, but: str = "") -> None:
        for name in self.here - {but}:
            self.toggle(name)
        for port in list(self.sockets):
            self.bind_or_close(port)


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


def storm(dice: random.Random, lab: Lab, others: Others, seconds: float) -> tuple[int, int]:
    ends, edits, drifts = time.monotonic() + seconds, 0, 0
    while time.monotonic() < ends:
        kind = dice.random()
        if kind < 0.25:
            edit(dice, lab.files / "m")
            edits += 1
        elif kind < 0.5:
            others.move(dice)
        else:
            drift(dice, lab)
            drifts += 1
        time.sleep(dice.expovariate(3))
    return edits, drifts


def calm(lab: Lab, others: Others, watcher: Watcher) -> float:
    """Two whole manifests and nobody else but the NIC, then seconds until all stands."""
    others.leave(but="NIC")
    if "NIC" not in others.here:
        others.toggle("NIC")
    dice, folder = random.Random(0), lab.files / "m"
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
    (folder / "lan.yaml").write_text(ON_NIC)
    before, others = lab.snapshot(), Others(lab)
    with watching(lab, folder, sync=False, RECONCILE_MAX_REMOVALS="100%") as watcher:
        storm(dice, lab, others, min(90.0, seconds / 4))  # then it has met all of this
        calm(lab, others, watcher)
        start = size(watcher)
        edits, drifts = storm(dice, lab, others, seconds)
        settled = calm(lab, others, watcher)
        end = size(watcher)
        print(f"{edits} edits, {drifts} drifts in {seconds:.0f} s: in sync {settled:.1f} s after the last")
        healed, turns = watcher.status["drift"]["healed"], watcher.status["last_run"]["turns"]
        print(f"{healed} things put right, {turns} turns")
        print(f"at first {start}\nat last  {end}")
        assert end["fds"] <= start["fds"] + 2 and end["threads"] <= start["threads"] + 1, "leaked"
        assert end["KiB"] < start["KiB"] * 1.25 + 4096, "grew"
        assert watcher.stop(signal.SIGTERM) == 0
    for project in ("a", "b", "lan"):
        lab.succeed(lab.reconcile("--destroy", "--project", project))
    others.leave()
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

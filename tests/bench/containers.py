"""Twenty containers from nothing to healthy, once more, one of them changed, and gone: we with podman,
docker-compose with a dockerd, and podman-compose, in turn.

    tests/engines/run --bench        as root, where the load is low; its first line tells it

Walls, in seconds, the median of ROUNDS.  podman-compose is asked for less: without systemd as PID 1 its
podman tests nobody's health, so that it only starts them.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from statistics import median

from tests.engines.peers import Peer, Services, peers
from tests.netns.conftest import new_lab
from tests.netns.engine_room import ROOT
from tests.netns.lab import Lab

COUNT, ROUNDS = 20, 3
APP: Services = {"image": "box:1", "stop_signal": "SIGKILL", "command": ["sleep", "1000"]}
TEST = {"test": ["CMD", "true"], "interval": "1s"}
# What makes podman take root of a user namespace for root would make it take root for one without.
AS_ROOT = ["env", *(word for name in ROOT for word in ("-u", name))]


def services(*, healthy: bool, changed: str = "") -> Services:
    """Nineteen, and one that waits for the health of all, where there is any."""
    names = [f"app{number}" for number in range(1, COUNT)]
    made = {name: {**APP, "environment": {"A": "2" if name == changed else "1"}} for name in names}
    if healthy:
        made = {name: {**one, "healthcheck": TEST} for name, one in made.items()}
    condition = "service_healthy" if healthy else "service_started"
    return {**made, "last": {**APP, "depends_on": {name: {"condition": condition} for name in names}}}


def podman_compose(lab: Lab) -> dict[str, Peer]:
    """Where there is one."""
    if not which("podman-compose"):
        return {}
    Path("/etc/cni").unlink(missing_ok=True)  # podman 4 writes there what its networks are
    Path("/etc/cni/net.d").mkdir(parents=True, exist_ok=True)
    up, down = ([*AS_ROOT, "podman-compose", *words] for words in (("up", "-d"), ("down",)))
    peer = Peer(Path("/run/other"), (up, down), [*AS_ROOT, "podman"], ("", ""), lambda: lab.inside(""))
    return {"podman-compose": peer}


def timed(peer: Peer, said: Services) -> float:
    peer.write(said)
    began = time.monotonic()
    failed = peer.run(peer.words)
    taken = time.monotonic() - began
    states = [box.state for box in peer.boxes().values()]
    assert not failed and states == ["running"] * COUNT, (failed, states)
    return taken


def life(peer: Peer, *, healthy: bool) -> Iterator[tuple[str, float]]:
    for what, changed in (("nothing stood", ""), ("nothing to do", ""), ("one changed", "app7")):
        yield what, timed(peer, services(healthy=healthy, changed=changed))
    began = time.monotonic()
    peer.down()
    yield "down", time.monotonic() - began


def main() -> None:
    print(json.dumps({"load": os.getloadavg()[0], "containers": COUNT, "rounds": ROUNDS}), flush=True)
    with new_lab() as lab, peers(lab) as (docker, ours):
        who = {"ours": ours, "docker-compose": docker, **podman_compose(lab)}
        rows: dict[tuple[str, str], list[float]] = {}
        for _ in range(ROUNDS):
            for name, peer in who.items():
                for what, seconds in life(peer, healthy=name != "podman-compose"):
                    rows.setdefault((name, what), []).append(seconds)
    for (name, what), found in rows.items():
        print(json.dumps({"who": name, "what": what, "seconds": round(median(found), 2)}), flush=True)


if __name__ == "__main__":
    main()

"""Who is stopped for good takes nothing new from before it is told to end, and finishes what it has."""

import socket
import time

import pytest

from tests.netns.lab import HOST4, PATIENCE, Lab
from tests.netns.test_services import lookup
from tests.netns.watching import until

MANIFEST = """
name: {name}
runtime: oci
networks: {{n: {{}}}}
services:
  web:
    command: [sh, -c, 'trap "sleep 3; exit" TERM; sleep 600 & wait']
    stop_grace_period: 20s
    networks: [n]
    {affinity}
    ports: ["8080:80", "9000-9001:80-81"]
    deploy: {{replicas: {count}}}
containers:
  k: {{runtime: none, networks: [n]}}
"""


def service(count: int, affinity: str = "") -> str:
    return MANIFEST.format(name="sticky" if affinity else "drain", count=count, affinity=affinity)


def answers(lab: Lab, name: str, many: int = 30) -> set[str]:
    """Who answers new connections, from the host's ports and by the service's name."""
    [vip] = lookup(lab, f"{name}-k", "web")
    doors = [("R", HOST4, 8080), ("R", HOST4, 9000), (f"{name}-k", vip, 80)]
    return {str(lab.ask(*door)).split()[0] for _ in range(many) for door in doors}


@pytest.mark.parametrize("affinity", ["", "affinity: client"])
@pytest.mark.parametrize("count", [2, 1])
def test_scaling_down(lab, affinity, count):
    """To one that is left as well, when there is no virtual address any more."""
    lab.run("mount -t cgroup2 none /sys/fs/cgroup", check=False)
    lab.apply(service(3, affinity))
    name = "sticky" if affinity else "drain"
    for n in (1, 2, 3):
        lab.serve(f"{name}-web-{n}", 80)
    [vip] = lookup(lab, f"{name}-k", "web")
    held = dict(connected(lab, name, vip) for _ in range(30))
    if not affinity:
        assert held.keys() == {f"{name}-web-{n}" for n in (1, 2, 3)}
    apply = lab.start("--apply", lab.write(service(count, affinity)))
    gone = f"{vip} . {lab.address(f'{name}-web-3')}"
    until(lambda: gone in lab.run("nft list set inet reconciler quiesced4", f"{name}-k").out)
    staying = {f"{name}-web-{n}" for n in range(1, count + 1)}
    asked = time.monotonic()
    found = answers(lab, name)
    assert found <= staying and (affinity or found == staying)
    assert time.monotonic() - asked < 2 and apply.poll() is None
    for sock in held.values():
        sock.sendall(b"still there?")
        assert sock.recv(100) == b"still there?"
        sock.close()
    assert apply.wait(20) == 0
    assert lab.planned(service(count, affinity)) == []
    lab.destroy()


def connected(lab: Lab, name: str, address: str) -> tuple[str, socket.socket]:
    with lab.inside(f"{name}-k"):
        sock = socket.create_connection((address, 80), PATIENCE)
    sock.settimeout(PATIENCE)
    return sock.recv(100).decode().split()[0], sock

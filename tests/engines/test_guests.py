"""Containers of real runtimes as guests: podman by CNI or by netavark, containerd's by CNI."""

import json
import os
import signal
import subprocess
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.engines import containerd, runtimes
from tests.engines.runtimes import BACKENDS, IMAGE, engine, podman
from tests.netns.conftest import lab, privileged
from tests.netns.lab import HOST4, HOST6, Lab
from tests.netns.watching import until, watching

__all__ = ["lab", "privileged"]
pytestmark = pytest.mark.skipif(bool(runtimes.LACK), reason=runtimes.LACK)
SHOP = """
name: shop
networks: {front: {enable_ipv6: true}}
services: {web: {networks: [front]}}
"""
GUESTS = Path("/run/reconciler/guests")
SERVER = [IMAGE, "httpd", "-f", "-p", "80", "-h", "/www"]


def guests() -> list[Any]:
    return [json.loads(file.read_text())["x-guest"] for file in GUESTS.glob("*")]


def address(name: str) -> str:
    [found] = json.loads(engine("inspect", name))[0]["NetworkSettings"]["Networks"].values()
    return str(found["IPAddress"])


def asked(lab: Lab, ns: str, host: str, port: int = 80) -> str:
    where = f"[{host}]" if ":" in host else host
    done = lab.run(["curl", "-gsS", "--max-time", "5", f"http://{where}:{port}/"], ns, check=False)
    return done.out.strip() or done.err.strip()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("watched", [False, True])
def test_podman(lab, backend, watched):
    if lack := BACKENDS[backend]():
        pytest.skip(lack)
    lab.apply(SHOP)
    lab.serve("shop-web-1", 90)
    with podman(lab, backend):
        if watched:
            with watching(lab, lab.write(SHOP)) as watcher:
                life(lab)
                watcher.synced()
        else:
            life(lab)
    assert guests() == [] and lab.planned(SHOP) == []
    lab.destroy()
    assert not [name for name in lab.links() if name.startswith(("br-", "ve"))]


def life(lab: Lab) -> None:
    engine("run", "-d", "--name=c1", "--network=front", "-p", "8080:80", "--network-alias=db", *SERVER)
    engine("run", "-d", "--name=c2", "--network=front", IMAGE, "sleep", "1000")
    assert lab.planned(SHOP) == []
    there(lab)
    first = address("c1")
    for words in (("restart", "--time=0", "c1"), ("network", "reload", "--all")):
        engine(*words)
        assert address("c1") == first
        there(lab)
    failed = lab.run(
        ["podman", "run", "--rm", "--network=front", "-p", "8080:80", IMAGE, "true"], check=False
    )
    assert failed.rc and len(guests()) == 2, failed
    os.kill(int(engine("inspect", "-f", "{{.State.Pid}}", "c2")), signal.SIGKILL)
    engine("rm", "--force", "--time=0", "c2")
    until(lambda: len(guests()) == 1)
    there(lab)
    engine("rm", "--force", "--time=0", "c1")
    until(lambda: guests() == [])


def there(lab: Lab) -> None:
    """It is reached and found, from outside and from ours, and reaches and finds ours."""
    for ns, host, port in (("R", HOST4, 8080), ("R", HOST6, 8080), ("shop-web-1", address("c1"), 80)):
        assert asked(lab, ns, host, port) == "web", (ns, host, port)
    for name in ("c1", "db"):
        assert lab.run(f"dig +short +time=2 {name} @127.0.0.11", "shop-web-1").out.strip() == address("c1")
    assert engine("exec", "c1", "nc", "-w", "5", "web", "90").startswith("shop-web-1 ")


@pytest.mark.parametrize("watched", [False, True])
def test_containerd(lab, watched):
    if lack := containerd.lack():
        pytest.skip(lack)
    lab.apply(SHOP)
    with closing(containerd.Containerd(lab, "1.0.0")) as engine, ExitStack() as stack:
        if watched:
            stack.enter_context(watching(lab, lab.write(SHOP)))
        pods(lab, engine)
        by_ctr(lab, engine, watched=watched)
    assert guests() == [] and lab.planned(SHOP) == []
    lab.destroy()


def pods(lab: Lab, engine: containerd.Containerd) -> None:
    """Kubernetes' pods, as a kubelet asks for them."""
    ident = engine.run_pod("pod1", (80, 8080))
    [guest] = guests()
    assert (guest["id"], guest["name"]) == (ident, "pod1")
    box = f"cni-{ident[:12]}"
    lab.serve(box, 80)
    inner = lab.address(box)
    for host, port in ((HOST4, 8080), (HOST6, 8080)):
        assert str(lab.ask("R", host, port)).startswith(box)
    assert lab.run("dig +short +time=2 pod1 @127.0.0.11", "shop-web-1").out.strip() == inner
    assert str(lab.ask("shop-web-1", inner, 80)).startswith(box)
    with pytest.raises(AssertionError, match="8080/tcp is taken"):
        engine.run_pod("pod2", (80, 8080))
    until(lambda: len(guests()) == 1)
    assert lab.planned(SHOP) == []
    engine.end_pod(ident)
    assert guests() == [] and lab.ask("R", HOST4, 8080) is None


def by_ctr(lab: Lab, engine: containerd.Containerd, *, watched: bool) -> None:
    """It forgets to tell who has gone: 1.6 always, later ones of whom was killed."""
    ran = engine.ctr(
        "run", "--cni", "--snapshotter=native", f"--runc-binary={containerd.RUNC}", "-d", IMAGE, "k1"
    )
    assert ran.rc == 0, ran
    [guest] = guests()
    box = "cni-" + sha256(guest["id"].encode()).hexdigest()[:12]
    lab.serve("shop-web-1", 90)
    assert str(lab.ask(box, lab.address("shop-web-1"), 90)).startswith("shop-web-1")
    for words in (
        ("task", "kill", "-s", "KILL", "k1"),
        ("task", "rm", "-f", "k1"),
        ("container", "rm", "k1"),
    ):
        engine.ctr(*words)
    if not watched:
        asked = {"CNI_COMMAND": "GC", "PATH": os.environ["PATH"]}
        said = json.dumps(runtimes.CNI | {"cniVersion": "1.1.0", "name": "front"})
        done = subprocess.run(
            ["/opt/cni/bin/reconciler"], input=said, text=True, env=asked, capture_output=True
        )
        assert done.returncode == 0, done
    until(lambda: guests() == [])

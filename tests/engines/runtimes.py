"""Podman, which asks us as its plugin for CNI or for netavark, set up beside nobody."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.netns.engine_room import CONFIGURED
from tests.netns.lab import ROOT, Lab

PLUGIN = ROOT / "reconciler/guests/reconciler-cni"
IMAGE = "localhost/box:1"
CNI = {
    "type": "reconciler",
    "network": "shop_front",
    "capabilities": {"portMappings": True, "ips": True, "mac": True, "aliases": True, "bandwidth": True},
}
LACK = "" if "RECONCILER_ENGINES" in os.environ else "run tests/engines/run as root"


def version_of(program: str) -> tuple[int, ...]:
    """As it says it; () where it is not installed."""
    path = which(program) or f"/usr/lib/podman/{program}"
    if not os.access(path, os.X_OK):
        return ()
    words = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.split()
    number = next(word for word in words if word[:1].isdigit())
    return tuple(map(int, number.partition("~")[0].partition("-")[0].partition("+")[0].split(".")))


def plugins() -> Path:
    """A folder of them: ours, and what it runs where no watcher answers, which is this tree."""
    folder = Path("/run/plugins")
    folder.mkdir(exist_ok=True)
    program = folder / "reconcile"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reconciler "$@"\n')
    program.chmod(0o755)
    plugin = folder / "reconciler"
    plugin.write_bytes(PLUGIN.read_bytes())
    plugin.chmod(0o755)
    return folder


def conflist(folder: Path, version: str = "1.0.0") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    said = {"cniVersion": version, "name": "front", "plugins": [CNI]}
    (folder / "front.conflist").write_text(json.dumps(said))


@contextmanager
def podman(lab: Lab, backend: str) -> Iterator[None]:
    """Of which what the host is told is `backend`."""
    made = lab.run(["sh", "-ec", CONFIGURED], check=False)
    if made.rc:
        pytest.skip(f"podman cannot be set up here: {made.err.strip()}")
    folder = plugins()
    config = Path("/etc/containers/containers.conf")
    text = config.read_text()
    config.write_text(
        f'{text}[network]\nnetwork_backend="{backend}"\ncni_plugin_dirs=["{folder}"]\n'
        f'network_config_dir="/run/networks"\nnetavark_plugin_dirs=["{folder}"]\n'
    )
    if backend == "cni":
        conflist(Path("/run/networks"))
    else:
        engine("network", "create", "--driver=reconciler", "-o", "network=shop_front", "front")
    engine("import", "-q", "/run/image.tar", IMAGE)
    try:
        yield
    finally:
        engine("rm", "--force", "--all", "--time=0")


def engine(*words: str) -> str:
    """What podman says as root, which has networks of its own; it must succeed."""
    done = subprocess.run(["podman", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def lacks_cni() -> str:
    found = version_of("podman")
    return "" if found and found < (5,) and which("crun") else "podman has no CNI here: Debian 12's has"


def lacks_netavark() -> str:
    found = version_of("netavark")
    return "" if found >= (1, 14) else "no netavark with plugins here: see tests/engines/trixie"


BACKENDS = {"cni": lacks_cni, "netavark": lacks_netavark}

"""A real dockerd, and what a manifest is in Docker's commands."""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

from tests.netns.asking import client, found
from tests.netns.lab import Lab, Result
from tests.netns.namespaces import fresh
from tests.netns.watching import until

DOCKER, BUSYBOX = "/usr/bin/docker", "/bin/busybox"  # Debian's
NEEDED = {
    "dockerd": "docker.io",
    DOCKER: "docker.io",
    "iptables": "iptables",  # in each container's namespace, to lead questions to 127.0.0.11 to dockerd
    BUSYBOX: "busybox-static",
    "musl-gcc": "musl-tools",
    "dnsmasq": "dnsmasq-base",
}
OF_CONTAINERS = {"dns": "dns", "extra_hosts": "add-host", "links": "link"}
OF_ENDPOINTS = {"ipv4_address": "ip", "ipv6_address": "ip6"}
R_SIDE = """
link add eth1 type veth peer name uplink netns /proc/{pid}/fd/{host}
addr add 203.0.113.2/24 dev eth1
link set eth1 up
"""
D_SIDE = """
link set lo up
addr add 203.0.113.1/24 dev uplink
link set uplink up
route add default via 203.0.113.2
"""


def lack() -> str:
    """What keeps dockerd from running here, or nothing."""
    if "RECONCILER_ENGINES" not in os.environ:
        return "run tests/engines/run as root"
    packages = dict.fromkeys(package for command, package in NEEDED.items() if not which(command))
    return f"no Docker here: apt-get install {' '.join(packages)}" if packages else ""


def other_host(lab: Lab) -> str:
    """Its namespace; its uplink leads to R as the lab's does."""
    lab.outside["D"] = fresh()
    lab.ip(R_SIDE.format(pid=os.getpid(), host=lab.outside["D"]), "R")
    lab.ip(D_SIDE, "D")
    return "D"


class Docker:
    """One on the host `ns`.  To be called with the words of a command."""

    def __init__(self, lab: Lab, ns: str, *more: str) -> None:
        self.folder = Path("/run/dockerd")  # short, since containerd has sockets below
        self.folder.mkdir()
        self.lab, self.ns, self.more = lab, ns, more
        self.host, self.log = f"--host=unix://{self.folder}/socket", self.folder / "log"
        Path("/etc/docker").unlink(missing_ok=True)  # where it writes a key
        self.start()
        self("import", "-", "box", input=image())

    def start(self) -> None:
        folder = self.folder
        with self.lab.inside(self.ns), open(self.log, "a") as log:
            self.daemon = subprocess.Popen(
                [
                    *("dockerd", self.host, "--log-level=warn"),
                    *(f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"),
                    *("--storage-driver=vfs", "--exec-opt=native.cgroupdriver=cgroupfs", *self.more),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self.is_up, words=self.log.read_text)

    def is_up(self) -> bool:
        assert self.daemon.poll() is None, self.log.read_text()
        return self.lab.run([DOCKER, self.host, "version"], check=False).rc == 0

    def kill(self) -> None:
        """And what it leaves: its containerd ends with it, and the next one would take a zombie for alive."""
        self.daemon.kill()
        self.daemon.wait()
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def close(self) -> None:
        self.daemon.terminate()
        self.daemon.wait()

    def __call__(self, *words: str, **options: Any) -> str:
        done = subprocess.run([DOCKER, self.host, *words], capture_output=True, timeout=60, **options)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr.decode()}"
        return done.stdout.decode().strip()

    def make(self, manifest: dict[str, Any]) -> None:
        for words in commands(manifest):
            self(*words)

    def run(self, box: str, *words: str) -> Result:
        return self.lab.run([DOCKER, self.host, "exec", box, *words], check=False)

    def addresses(self, box: str, *names: str) -> dict[str, frozenset[str]]:
        """By getaddrinfo and getnameinfo in there."""
        return {name: one.words for name, one in found(self.run(box, "ask", *names).out).items()}

    def entering(self, box: str) -> list[str]:
        """The beginning of a command of the host's in a container's network."""
        return ["nsenter", "-n", "-t", self("inspect", "-f", "{{.State.Pid}}", box)]

    def nameserver(self, box: str) -> str:
        lines = self.run(box, "cat", "/etc/resolv.conf").out.splitlines()
        return next(line.split()[1] for line in lines if line.startswith("nameserver "))


def image() -> bytes:
    """Busybox, and the program that asks."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(os.path.realpath(BUSYBOX), "bin/busybox")
        tar.add(client("musl"), "bin/ask")
        for name in ("sleep", "cat", "ping"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


def commands(manifest: dict[str, Any]) -> Iterator[list[str]]:
    """Those that make of a manifest in Docker what we make of it."""
    for name, net in manifest.get("networks", {}).items():
        subnets = [f"--subnet={pool['subnet']}" for pool in net.get("ipam", {}).get("config", ())]
        flags = ["--ipv6"] * net.get("enable_ipv6", False) + ["--internal"] * net.get("internal", False)
        yield ["network", "create", *flags, *subnets, name]
    for name, box in manifest["containers"].items():
        joined = box.get("networks", ())
        first, *others = (joined if isinstance(joined, dict) else dict.fromkeys(joined)).items() or [()]
        at = [f"--network={first[0]}", *endpoint(first[1], "network-alias")] if first else []
        yield ["run", "-d", "--stop-signal=KILL", f"--name={name}", *at, *own(box), "box", "sleep", "1000"]
        for network, end in others:
            yield ["network", "connect", *endpoint(end, "alias"), network, name]


def own(box: dict[str, Any]) -> Iterator[str]:
    """The options of a container."""
    if "hostname" in box:
        yield f"--hostname={box['hostname']}"
    for key, option in OF_CONTAINERS.items():
        yield from (f"--{option}={value}" for value in box.get(key, ()))


def endpoint(end: dict[str, Any] | None, alias: str) -> Iterator[str]:
    """And of an endpoint, where an alias is called so."""
    end = end or {}
    yield from (f"--{option}={end[key]}" for key, option in OF_ENDPOINTS.items() if key in end)
    yield from (f"--{alias}={name}" for name in end.get("aliases", ()))

"""Several hosts on one underlay: each with processes, a network, a /run, a /var/lib and an /etc/netns."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.netns import forked
from tests.netns.lab import ENVIRONMENT, Lab, Result
from tests.netns.namespaces import FS, NEWNS, NEWPID, current, entered, setns, throwaway_host, unshare
from tests.netns.servers import Servers

MACHINE = """
mount -t tmpfs run /run && mount -t tmpfs lib /var/lib && mount -t tmpfs netns /etc/netns
ip link set lo up
{prepare}
echo ready
while sleep 1000; do :; done  # and the shell buries what daemons leave behind
"""
OUTSIDE = {4: "10.99.0.254", 6: "fd99::254"}


class Machine(Lab):
    """Host number `number` of a cluster; `ns` in all of Lab's methods is a sandbox of it, "" itself."""

    def __init__(self, number: int, files: Path, prepare: str = "") -> None:
        self.name, self.number = f"h{number}", number
        self.underlay = {4: f"10.99.0.{number}", 6: f"fd99::{number}"}
        self.files = files / self.name
        self.prepare = prepare
        self.outside = {}
        self.start()

    def start(self) -> None:
        self.servers = Servers()
        script = MACHINE.format(prepare=self.prepare)
        words = ["unshare", "-nmpf", "--mount-proc", "--kill-child", "sh", "-ec", script]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self.process.stdout and self.process.stdout.readline() == "ready\n"
        port = f"port{self.number}"
        here = f"link add {port} type veth peer name uplink netns {self.process.pid}\n"
        here += f"link set {port} master ul up"
        subprocess.run(["ip", "-batch", "-"], input=here, text=True, check=True)
        self.run("sysctl -qw net.ipv6.conf.uplink.accept_dad=0")  # a second, and its route comes after
        four, six = self.underlay[4], self.underlay[6]
        self.ip(f"addr add {four}/24 dev uplink\naddr add {six}/64 dev uplink nodad\nlink set uplink up")
        self.ip(f"route add default via {OUTSIDE[4]}")

    def kill(self) -> None:
        """The power goes: everything of it is gone at once."""
        self.servers.close()
        self.process.kill()
        self.process.wait()
        subprocess.run(["ip", "link", "del", f"port{self.number}"], check=False, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()

    def inside(self, ns: str) -> AbstractContextManager[None]:
        at = f"root/run/netns/{ns}" if ns else "ns/net"
        return opened(f"/proc/{self.process.pid}/{at}")

    def reconcile(self, *arguments: object, **_: Any) -> Result:
        with self.inside(""), self.mounts():
            return Result(*forked.run(["--host", self.name, *map(str, arguments)], ENVIRONMENT, 120))

    @contextmanager
    def mounts(self) -> Iterator[None]:
        """This thread among the host's files, and its children among the host's processes."""
        at, home = f"/proc/{self.process.pid}/ns", (current("mnt"), current("pid"))
        away = [os.open(f"{at}/{name}", os.O_RDONLY) for name in ("mnt", "pid_for_children")]
        try:
            among(*away)
            yield
        finally:
            among(*home)
            for fd in (*home, *away):
                os.close(fd)

    def command(self, *words: str) -> Result:
        """Any command, with this host's files too."""
        with self.inside(""), self.mounts():
            done = subprocess.run(
                words, capture_output=True, text=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL, timeout=60
            )
        return Result(done.returncode, done.stdout, done.stderr)


def among(files: int, processes: int) -> None:
    folder = os.getcwd()
    unshare(FS)  # setns refuses a thread that shares its root
    setns(files, NEWNS)
    setns(processes, NEWPID)
    os.chdir(folder)


@contextmanager
def opened(path: str) -> Iterator[None]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with entered(fd):
            yield
    finally:
        os.close(fd)


class Cluster:
    """Hosts h1, h2 ... with one manifest; the test itself stands outside, on the underlay's bridge `ul`."""

    folder: Path  # what was applied, and
    family: int  # over which underlay: of who made it
    keys: dict[str, str]

    def __init__(self, count: int, files: Path, prepare: str = "", machine: type[Machine] = Machine) -> None:
        """`prepare` is a piece of shell that each host runs as it boots."""
        os.makedirs("/etc/netns", exist_ok=True)
        lines = ["link set lo up", "link add ul type bridge mcast_snooping 0", "link set ul up"]
        lines += [f"addr add {OUTSIDE[4]}/24 dev ul", f"addr add {OUTSIDE[6]}/64 dev ul nodad"]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        self.files = files
        self.hosts = [machine(number, files, prepare) for number in range(1, count + 1)]

    def __getitem__(self, name: str) -> Machine:
        return next(host for host in self.hosts if host.name == name)

    def close(self) -> None:
        for host in self.hosts:
            host.close()

    def manifest(self, text: str, name: str = "commit") -> Path:
        """A folder with the manifest and its lock, as a checkout would have them."""
        folder = self.files / name
        folder.mkdir(exist_ok=True)
        (folder / "t.yaml").write_text(text)
        self.hosts[0].succeed(self.hosts[0].reconcile("--lock", folder))
        return folder

    def apply(self, text: str) -> Path:
        folder = self.manifest(text)
        for host in self.hosts:
            host.succeed(host.reconcile("--apply", folder))
        return folder


@contextmanager
def clustered(files: Path, count: int = 3, **options: Any) -> Iterator[Cluster]:
    """A cluster on an underlay of its own; `options` are Cluster's."""
    with throwaway_host():
        made = Cluster(count, files, **options)
        try:
            yield made
        finally:
            made.close()


def hosts(count: int = 3, family: int = 4) -> str:
    pattern = {4: "10.99.0.{}", 6: "'fd99::{}'"}[family]
    return (
        "hosts: {" + ", ".join(f"h{n}: {{address: {pattern.format(n)}}}" for n in range(1, count + 1)) + "}"
    )

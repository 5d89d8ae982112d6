"""A containerd beside nobody, asked by ctr, and as Kubernetes asks: by CRI, in gRPC, which curl speaks."""

import struct
import subprocess
from pathlib import Path
from shutil import which

from tests.engines.runtimes import IMAGE, conflist, engine, plugins, version_of
from tests.netns.engine_room import CONFIGURED
from tests.netns.lab import Lab, Result
from tests.netns.watching import until

LOOPBACK = "/usr/lib/cni/loopback"  # which CRI asks itself
FOLDER = Path("/run/containerd")
CONFIG = """
version = 2
root = "/var/lib/containerd"
state = "/run/containerd/state"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/box:1"
restrict_oom_score_adj = true
disable_cgroup = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "/run/runc-without-limits"
"""
RUNC = "/run/runc-without-limits"
WITHOUT_LIMITS = """#!/usr/bin/python3
# Not everywhere has cgroup2 the controllers that ctr sets something of.
import json, os, sys
if "--bundle" in sys.argv:
    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
    said = json.load(open(path))
    said["linux"].pop("resources", None)
    json.dump(said, open(path, "w"))
os.execvp("runc", ["runc", *sys.argv[1:]])
"""
NEEDED = ("containerd", "ctr", "runc", "podman", "crun")
LENGTH_DELIMITED = 2  # https://protobuf.dev/programming-guides/encoding
POD = {"metadata": 1, "log_directory": 3, "port_mappings": 5}  # runtime.v1's PodSandboxConfig


def lack() -> str:
    missing = [name for name in NEEDED if not which(name)]
    missing += ["containernetworking-plugins"] * (not Path(LOOPBACK).exists())
    return f"not installed here: apt-get install {' '.join(missing)}" if missing else ""


def number(value: int) -> bytes:
    """A varint."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def message(*fields: tuple[int, str | bytes | int]) -> bytes:
    out = b""
    for key, value in fields:
        if isinstance(value, int):
            out += number(key << 3) + number(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += number(key << 3 | LENGTH_DELIMITED) + number(len(data)) + data
    return out


class Containerd:
    """With an image that only sleeps, as its own and as that of pods."""

    def __init__(self, lab: Lab, version: str) -> None:
        self.lab, self.socket = lab, FOLDER / "socket"
        FOLDER.mkdir()
        lab.run(["sh", "-ec", CONFIGURED])
        lab.run("mount -t tmpfs opt /opt")
        Path("/opt/cni").mkdir()
        Path("/opt/cni/bin").symlink_to(plugins())
        Path("/opt/cni/bin/loopback").symlink_to(LOOPBACK)
        Path("/etc/cni").unlink(missing_ok=True)
        conflist(Path("/etc/cni/net.d"), version)
        engine("import", "-q", "--change", 'CMD ["/bin/sleep", "1000"]', "/run/image.tar", IMAGE)
        engine("save", "-q", "-o", "/run/box.tar", IMAGE)
        Path(RUNC).write_text(WITHOUT_LIMITS)
        Path(RUNC).chmod(0o755)
        (FOLDER / "config.toml").write_text(CONFIG)
        self.start()
        at_home = ["--local"] if version_of("containerd") >= (2,) else []  # else the daemon knows no platform
        for namespace in ("default", "k8s.io"):
            words = ("-n", namespace, "image", "import", *at_home, "--snapshotter=native", "/run/box.tar")
            lab.succeed(self.ctr(*words))

    def start(self) -> None:
        log = FOLDER / "log"
        with open(log, "a") as out:
            self.daemon = subprocess.Popen(
                [
                    "containerd",
                    f"--config={FOLDER}/config.toml",
                    f"--address={self.socket}",
                    "--log-level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        until(lambda: self.ctr("version").rc == 0, words=log.read_text)

    def close(self) -> None:
        self.daemon.terminate()
        self.daemon.wait()

    def ctr(self, *words: str) -> Result:
        return self.lab.run(["ctr", f"--address={self.socket}", *words], check=False)

    def cri(self, method: str, request: bytes) -> bytes:
        """What it answers; raises with its words where that is an error."""
        frame = Path("/run/frame")
        frame.write_bytes(struct.pack("!BI", 0, len(request)) + request)
        done = subprocess.run(
            [
                *("curl", "-sS", "--http2-prior-knowledge", "--max-time", "60", "-D", "/run/headers"),
                *("--unix-socket", str(self.socket), "-H", "content-type: application/grpc"),
                *("-H", "te: trailers", "--data-binary", f"@{frame}"),
                f"http://localhost/runtime.v1.RuntimeService/{method}",
            ],
            capture_output=True,
        )
        headers = Path("/run/headers").read_text()
        assert "grpc-status: 0" in headers, f"{method}: {headers}{done.stderr.decode()}"
        return done.stdout[5:]

    def run_pod(self, name: str, *ports: tuple[int, int]) -> str:
        """Its id, 64 digits; ports are of the container and of the host."""
        metadata = message((1, name), (2, f"uid-{name}"), (3, "default"))
        mapped = (message((2, inner), (3, outer)) for inner, outer in ports)
        config = message(
            (POD["metadata"], metadata),
            (POD["log_directory"], "/run"),
            *((POD["port_mappings"], one) for one in mapped),
        )
        return self.cri("RunPodSandbox", message((1, config)))[2:66].decode()

    def end_pod(self, ident: str) -> None:
        """As a kubelet does, which asks twice."""
        for method in ("StopPodSandbox", "StopPodSandbox", "RemovePodSandbox"):
            self.cri(method, message((1, ident)))

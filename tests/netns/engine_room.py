"""Where podman and crun run beside nobody: processes, control groups, images and volumes of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from tests.netns.lab import ENVIRONMENT, Lab
from tests.netns.namespaces import throwaway_host

# cgroup2 cannot be mounted by root of a user namespace but in a cgroup namespace that is its own too.
CONFIGURED = """
mount -t sysfs sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /var/tmp
rm -f /etc/containers
mkdir -p /etc/containers /run/image/bin /run/image/etc /run/image/tmp /run/image/www
cd /etc/containers
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >policy.json
printf '[containers]\\ncgroups="disabled"\\npids_limit=0\\nlog_driver="k8s-file"\\n' >containers.conf
printf '[engine]\\ncgroup_manager="cgroupfs"\\nevents_logger="file"\\nruntime="crun"\\n' >>containers.conf
echo '[storage]' >storage.conf
printf 'driver="vfs"\\nrunroot="/run/containers"\\ngraphroot="/var/lib/containers"\\n' >>storage.conf
cp /bin/busybox /run/image/bin
for name in cat df grep httpd id nc nslookup readlink rm sh sleep stat test touch true; do
    ln -s busybox /run/image/bin/$name
done
echo root:x:0:0::/:/bin/sh >/run/image/etc/passwd
echo web >/run/image/www/index.html
tar -C /run/image -cf /run/image.tar .
"""
SETUP = f"""
{CONFIGURED}
mkdir -p /etc/netns/box
ip netns add box
echo nameserver 127.0.0.11 >/etc/netns/box/resolv.conf
echo 10.0.0.2 db >/etc/netns/box/hosts
echo ready
exec sleep 1000
"""
# Podman takes itself for one without root in a user namespace, unless it is told that it made that itself.
ROOT = {
    "_CONTAINERS_USERNS_CONFIGURED": "done",
    "_CONTAINERS_ROOTLESS_UID": "0",
    "_CONTAINERS_ROOTLESS_GID": "0",
}
ALONE = ["unshare", "--cgroup", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
IMAGE = "localhost/busy:1"


class EngineRoom:
    """A sandbox `box`, its two files of names, and an image of busybox."""

    def __enter__(self) -> "EngineRoom":
        self.stack = ExitStack()
        self.stack.enter_context(throwaway_host())
        self.process = subprocess.Popen(
            [*ALONE, "sh", "-ec", SETUP], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.stack.callback(self.end)
        if not self.process.stdout or self.process.stdout.readline() != "ready\n":
            pytest.skip("engines cannot be set up here: no control groups of one's own")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.first = int(children.split()[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stack.close()

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def run(self, *words: str, text: str = "", variables: Mapping[str, str] | None = None) -> str:
        """What a command says in there; it must succeed."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.first), "--mount", "--pid", "--cgroup", *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, **ROOT, **(variables or {})},
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def import_image(self) -> None:
        self.run("sh", "-c", f"tar -C /run/image -c . | podman import -q - {IMAGE}")

    def until(self, last: str, *words: str) -> str:
        """What a command says when its last line is this."""
        ends = time.monotonic() + 10
        while not (text := self.run(*words)).endswith(f"{last}\n"):
            assert time.monotonic() < ends, text
            time.sleep(0.05)
        return text


@contextmanager
def with_podman(lab: Lab) -> Iterator[Lab]:
    """The host of a lab with podman, and an image of busybox."""
    before = dict(ENVIRONMENT)
    ENVIRONMENT.update(ROOT)
    made = lab.run(["sh", "-ec", CONFIGURED], check=False)
    if made.rc:
        pytest.skip(f"podman cannot be set up here: {made.err.strip()}")
    engine("import", "-q", "/run/image.tar", IMAGE)
    try:
        yield lab
    finally:
        engine("rm", "--force", "--all", "--time=0")
        ENVIRONMENT.clear()
        ENVIRONMENT.update(before)


def engine(*words: str, data: bytes = b"") -> str:
    """What podman says; it must succeed."""
    done = subprocess.run(["podman", *words], input=data, capture_output=True, env={**os.environ, **ROOT})
    assert done.returncode == 0, f"{words}: {done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode().strip()


def running() -> dict[str, str]:
    """By name, the ids of the containers that run."""
    rows = engine("ps", "--format", "{{.Names}} {{.ID}}").splitlines()
    return dict(row.split() for row in rows)

"""Settings of sandboxes, read and written through a procfs that is mounted nowhere."""

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.core.reconcile import reconcile
from reconciler.core.resource import state
from reconciler.kernel import netns, procfs
from reconciler.kernel.linux import Linux
from reconciler.kernel.procfs import RENEWED, Procfs
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.ownership import HOST
from reconciler.kinds.sysctl import Sysctl
from tests.netns.lab import Lab

TTL = "net/ipv4/ip_default_ttl"
BOXES = [f"box{i}" for i in range(2 * RENEWED + 1)]
SETTINGS = [Sysctl(ns=name, name=TTL, value=str(100 + i)) for i, name in enumerate(BOXES)]
STATE = state(*(Namespace(name=name, project="shop") for name in BOXES), *SETTINGS)


def refused(*_: object) -> int:
    raise PermissionError(errno.EPERM, "as a container's seccomp does")


@pytest.mark.parametrize("allowed", [True, False], ids=["own", "standing"])
def test_each_sandbox_has_its_own_settings_whoever_may_mount_a_procfs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, allowed: bool
):
    mounts, before = Path("/proc/self/mountinfo").read_text(), lab.sysctl(TTL)
    if not allowed:
        monkeypatch.setattr(procfs, "mounted", refused)
    reconcile(STATE, Linux())
    assert [lab.sysctl(TTL, name) for name in BOXES] == [one.value for one in SETTINGS]
    assert Linux().observe(STATE.values()) == STATE
    assert lab.sysctl(TTL) == before
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " proc " in line] == [
        line for line in mounts.splitlines() if " proc " in line
    ]


def test_one_instance_tells_of_wherever_the_thread_is_and_the_host_of_what_stands(lab: Lab):
    reconcile(STATE, Linux())

    def told(ns: str) -> str:
        fd = files.open(ns, TTL, os.O_RDONLY)
        try:
            return os.read(fd, 64).decode().strip()
        finally:
            os.close(fd)

    lab.sysctl(TTL, value=33)
    with netns.kept() as home, closing(Procfs()) as files:
        for name in (BOXES[0], BOXES[1], BOXES[0]):
            netns.enter(name)
            assert told(name) == lab.sysctl(TTL, name)
        assert os.fstat(files.root).st_dev != os.stat("/proc").st_dev
        netns.back(home)
        assert told(HOST) == told(BOXES[0]) == "33"  # also where a sandbox is not where it was thought to be

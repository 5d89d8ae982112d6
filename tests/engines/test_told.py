"""What root alone can be asked for: users, their groups, and what they may do; the rest is in
tests/netns/test_engines.py, where anybody can ask."""

import os
from collections.abc import Iterator
from shutil import which

import pytest

from reconciler.engines import engine
from reconciler.kinds.workload import How
from reconciler.manifest.workload import MountSpec, WorkloadSpec
from tests.netns.engine_room import IMAGE, EngineRoom
from tests.unit.engines.samples import task

pytestmark = pytest.mark.skipif(
    "RECONCILER_ENGINES" not in os.environ, reason="tests/engines/run makes the host that this needs"
)
ASKED = """
echo $(id -u) $(id -g) $(grep Groups /proc/self/status)
grep -E 'Cap(Eff|Bnd)' /proc/self/status
touch /bin/x 2>/dev/null || echo kept out
cat /proc/kcore 2>/dev/null || echo masked
touch /small/x && echo open
echo asked
sleep 100
"""
ANSWERED = """\
65534 65533 Groups: 7 65533
CapEff:\t0000000000000400
CapBnd:\t0000000000000400
kept out
masked
open
asked
"""
# Rules of devices are BPF, for which a machine may lack CAP_SYS_RESOURCE.
CRUN = "crun --cgroup-manager=disabled run --detach"
SPEC = WorkloadSpec(
    command=("/bin/sh", "-c", ASKED),
    user="65534:65533",
    group_add=("7",),
    cap_drop=("ALL",),
    cap_add=("NET_BIND_SERVICE",),
    mounts=(MountSpec(kind="tmpfs", target="/small", options=("mode=1777",)),),
)


@pytest.fixture(scope="module")
def room() -> Iterator[EngineRoom]:
    if lacking := [name for name in ("podman", "crun", "busybox") if not which(name)]:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    with EngineRoom() as made:
        made.import_image()
        yield made


def how(name: str, **other: str) -> How:
    found = engine(name).lower(task(name, sandbox="box", spec=SPEC, **other)).how
    assert found
    return found


def test_podman_makes_a_user_of_one(room: EngineRoom):
    told = how("podman", image=IMAGE)
    room.run("podman", "run", *told.words)
    assert room.until("asked", "podman", "logs", "shop-web") == ANSWERED
    room.run("podman", "rm", "--force", "--time=0", "shop-web")


def test_crun_makes_a_user_of_one(room: EngineRoom):
    room.run("mkdir", "-p", "/run/bundle")
    for file, text in how("oci", rootfs="/run/image").files:
        room.run("sh", "-c", f"cat >/run/bundle/{file}", text=text)
    room.run("sh", "-c", f"{CRUN} --bundle /run/bundle user >/run/user.log 2>&1 || cat /run/user.log")
    assert room.until("asked", "cat", "/run/user.log") == ANSWERED
    room.run("crun", "delete", "--force", "user")

"""What engines are told, as they take it: a container of which much is said, seen from inside."""

import json
import sys
from collections.abc import Iterator
from shutil import which

import pytest

from reconciler.engines import engine
from reconciler.kinds.workload import How
from reconciler.manifest.workload import BuildSpec, HealthSpec, MountSpec, WorkloadSpec
from tests.netns.engine_room import IMAGE, EngineRoom
from tests.unit.engines.samples import task


def wanting(*names: str) -> pytest.MarkDecorator:
    lacking = [name for name in names if not which(name)]
    return pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")


@pytest.fixture(scope="module")
def room(privileged: None) -> Iterator[EngineRoom]:
    with EngineRoom() as made:
        if which("podman"):
            made.import_image()
        yield made


MOUNTS = (
    MountSpec(kind="bind", source="/run/here", target="/here", read_only=True, make=True),
    MountSpec(kind="volume", source="shop_data", target="/data"),
    MountSpec(kind="tmpfs", target="/small", options=("size=1m", "mode=0700")),
)
ENVIRONMENT = {"GREETING": "hello\nworld", "PATH": "/bin:/app"}
# Each line is what a command says; a file that could be written says so.
ASKED = """
cat /proc/sys/kernel/hostname /etc/resolv.conf /etc/hosts
echo "$GREETING" $PATH
readlink /proc/1/cwd
grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status
ulimit -n -S; ulimit -n -H
for path in /here /etc /tmp /sys /proc/sys /data /small; do touch $path/x 2>/dev/null && echo $path; done
df -k /small /dev/shm | grep -v ^File | while read name size rest; do echo $size; done
stat -c %a /small
cat /proc/self/oom_score_adj
echo asked
sleep 100
"""
CAPS = f"{1 << 10:016x}"  # NET_BIND_SERVICE, linux/capability.h
ANSWERED = f"""\
www
nameserver 127.0.0.11
10.0.0.2 db
hello
world /bin:/app
/www
CapEff:\t{CAPS}
CapBnd:\t{CAPS}
NoNewPrivs:\t1
100
200
/data
/small
1024
1024
700
700
asked
"""


MUCH = WorkloadSpec(
    command=(ASKED,),
    entrypoint=("/bin/sh", "-c"),
    variables="1",
    mounts=MOUNTS,
    working_dir="/www",
    user="0:0",
    read_only=True,
    cap_drop=("ALL",),
    cap_add=("NET_BIND_SERVICE",),
    security_opt=("no-new-privileges:true",),
    ulimits=(("nofile", 100, 200),),
    shm_size=1 << 20,
    oom_score_adj=700,
    stop_grace_period=0,
)


def much(name: str) -> How | None:
    return (
        engine(name)
        .lower(
            task(
                name,
                sandbox="box",
                image=IMAGE,
                **({} if name == "podman" else {"rootfs": "/run/image"}),
                hostname="www",
                environment=ENVIRONMENT,
                spec=MUCH,
            )
        )
        .how
    )


def in_box(room: EngineRoom, pid: str) -> bool:
    """Whether a process has the sandbox's network."""
    inode, other = (room.run("stat", "-Lc", "%i", path) for path in (f"/proc/{pid}/ns/net", "/run/netns/box"))
    return inode == other


@wanting("podman", "crun", "busybox")
def test_podman_does_what_it_is_told(room: EngineRoom):
    how = much("podman")
    room.run("mkdir", "-p", *how.folders)
    room.run("podman", "run", *how.words, variables=how.environment)
    assert room.until("asked", "podman", "logs", "shop-web") == ANSWERED
    (found,) = json.loads(room.run("podman", "inspect", "shop-web"))
    assert in_box(room, str(found["State"]["Pid"]))
    assert found["Config"]["Labels"]["reconciler.project"] == "shop"
    room.run("podman", "rm", "--force", "--volumes", "shop-web")


@wanting("podman", "crun", "busybox")
def test_podman_takes_the_options_that_nobody_sees_from_inside(room: EngineRoom):
    spec = WorkloadSpec(
        command=("sleep", "100"),
        health=HealthSpec(test=("/bin/sh", "-c", "test -e /ok"), retries=1),
        restart="on-failure:3",
        tty=True,
        stdin_open=True,
        privileged=True,
        security_opt=("label:disable", "seccomp:unconfined", "apparmor=unconfined", "systempaths=unconfined"),
        devices=("/dev/null:/dev/nothing:rw",),
        stop_signal="SIGKILL",
        ipc="shareable",
        userns_mode="host",
        pull_policy="if_not_present",
        logging=("json-file", (("max-file", "3"), ("max-size", "1m"))),
        annotations={"a": "b=c d"},
        cpu_shares=512,
        memory=64 << 20,
        pids=50,
        init=False,
    )
    how = engine("podman").lower(task("podman", name="options", sandbox="box", image=IMAGE, spec=spec)).how
    room.run("podman", "run", *how.words)
    (found,) = json.loads(room.run("podman", "inspect", "options"))
    assert found["Config"]["Annotations"]["a"] == "b=c d"
    assert found["Config"]["StopSignal"] in (9, "SIGKILL")  # as podman 4 and 5 tell it
    assert found["Config"]["Healthcheck"]["Test"] == ["CMD", "/bin/sh", "-c", "test -e /ok"]
    assert found["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    with pytest.raises(AssertionError, match="unhealthy"):
        room.run("podman", "healthcheck", "run", "options")
    room.run("podman", "exec", "options", "touch", "/ok")
    room.run("podman", "healthcheck", "run", "options")
    room.run("podman", "rm", "--force", "options")


@wanting("podman", "crun", "busybox")
def test_podman_builds_what_it_is_told(room: EngineRoom):
    text = f"FROM {IMAGE} AS first\nARG WORD\nENV SAID=$WORD\nFROM first\nENV SAID=no\n"
    build = BuildSpec(
        context="/run/image/www",
        inline=text,
        arguments=(("WORD", "a b"),),
        target="first",
        labels=(("x", "y"),),
    )
    spec = WorkloadSpec(command=("/bin/sh", "-c", 'echo "$SAID"'), build=build, pull_policy="build")
    how = engine("podman").lower(task("podman", name="built", sandbox="box", image="shop-web", spec=spec)).how
    room.run("podman", "build", *how.build, text=how.containerfile)
    room.run("podman", "run", *how.words)
    assert room.until("a b", "podman", "logs", "built") == "a b\n"
    room.run("podman", "rm", "--force", "built")


# mount_setattr(2) with MOUNT_ATTR_RDONLY, AT_RECURSIVE and AT_FDCWD (linux/mount.h, linux/fcntl.h)
ALL_READ_ONLY = """
import ctypes, sys
attributes = (ctypes.c_uint64 * 4)(1, 0, 0, 0)
assert not ctypes.CDLL(None).syscall(442, -100, sys.argv[1].encode(), 0x8000, attributes, 32)
"""


def crun(room: EngineRoom, how: How, name: str) -> None:
    """Runs a bundle, on the host's own root where it says so."""
    folder = f"/run/bundles/{name}"
    room.run("mkdir", "-p", f"{folder}/rootfs", *how.folders)
    for file, text in how.files:
        room.run("sh", "-c", f"cat >{folder}/{file}", text=text)
    room.run("mount", "--rbind", "/", f"{folder}/rootfs")
    room.run(sys.executable, "-c", ALL_READ_ONLY, f"{folder}/rootfs")
    room.run("sh", "-c", f"crun run --detach --bundle {folder} {name} >/run/bundles/{name}.log 2>&1")


@wanting("crun", "busybox")
def test_crun_does_what_it_is_told(room: EngineRoom):
    crun(room, much("oci"), "much")
    assert room.until("asked", "cat", "/run/bundles/much.log") == ANSWERED
    found = json.loads(room.run("crun", "state", "much"))
    assert in_box(room, str(found["pid"]))
    assert found["annotations"]["reconciler.project"] == "shop"
    room.run("crun", "delete", "--force", "much")


@wanting("crun")
def test_the_root_of_the_host_is_read_and_not_written(room: EngineRoom):
    script = "touch /x /etc/x /usr/x; touch /tmp/x && cat /etc/hosts && id -u && cat /proc/1/comm; sleep 100"
    spec = WorkloadSpec(command=("/bin/sh", "-c", script))
    crun(room, engine("oci").lower(task("oci", sandbox="box", rootfs="", spec=spec)).how, "own")
    said = room.until("sh", "cat", "/run/bundles/own.log")
    assert said.count("Read-only file system") == 3, said
    assert said.endswith("10.0.0.2 db\n0\nsh\n")
    room.run("crun", "delete", "--force", "own")

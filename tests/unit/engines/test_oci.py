"""What of config.json each thing that is said becomes, and what a bundle has no words for."""

import json
from typing import Any

import pytest

from reconciler.engines.capabilities import CAPABILITIES, EVERY_CAPABILITY
from reconciler.engines.oci import lower
from reconciler.errors import ManifestError, Where
from reconciler.manifest.workload import HealthSpec, MountSpec
from tests.unit.engines.samples import place, saying, task


def config(name: str, value: object, **other: Any) -> Any:
    how = lower(saying("oci", name, value, **other)).how
    return json.loads(how.files[0][1])


def at(found: Any, path: str) -> Any:
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else found[int(step)]
    return found


PARTS = [
    ("command", ("a", "b c"), "process.args", ["a", "b c"]),
    ("entrypoint", ("/init",), "process.args", ["/init", "sleep", "9"]),
    ("working_dir", "/www", "process.cwd", "/www"),
    ("user", "1000:7", "process.user", {"uid": 1000, "gid": 7, "additionalGids": [7]}),
    ("user", "root", "process.user", {"uid": 0, "gid": 0}),
    ("user", "1000", "process.capabilities.effective", []),
    ("group_add", ("7",), "process.user.additionalGids", [0, 7]),
    ("read_only", True, "root", {"path": "/srv/root", "readonly": True}),
    ("cap_add", ("sys_ptrace",), "process.capabilities.bounding", sorted([*CAPABILITIES, "CAP_SYS_PTRACE"])),
    ("cap_add", ("ALL",), "process.capabilities.permitted", sorted(EVERY_CAPABILITY)),
    ("cap_drop", ("ALL",), "process.capabilities.effective", []),
    ("privileged", True, "process.capabilities.effective", sorted(EVERY_CAPABILITY)),
    ("privileged", True, "linux.maskedPaths", []),
    ("privileged", True, "linux.resources.devices.0.allow", True),
    ("security_opt", ("systempaths=unconfined",), "linux.readonlyPaths", []),
    ("security_opt", ("no-new-privileges",), "process.noNewPrivileges", True),
    ("security_opt", ("no-new-privileges:false",), "process.noNewPrivileges", False),
    (
        "ulimits",
        (("core", 1, -1),),
        "process.rlimits",
        [{"type": "RLIMIT_CORE", "soft": 1, "hard": 18446744073709551615}],
    ),
    ("oom_score_adj", -5, "process.oomScoreAdj", -5),
    ("sysctls", (("kernel.msgmax", "1"),), "linux.sysctl", {"kernel.msgmax": "1"}),
    ("cgroup_parent", "/shop", "linux.cgroupsPath", "/shop/shop-web"),
    ("cpus", 0.5, "linux.resources.cpu", {"quota": 50000, "period": 100000}),
    ("cpuset", "0-1", "linux.resources.cpu.cpus", "0-1"),
    ("cpu_shares", 512, "linux.resources.cpu.shares", 512),
    ("memory", 4096, "linux.resources.memory", {"limit": 4096}),
    ("memory_reservation", 4096, "linux.resources.memory.reservation", 4096),
    ("memory_swap", -1, "linux.resources.memory.swap", -1),
    ("pids", 50, "linux.resources.pids.limit", 50),
    ("uts", "host", "hostname", None),
    ("annotations", {"a": "b"}, "annotations.a", "b"),
    ("stop_signal", "SIGINT", "annotations", "SIGINT"),
]


@pytest.mark.parametrize("name, value, path, part", PARTS)
def test_a_field_has_its_part(name: str, value: object, path: str, part: object):
    found = at(config(name, value), path)
    assert found["org.opencontainers.image.stopSignal"] if name == "stop_signal" else found == part


@pytest.mark.parametrize(
    "name, value, kinds",
    [
        ("pid", "host", "mount cgroup ipc uts network"),
        ("ipc", "host", "mount cgroup pid uts network"),
        ("uts", "host", "mount cgroup pid ipc network"),
        ("ipc", "private", "mount cgroup pid ipc uts network"),
    ],
)
def test_namespaces_are_its_own_but_for_the_hosts(name: str, value: str, kinds: str):
    found = config(name, value)["linux"]["namespaces"]
    assert [one["type"] for one in found] == kinds.split()
    assert found[-1]["path"] == "/run/netns/shop-web"


def test_who_has_the_hosts_network_joins_none_and_has_its_names():
    found = json.loads(lower(task("oci", sandbox="")).how.files[0][1])
    assert "network" not in [one["type"] for one in found["linux"]["namespaces"]]
    assert {"/etc/hosts", "/etc/resolv.conf"} <= {one["source"] for one in found["mounts"]}


MOUNTS = [
    (
        MountSpec(kind="bind", source="/a", target="/b", options=("z", "rshared")),
        "bind",
        "/a",
        ["rbind", "rshared"],
    ),
    (
        MountSpec(kind="volume", source="v", target="/b", read_only=True, options=("nocopy",)),
        "bind",
        "/var/lib/reconciler/volumes/v",
        ["rbind", "ro"],
    ),
    (
        MountSpec(kind="tmpfs", target="/b", options=("size=1m",)),
        "tmpfs",
        "tmpfs",
        ["nosuid", "nodev", "size=1m"],
    ),
]


@pytest.mark.parametrize("mount, kind, source, options", MOUNTS)
def test_a_mount_is_one_of_mount_8(mount: MountSpec, kind: str, source: str, options: list[str]):
    found = config("mounts", (mount,))["mounts"][-1]
    assert found == {"destination": "/b", "type": kind, "source": source, "options": options}


def test_volumes_are_folders_that_are_made():
    mounts = (MOUNTS[0][0], MOUNTS[1][0], MountSpec(kind="bind", source="/c", target="/c", make=True))
    assert lower(saying("oci", "mounts", mounts)).how.folders == ("/var/lib/reconciler/volumes/v", "/c")


def test_the_root_of_the_host_is_read_and_what_changes_is_hidden():
    found = json.loads(lower(task("oci", rootfs="")).how.files[0][1])
    assert found["root"] == {"path": "rootfs", "readonly": True}
    assert {"/tmp", "/run", "/var/tmp"} <= {one["destination"] for one in found["mounts"]}


def test_a_test_is_told_to_who_counts():
    notes = config("health", HealthSpec(test=("true",), interval=5, retries=2))["annotations"]
    told = [notes[f"reconciler.{key}"] for key in ("health", "interval", "retries")]
    assert told == ['["/bin/sh", "-c", "true"]', "5", "2"]


def test_variables_are_in_the_file():
    found = json.loads(lower(task("oci", environment={"A": "1\n2"})).how.files[0][1])
    assert "A=1\n2" in found["process"]["env"]


@pytest.mark.parametrize(
    "name, value",
    [
        ("user", "www-data"),
        ("user", "7:adm"),
        ("group_add", ("adm",)),
        ("pid", "container:x"),
        ("ipc", "container:x"),
        ("security_opt", ("seccomp=/a.json",)),
        ("command", None),
        ("devices", ("/dev/fuse",)),
        ("tty", True),
    ],
)
def test_what_a_bundle_has_no_words_for_is_told_at_its_place(name: str, value: object):
    with pytest.raises(ManifestError) as caught:
        config(name, value)
    assert caught.value.where == place(name)


@pytest.mark.parametrize(
    "mount",
    [
        MountSpec(kind="volume", target="/b", where=Where("shop.yaml", 8, 9)),
        MountSpec(
            kind="bind", source="/a", target="/b", options=("subpath=c",), where=Where("shop.yaml", 8, 9)
        ),
    ],
)
def test_a_mount_that_mount_8_does_not_know_is_told_at_its_place(mount: MountSpec):
    with pytest.raises(ManifestError) as caught:
        config("mounts", (mount,))
    assert caught.value.where == mount.where

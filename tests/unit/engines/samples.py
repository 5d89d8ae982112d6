"""Tasks for the translations: a value of each field that says something."""

from dataclasses import fields, replace
from typing import Any

from reconciler.cnm.topology import Task
from reconciler.errors import Where
from reconciler.manifest.workload import BuildSpec, DependencySpec, HealthSpec, MountSpec, WorkloadSpec

HERE = Where("shop.yaml", 3, 5, "services.web")
SAYING: dict[str, Any] = {
    "command": ("httpd", "-f"),
    "entrypoint": ("/bin/sh", "-c"),
    "variables": "0123456789abcdef",
    "mounts": (MountSpec(kind="bind", source="/srv", target="/www"),),
    "health": HealthSpec(test=("wget", "-q", "localhost")),
    "build": BuildSpec(context="/src"),
    "restart": "unless-stopped",
    "working_dir": "/www",
    "user": "1000:1000",
    "group_add": ("7",),
    "read_only": True,
    "init": True,
    "tty": True,
    "stdin_open": True,
    "privileged": True,
    "cap_add": ("SYS_PTRACE",),
    "cap_drop": ("CHOWN",),
    "security_opt": ("no-new-privileges:true",),
    "devices": ("/dev/fuse:/dev/fuse:rw",),
    "ulimits": (("nofile", 100, 200),),
    "sysctls": (("kernel.msgmax", "1000"),),
    "shm_size": 1 << 20,
    "stop_signal": "SIGINT",
    "stop_grace_period": 1.5,
    "pid": "host",
    "ipc": "host",
    "uts": "host",
    "userns_mode": "host",
    "cgroup_parent": "/shop",
    "platform": "linux/arm64",
    "pull_policy": "always",
    "logging": ("json-file", (("max-size", "10m"),)),
    "annotations": {"a": "b"},
    "oom_score_adj": 500,
    "cpus": 0.5,
    "cpuset": "0-1",
    "cpu_shares": 512,
    "memory": 64 << 20,
    "memory_reservation": 32 << 20,
    "memory_swap": 128 << 20,
    "pids": 50,
}
DESCRIBING = {"depends_on": (DependencySpec(container="db"),), "unheeded": (("label_x", HERE),), "places": {}}
TASKS: dict[str, Any] = {
    "project": "blog",
    "name": "shop-db",
    "sandbox": "",
    "image": "debian",
    "hostname": "www",
    "labels": {"tier": "front"},
    "after": (("shop-db", "service_healthy"),),
}


ROOTS = {"podman": ""}  # of engines that others have a root for


def task(engine: str, *, spec: WorkloadSpec | None = None, **other: Any) -> Task:
    given = {
        "project": "shop",
        "name": "shop-web",
        "sandbox": "shop-web",
        "image": "busy",
        "where": HERE,
        "rootfs": ROOTS.get(engine, "/srv/root"),
        **other,
    }
    return Task(engine=engine, spec=spec or WorkloadSpec(command=("sleep", "9")), **given)


def saying(engine: str, name: str, value: object, **other: Any) -> Task:
    """A task of which one field says something, whose key stands at a place of its own."""
    plain = task(engine, **other)
    return replace(plain, spec=replace(plain.spec, **{name: value, "places": {name: place(name)}}))


def place(name: str) -> Where:
    return Where("shop.yaml", 9, 7, f"services.web.{name}")


def all_fields() -> set[str]:
    return {one.name for one in fields(WorkloadSpec)}

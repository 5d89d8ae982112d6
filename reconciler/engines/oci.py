"""oci: a bundle's config.json, by the OCI runtime specification 1.0, for crun and whoever else reads one.

It says nothing that root of a user namespace could not do, unless the task does.  Without a `rootfs` its root
is the folder `rootfs` of the bundle, on which the host's own root is to be bound, all of it read-only.
"""

import json
from collections.abc import Iterator
from typing import Any

from ..cnm.topology import Task
from ..errors import ManifestError
from ..kinds.workload import BUNDLE, LABEL, OWN_ROOT, How, Workload
from ..manifest.workload import MountSpec
from .capabilities import ALL, CAPABILITIES, EVERY_CAPABILITY, capability
from .labels import digest, labels, workload
from .mounts import UNMOUNTED, folders, names_files, source, wrong_mounts
from .oci_defaults import MASKED, MOUNTS, PATH, READ_ONLY, SHM
from .refusals import lacking, refusal, refuse, unheeded, wrong_commands

LACKING = (
    "build",
    "init",
    "tty",
    "stdin_open",
    "devices",
    "platform",
    "pull_policy",
    "logging",
    "userns_mode",
)
PERIOD = 100_000  # microseconds, as Docker's
UNCONFINED = ("seccomp=unconfined", "apparmor=unconfined", "label=disable", "label=type:unconfined_t")
KEPT_DOWN = ("no-new-privileges", "no-new-privileges=true")
FREE = "no-new-privileges=false"
UNMASKED = "systempaths=unconfined"

Json = dict[str, Any]


def lower(task: Task) -> Workload:
    """Raises ManifestError for what a bundle has no words for."""
    refuse(mistakes(task))
    config, own = bundle(task), labels(task)
    stops = {"org.opencontainers.image.stopSignal": task.spec.stop_signal} if task.spec.stop_signal else {}
    notes = {**task.spec.annotations, **stops, **own}
    told = {key: {**part, "env": ()} if key == "process" else part for key, part in config.items()}
    mark = digest(task, (json.dumps({**told, "annotations": notes}, sort_keys=True),))
    config["annotations"] = {**notes, LABEL + "digest": mark}
    return workload(
        task,
        mark,
        How(
            files=((BUNDLE, json.dumps(config, indent=1, sort_keys=True) + "\n"),),
            folders=tuple(folders(task)),
        ),
    )


def bundle(task: Task) -> Json:
    spec = task.spec
    return {
        "ociVersion": "1.0.0",
        "root": {"path": task.rootfs or OWN_ROOT, "readonly": spec.read_only or not task.rootfs},
        "process": process(task),
        "mounts": [*mounts(task)],
        **({} if spec.uts == "host" else {"hostname": task.hostname or task.name}),
        "linux": {
            "namespaces": [*namespaces(task)],
            "resources": resources(task),
            "sysctl": dict(spec.sysctls),
            "maskedPaths": [] if is_bare(task) else MASKED,
            "readonlyPaths": [] if is_bare(task) else READ_ONLY,
            **({"cgroupsPath": f"{spec.cgroup_parent}/{task.name}"} if spec.cgroup_parent else {}),
        },
    }


def is_bare(task: Task) -> bool:
    """Whether the kernel's files are as they are on the host."""
    return task.spec.privileged or UNMASKED in map(equated, task.spec.security_opt)


def equated(text: str) -> str:
    """Docker has had a colon between name and value."""
    return text if "=" in text else text.replace(":", "=", 1)


def process(task: Task) -> Json:
    spec = task.spec
    user, _, group = spec.user.partition(":")
    others = number(group) or spec.group_add
    return {
        "args": [*(spec.entrypoint or ()), *(spec.command or ())],
        "env": [f"{name}={text}" for name, text in sorted({"PATH": PATH, **task.environment}.items())],
        "cwd": spec.working_dir or "/",
        "user": {
            "uid": number(user),
            "gid": number(group),
            # Its own as well: what a file denies a group, it denies nobody who is in none.
            **({"additionalGids": sorted({number(group), *map(number, spec.group_add)})} if others else {}),
        },
        "capabilities": held_capabilities(task, number(user)),
        "rlimits": [
            {"type": f"RLIMIT_{name.upper()}", "soft": unsigned(soft), "hard": unsigned(hard)}
            for name, soft, hard in spec.ulimits
        ],
        "noNewPrivileges": is_kept_down(task),
        **({"oomScoreAdj": spec.oom_score_adj} if spec.oom_score_adj else {}),
    }


def number(text: str) -> int:
    return 0 if text in ("", "root") else int(text)


def unsigned(limit: int) -> int:
    """No limit is RLIM_INFINITY (linux/resource.h)."""
    return limit if limit >= 0 else 2**64 - 1


def is_kept_down(task: Task) -> bool:
    return any(equated(text) in KEPT_DOWN for text in task.spec.security_opt)


def held_capabilities(task: Task, uid: int) -> dict[str, list[str]]:
    """Whoever is not root has those that were added by name from the start, as with podman, and no others."""
    allowed = capabilities(task)
    if uid == 0:
        return dict.fromkeys(("bounding", "effective", "permitted"), allowed)
    named = sorted({capability(name) for name in task.spec.cap_add} & {*allowed})
    return {"bounding": allowed, **dict.fromkeys(("effective", "permitted", "inheritable", "ambient"), named)}


def capabilities(task: Task) -> list[str]:
    """Docker's, with those that are added, without those that are dropped; `ALL` is each of them."""
    spec = task.spec
    added, dropped = ({capability(name) for name in said} for said in (spec.cap_add, spec.cap_drop))
    if spec.privileged or ALL in added:
        return sorted({*EVERY_CAPABILITY} - dropped)
    if ALL in dropped:
        return sorted(added)
    return sorted({*CAPABILITIES, *added} - dropped)


def namespaces(task: Task) -> Iterator[Json]:
    spec = task.spec
    yield from ({"type": kind} for kind in ("mount", "cgroup"))
    for kind, said in (("pid", spec.pid), ("ipc", spec.ipc), ("uts", spec.uts)):
        if said != "host":
            yield {"type": kind}
    if task.sandbox:
        yield {"type": "network", "path": f"/run/netns/{task.sandbox}"}


def mounts(task: Task) -> Iterator[Json]:
    """The kernel's file systems, those that hide what the host's root has, names, and what was asked for."""
    size = task.spec.shm_size or SHM
    taken = {mount.target for mount in task.spec.mounts}
    for target, kind, options in MOUNTS:
        if target not in taken:
            sized = [f"size={size}"] if target == "/dev/shm" else []
            yield {"destination": target, "type": kind, "source": kind, "options": [*options, *sized]}
    for target in () if task.rootfs else ("/tmp", "/run", "/var/tmp"):
        if target not in taken:
            yield {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}
    for file, target in names_files(task):
        yield bound(file, target, ["bind", "ro"])
    for mount in task.spec.mounts:
        yield mounted(mount)


def bound(file: str, target: str, options: list[str]) -> Json:
    return {"destination": target, "type": "bind", "source": file, "options": options}


def mounted(mount: MountSpec) -> Json:
    options = [*(one for one in mount.options if one not in UNMOUNTED), *["ro"] * mount.read_only]
    if mount.kind == "tmpfs":
        plain = ["nosuid", "nodev"]
        return {"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": plain + options}
    return bound(source(mount), mount.target, ["rbind", *options])


def resources(task: Task) -> Json:
    """Limits of the control group; devices are those that each container has."""
    spec = task.spec
    memory = {"limit": spec.memory, "reservation": spec.memory_reservation, "swap": spec.memory_swap}
    quota = {"quota": round(spec.cpus * PERIOD), "period": PERIOD} if spec.cpus else {}
    cpu = {**quota, "shares": spec.cpu_shares, "cpus": spec.cpuset}
    parts: dict[str, Json] = {"memory": memory, "cpu": cpu, "pids": {"limit": spec.pids}}
    said = {name: {key: at for key, at in part.items() if at} for name, part in parts.items()}
    return {
        "devices": [{"allow": spec.privileged, "access": "rwm"}],
        **{name: part for name, part in said.items() if part},
    }


def mistakes(task: Task) -> Iterator[ManifestError]:
    yield from unheeded(task)
    yield from lacking(task, LACKING)
    yield from wrong_commands(task)
    yield from wrong_mounts(task)
    spec = task.spec
    for key, ids in (("user", spec.user.split(":")), ("group_add", [*spec.group_add])):
        for one in ids:
            if one not in ("", "root") and not one.isdecimal():
                words = f"`{one}` is a name, and only numbers are known here"
                yield refusal(task, key, words, "say its number")
    for key, mode in (("pid", spec.pid), ("ipc", spec.ipc)):
        if mode not in ("", "host", "private", "shareable"):
            words = f"`{key}: {mode}` cannot be had with `runtime: oci`"
            yield refusal(task, key, words, "leave it out, or say `host`")
    for text in spec.security_opt:
        if equated(text) not in (*UNCONFINED, UNMASKED, *KEPT_DOWN, FREE):
            yield refusal(task, "security_opt", f"`{text}` cannot be had with `runtime: oci`", "leave it out")

"""systemd: a service that joins the sandbox's network, and a file of its variables that root alone reads."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..cnm.topology import Task
from ..errors import ManifestError
from ..kinds.workload import LABEL, How, Workload, unit, variables
from ..manifest.workload import MountSpec, WorkloadSpec
from ..mistakes import EngineLacks
from .capabilities import ALL, capability
from .labels import digest, labels, workload
from .mounts import UNMOUNTED, folders, names_files, source, wrong_mounts
from .refusals import PLAIN, lacking, refusal, refuse, unheeded, wrong_commands
from .unit_files import is_writable, line, quoted, specifiers, words

LACKING = (
    "build",
    "init",
    "tty",
    "stdin_open",
    "privileged",
    "sysctls",
    "pid",
    "ipc",
    "userns_mode",
    "platform",
    "pull_policy",
    "logging",
    "annotations",
)
RESTARTS = {"always": "always", "unless-stopped": "always", "on-failure": "on-failure"}
SECURITY = {
    "no-new-privileges": "yes",
    "no-new-privileges:true": "yes",
    "no-new-privileges=true": "yes",
    "no-new-privileges:false": "no",
    "no-new-privileges=false": "no",
}
LIMITS = re.compile(
    "as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack"
)
VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)  # systemd passes over others without a word
PREFIXES = "-@:+!|"  # of a program in ExecStart=, and in no quotes of it any less
SHARES = 1024  # Docker's usual weight, which is 100 of systemd's (systemd.resource-control(5))

Lines = Iterable[str]


def lower(task: Task) -> Workload:
    """Raises ManifestError for what a service has no line for."""
    refuse(mistakes(task))
    head, own = [*described(task)], labels(task)
    run = [*service(task)]
    mark = digest(task, (head, run, own))
    notes = [*map(noted, sorted({**own, LABEL + "digest": mark}.items()))]
    file = [line("EnvironmentFile", specifiers(variables(task.name)))] if task.environment else []
    text = "\n".join(["[Unit]", *head, *notes, "", "[Service]", *run, *file, ""])
    values = "".join(f"{name}={assigned(text)}\n" for name, text in sorted(task.environment.items()))
    refuse(unwritable(task, (*head, *run, *notes)))
    return workload(
        task,
        mark,
        How(
            files=((unit(task.name), text),) + ((variables(task.name), values),) * bool(task.environment),
            folders=tuple(folders(task)),
        ),
    )


def noted(label: tuple[str, str]) -> str:
    """Systemd passes over keys that begin so; ours stand as they are, others as JSON."""
    name, text = label
    if name.startswith(LABEL):
        return line(f"X-Reconciler-{name.removeprefix(LABEL).title()}", specifiers(text))
    return line("X-Reconciler-Label", json.dumps([name, text]))


def assigned(text: str) -> str:
    """A value in a file of variables, where these four are quoted between quotation marks."""
    return '"{}"'.format(re.sub(r'([\\"$`])', r"\\\1", text))


def described(task: Task) -> Iterator[str]:
    """The section of the unit; a number of restarts is one of starts, however long they take."""
    yield line("Description", specifiers(f"{task.name} of project {task.project}"))
    word, _, times = task.spec.restart.partition(":")
    if times:
        yield line("StartLimitBurst", str(int(times) + 1))
    if word in RESTARTS:
        yield line("StartLimitIntervalSec", "infinity" if times else "0")


def service(task: Task) -> Iterator[str]:
    """Before the program stands what keeps systemd from replacing `$` in its words."""
    spec = task.spec
    yield line("Type", "exec")
    yield line("ExecStart", ":" + words((*(spec.entrypoint or ()), *(spec.command or ()))))
    if task.sandbox:
        yield line("NetworkNamespacePath", specifiers(f"/run/netns/{task.sandbox}"))
    if task.rootfs:
        yield line("RootDirectory", specifiers(task.rootfs))
        yield line("MountAPIVFS", "yes")
    for file, target in names_files(task):
        yield line("BindReadOnlyPaths", bound(file, target))
    yield line("TimeoutStopSec", f"{max(spec.stop_grace_period, 0.001):g}")  # 0 would be for ever
    for name, lines in LINES.items():
        said = getattr(spec, name)
        if said != getattr(PLAIN, name):
            yield from lines(said)
    if spec.memory_swap:
        both = -1 if spec.memory_swap < 0 else max(spec.memory_swap - spec.memory, 0)
        yield line("MemorySwapMax", unlimited(both))
    yield from capabilities(spec)


def one(key: str) -> Callable[[object], Lines]:
    return lambda said: [line(key, specifiers(str(said)))]


def bound(file: str, target: str) -> str:
    return ":".join(quoted(path).replace(":", "\\:") for path in (file, target))


def mounts(said: Iterable[MountSpec]) -> Iterator[str]:
    """What is mounted can be written to, whatever is around it."""
    for mount in said:
        options = [option for option in mount.options if option not in UNMOUNTED]
        if mount.kind == "tmpfs":
            whole = ",".join([*["ro"] * mount.read_only, *options])
            yield line("TemporaryFileSystem", ":".join(filter(None, (quoted(mount.target), whole))))
        else:
            key = "BindReadOnlyPaths" if mount.read_only else "BindPaths"
            yield line(key, bound(source(mount), mount.target))
        if not mount.read_only:
            yield line("ReadWritePaths", f"+{quoted(mount.target)}")


def restart(said: str) -> Iterator[str]:
    """After a second, since its tries are not ever later, as Docker's."""
    yield line("Restart", RESTARTS[said.partition(":")[0]])
    yield line("RestartSec", "1")


def user(said: str) -> Iterator[str]:
    name, _, group = said.partition(":")
    yield from [line("User", specifiers(name))] if name else ()
    yield from [line("Group", specifiers(group))] if group else ()


def capabilities(spec: WorkloadSpec) -> Iterator[str]:
    """Without a word a service of root may do what root may."""
    added, dropped = ([capability(name) for name in said] for said in (spec.cap_add, spec.cap_drop))
    if ALL in added:
        added = []
    elif ALL in dropped:
        yield line("CapabilityBoundingSet", " ".join(added))
    elif dropped:
        yield line("CapabilityBoundingSet", f"~{' '.join(dropped)}")
    if added:
        yield line("AmbientCapabilities", " ".join(added))


def limits(said: Iterable[tuple[str, int, int]]) -> Iterator[str]:
    for name, *both in said:
        values = ("infinity" if limit < 0 else str(limit) for limit in both)
        yield line(f"Limit{name.upper()}", ":".join(values))


def devices(said: Iterable[str]) -> Iterator[str]:
    """HOST[:CONTAINER[:rwm]]: each may be used, and stands under another name too."""
    for text in said:
        host, *rest = text.split(":")
        yield line("DeviceAllow", f"{quoted(host)} {rest[1] if len(rest) > 1 else 'rwm'}")
        if rest and rest[0] != host:
            yield line("BindPaths", bound(host, rest[0]))


def unlimited(said: int) -> str:
    return "infinity" if said < 0 else str(said)


LINES: Mapping[str, Callable[[Any], Lines]] = {
    "mounts": mounts,
    "restart": restart,
    "working_dir": one("WorkingDirectory"),
    "user": user,
    "group_add": lambda said: [line("SupplementaryGroups", words(said))],
    # From the service's own root, if it has one; what is the kernel's stays as it is, as with Docker.
    "read_only": lambda _: [line("ReadOnlyPaths", "+/"), line("ReadWritePaths", "+/dev +/proc")],
    "security_opt": lambda said: [line("NoNewPrivileges", SECURITY[text]) for text in said],
    "devices": devices,
    "ulimits": limits,
    "shm_size": lambda said: [line("TemporaryFileSystem", f"/dev/shm:size={said},mode=1777")],
    "stop_signal": one("KillSignal"),
    "cgroup_parent": one("Slice"),
    "oom_score_adj": one("OOMScoreAdjust"),
    "cpus": lambda said: [line("CPUQuota", f"{said * 100:g}%")],
    "cpuset": one("AllowedCPUs"),
    "cpu_shares": lambda said: [line("CPUWeight", str(min(max(said * 100 // SHARES, 1), 10000)))],
    "memory": one("MemoryMax"),
    "memory_reservation": one("MemoryLow"),
    "pids": lambda said: [line("TasksMax", unlimited(said))],
}


def mistakes(task: Task) -> Iterator[ManifestError]:
    yield from unheeded(task)
    yield from lacking(task, LACKING)
    yield from wrong_commands(task)
    yield from wrong_mounts(task)
    spec = task.spec
    program = [*(spec.entrypoint or ()), *(spec.command or ()), ""][0]
    if program.startswith(tuple(PREFIXES)):
        yield refusal(task, "command", f"systemd takes the `{program[0]}` before `{program[1:]}` for its own")
    if task.hostname and spec.uts != "host":
        words = "a service of systemd has the host's name, and no `hostname` of its own"
        yield refusal(task, "hostname", words, "leave it out")
    for name in task.environment:
        if not VARIABLE.fullmatch(name):
            yield refusal(task, "environment", f"systemd knows no variable of the name `{name}`")
    for text in spec.security_opt:
        if text not in SECURITY:
            yield refusal(
                task, "security_opt", f"`{text}` cannot be had with `runtime: systemd`", "leave it out"
            )
    for name, *_ in spec.ulimits:
        if not LIMITS.fullmatch(name):
            yield refusal(task, "ulimits", f"systemd has no limit `{name}`")
    if spec.cgroup_parent and not spec.cgroup_parent.endswith(".slice"):
        words = f"`cgroup_parent: {spec.cgroup_parent}` is no slice of systemd"
        yield refusal(task, "cgroup_parent", words, "its name ends in .slice")


def unwritable(task: Task, lines: Iterable[str]) -> Iterator[ManifestError]:
    """What would begin a line of its own, or take the next one along."""
    for text in lines:
        if not is_writable(text):
            key = text.partition("=")[0]
            yield EngineLacks(f"{key}= cannot be told of what was written: {text!r}", where=task.where)

"""podman: the words behind `podman run`, each field of a WorkloadSpec its own options."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil
from typing import Any

from ..cnm.topology import Task
from ..errors import NOWHERE, ManifestError
from ..kinds.workload import LABEL, How, Workload
from ..manifest.workload import BuildSpec, HealthSpec, MountSpec
from ..mistakes import EngineLacks
from .labels import digest, labels, workload
from .mounts import names_files
from .refusals import PLAIN, refusal, refuse, unheeded

Words = Iterable[str]

# Variables that podman, its libraries and Go heed themselves: not for its own environment.
PODMANS = re.compile(
    r"PATH|HOME|TMPDIR|XDG_\w+|LD_\w+|GO[A-Z]+|LISTEN_\w+|NOTIFY_SOCKET|DOCKER_CONFIG|REGISTRY_AUTH_FILE"
    r"|STORAGE_(DRIVER|OPTS)|CONTAINERS_[A-Z_]+|CONTAINER_(HOST|CONNECTION|SSHKEY)"
    r"|.*\*"  # a name that stands for all of podman's that begin so
)
# Docker's names for what podman logs to; options that it has not are about files that it does not make.
LOGS = {
    "": "",
    "local": "k8s-file",
    "json-file": "k8s-file",
    **{n: n for n in ("k8s-file", "journald", "none")},
}
LOG_OPTIONS = ("max-size", "path", "tag")
PULLS = {"if_not_present": "missing", "build": "never", **{n: n for n in ("always", "missing", "never")}}
SECURITY = ("apparmor", "label", "mask", "no-new-privileges", "proc-opts", "seccomp", "unmask")


def lower(task: Task) -> Workload:
    """Raises ManifestError for what podman has no way for."""
    refuse(mistakes(task))
    spec = task.spec
    before = ("--detach", *own_options(task))
    behind = (*entrypoint(task), task.image, *(spec.command or ()))
    build = tuple(building(task, spec.build)) if spec.build else ()
    text = spec.build.inline if spec.build else ""
    own = labels(task)
    mark = digest(task, (before, own, behind, build, text))
    return workload(
        task,
        mark,
        How(
            words=(*before, *variables(task), *pairs("--label")({**own, LABEL + "digest": mark}), *behind),
            environment={name: text for name, text in task.environment.items() if not is_podmans(name)},
            build=build,
            containerfile=text,
            folders=tuple(mount.source for mount in spec.mounts if mount.kind == "bind" and mount.make),
        ),
    )


def own_options(task: Task) -> Iterator[str]:
    """All but what is of its variables, and of ours; proxies of whoever calls podman are his."""
    yield from ("--name", task.name, "--http-proxy=false")
    yield from network(task)
    yield from options(task)


def network(task: Task) -> Iterator[str]:
    """The sandbox and what it is told of names, unless it says otherwise; or the host with podman's own."""
    yield from ("--network", f"ns:/run/netns/{task.sandbox}" if task.sandbox else "host")
    if task.hostname and task.spec.uts != "host":
        yield from ("--hostname", task.hostname)
    if task.sandbox:
        yield "--no-hosts"
        for file, target in names_files(task):
            yield from ("--volume", f"{file}:{target}:ro")


def variables(task: Task) -> Iterator[str]:
    """Values come from podman's own environment, but for those that would change podman itself."""
    for name, text in sorted(task.environment.items()):
        yield from ("--env", f"{name}={text}" if is_podmans(name) else name)


def is_podmans(name: str) -> bool:
    return PODMANS.fullmatch(name) is not None


def options(task: Task) -> Iterator[str]:
    for name, words in OPTIONS.items():
        said = getattr(task.spec, name)
        if said != getattr(PLAIN, name):
            yield from words(said)


def flag(*words: str) -> Callable[[bool], Words]:
    return lambda _: words


def one(option: str, unit: str = "") -> Callable[[object], Words]:
    return lambda said: (option, f"{said}{unit}")


def each(option: str) -> Callable[[Iterable[str]], Words]:
    return lambda said: (word for text in said for word in (option, text))


def pairs(option: str) -> Callable[[Any], Words]:
    """Of a mapping, or of what is one in pairs."""
    return lambda said: each(option)(f"{name}={text}" for name, text in sorted(dict(said).items()))


def listed_pairs(option: str) -> Callable[[Any], Words]:
    """The same for an option that takes a line of CSV."""
    return lambda said: each(option)(csv(f"{name}={text}") for name, text in sorted(dict(said).items()))


def csv(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""')) if re.search(r'[",\n]', text) else text


def volume(mount: MountSpec) -> Words:
    """One that has no name is made for this container, and goes with it."""
    told = ("ro",) * mount.read_only + mount.options
    if mount.kind == "tmpfs":
        return ("--tmpfs", ":".join(filter(None, (mount.target, ",".join(told)))))
    if mount.source:
        return ("--volume", ":".join(filter(None, (mount.source, mount.target, ",".join(told)))))
    return ("--mount", ",".join(("type=volume", f"dst={mount.target}", *told)))


def health(said: HealthSpec) -> Iterator[str]:
    """Podman's timers are systemd's: where that is not PID 1 it complains, and runs the container all the
    same.  It takes a list of one word for a line of a shell."""
    if not said.test:
        yield "--no-healthcheck"
        return
    test = said.test if len(said.test) > 1 else [shlex.quote(said.test[0])]
    yield from ("--health-cmd", json.dumps(test), "--health-interval", f"{said.interval:g}s")
    yield from ("--health-timeout", f"{said.timeout:g}s", "--health-retries", str(said.retries))
    yield from ("--health-start-period", f"{said.start_period:g}s")


def security(said: Iterable[str]) -> Words:
    return each("--security-opt")("unmask=ALL" if is_unmasked(text) else equated(text) for text in said)


def equated(text: str) -> str:
    """Docker has had a colon between name and value."""
    return text if "=" in text else text.replace(":", "=", 1)


def is_unmasked(text: str) -> bool:
    """As Docker calls it."""
    return equated(text) == "systempaths=unconfined"


def logging(said: tuple[str, tuple[tuple[str, str], ...]]) -> Iterator[str]:
    driver = LOGS[said[0]]
    yield from ("--log-driver", driver) if driver else ()
    yield from pairs("--log-opt")(heeded(said[1]))


def heeded(settings: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: text for name, text in settings if name in LOG_OPTIONS}


def limit(said: tuple[str, int, int]) -> str:
    name, soft, hard = said
    return f"{name}={soft}:{hard}"


OPTIONS: Mapping[str, Callable[[Any], Words]] = {
    "mounts": lambda said: (word for mount in said for word in volume(mount)),
    "health": health,
    "restart": one("--restart"),
    "working_dir": one("--workdir"),
    "user": one("--user"),
    "group_add": each("--group-add"),
    # Podman would keep /tmp, /run and /var/tmp writable, which Docker does not.
    "read_only": flag("--read-only", "--read-only-tmpfs=false"),
    "init": flag("--init"),
    "tty": flag("--tty"),
    "stdin_open": flag("--interactive"),
    "privileged": flag("--privileged"),
    "cap_add": each("--cap-add"),
    "cap_drop": each("--cap-drop"),
    "security_opt": security,
    "devices": each("--device"),
    "ulimits": lambda said: each("--ulimit")(map(limit, said)),
    "sysctls": listed_pairs("--sysctl"),
    "shm_size": one("--shm-size", "b"),
    "stop_signal": one("--stop-signal"),
    "stop_grace_period": lambda said: ("--stop-timeout", str(ceil(said))),
    "pid": one("--pid"),
    "ipc": one("--ipc"),
    "uts": one("--uts"),
    "userns_mode": one("--userns"),
    "cgroup_parent": one("--cgroup-parent"),
    "platform": one("--platform"),
    "pull_policy": lambda said: ("--pull", PULLS[said]),
    "logging": logging,
    "annotations": pairs("--annotation"),
    "oom_score_adj": one("--oom-score-adj"),
    "cpus": lambda said: ("--cpus", f"{said:g}"),
    "cpuset": one("--cpuset-cpus"),
    "cpu_shares": one("--cpu-shares"),
    "memory": one("--memory", "b"),
    "memory_reservation": one("--memory-reservation", "b"),
    "memory_swap": lambda said: ("--memory-swap", "-1" if said < 0 else f"{said}b"),
    "pids": one("--pids-limit"),
}


def entrypoint(task: Task) -> Words:
    """As JSON; a blank one takes the image's away."""
    said = task.spec.entrypoint
    return () if said is None else ("--entrypoint", json.dumps(said) if said else "")


def building(task: Task, said: BuildSpec) -> Iterator[str]:
    """The words behind `podman build`; a text instead of a file is its standard input."""
    yield from ("--tag", task.image)
    file = "-" if said.inline else said.dockerfile
    if file:
        # Podman would seek a path that is not from the root where it was called first.
        inside = said.context.startswith("/") and file[0] not in "-/"
        yield from ("--file", f"{said.context}/{file}" if inside else file)
    yield from pairs("--build-arg")(said.arguments)
    yield from pairs("--label")(said.labels)
    yield from ("--target", said.target) if said.target else ()
    yield from ("--platform", task.spec.platform) if task.spec.platform else ()
    yield said.context


def mistakes(task: Task) -> Iterator[ManifestError]:
    yield from unheeded(task)
    spec = task.spec
    if task.rootfs:
        yield refusal(
            task, "rootfs", "`rootfs` cannot be had with `runtime: podman`", "say `image`, or `oci`"
        )
    if spec.command == () and spec.entrypoint is None:
        words = "podman has no way to take an image's command away"
        yield refusal(task, "command", words, "say `entrypoint` too, or leave `command` out")
    if spec.logging[0] not in LOGS:
        yield refusal(
            task, "logging", f"podman does not log to `{spec.logging[0]}`", f"it does to {known(LOGS)}"
        )
    if spec.pull_policy not in PULLS:
        words = f"podman does not know `pull_policy: {spec.pull_policy}`"
        yield refusal(task, "pull_policy", words, f"there are {known(PULLS)}")
    for text in spec.security_opt:
        if not is_unmasked(text) and equated(text).partition("=")[0] not in SECURITY:
            words = f"podman has no security option `{text}`"
            yield refusal(task, "security_opt", words, f"there are {known(SECURITY)}")
    yield from misread(task)
    for mount in spec.mounts:
        told = mount.source + mount.target if mount.source else mount.target
        if ":" in told or not mount.source and "," in told:
            words = f"podman takes no path with a `:` or `,`: {mount.source or mount.target}"
            yield EngineLacks(
                words, "name it otherwise", where=task.where if mount.where == NOWHERE else mount.where
            )


def misread(task: Task) -> Iterator[ManifestError]:
    """What podman 4 takes for a line of CSV, and podman 5 as it is."""
    for key, said in (("annotations", task.spec.annotations), ("logging", heeded(task.spec.logging[1]))):
        for name, text in sorted(said.items()):
            if csv(name + text) != name + text:
                words = f"podman's versions differ on what `,` and `\"` mean in `{name}: {text}`"
                yield refusal(task, key, words, "leave them out")


def known(words: Iterable[str]) -> str:
    return ", ".join(sorted(filter(None, words)))

"""The same tasks as text for somebody else: command lines of podman, and units of quadlet (podman 5)."""

import shlex
from collections.abc import Iterable, Iterator

from ..cnm.topology import Task
from . import podman
from .unit_files import dollars, line, quoted, specifiers, words

# Options of `podman run` that have a key of their own (podman-systemd.unit(5)), each with a value.
KEYS = {
    "--annotation": "Annotation",
    "--cap-add": "AddCapability",
    "--cap-drop": "DropCapability",
    "--device": "AddDevice",
    "--group-add": "GroupAdd",
    "--health-cmd": "HealthCmd",
    "--health-interval": "HealthInterval",
    "--health-retries": "HealthRetries",
    "--health-start-period": "HealthStartPeriod",
    "--health-timeout": "HealthTimeout",
    "--hostname": "HostName",
    "--log-driver": "LogDriver",
    "--mount": "Mount",
    "--name": "ContainerName",
    "--network": "Network",
    "--pids-limit": "PidsLimit",
    "--pull": "Pull",
    "--shm-size": "ShmSize",
    "--stop-signal": "StopSignal",
    "--stop-timeout": "StopTimeout",
    "--sysctl": "Sysctl",
    "--tmpfs": "Tmpfs",
    "--ulimit": "Ulimit",
    "--userns": "UserNS",
    "--volume": "Volume",
    "--workdir": "WorkingDir",
}
LISTS = ("Annotation", "Sysctl")  # keys that are several words
FLAGS = {
    "--init": "RunInit=true",
    "--read-only": "ReadOnly=true",
    "--read-only-tmpfs=false": "ReadOnlyTmpfs=false",
}
ALONE = (  # options without a value
    "--http-proxy=false",
    "--no-hosts",
    "--tty",
    "--interactive",
    "--privileged",
    "--no-healthcheck",
)
RESTARTS = {"unless-stopped": "always"}  # of systemd's by Docker's


def command_lines(tasks: Iterable[Task]) -> Iterator[str]:
    """`podman run` for each; values of variables are to be in its environment."""
    for how in (podman.lower(task).how for task in tasks if task.engine == "podman"):
        if how and how.build:
            text = f" <<'END'\n{how.containerfile}\nEND" if how.containerfile else ""
            yield f"{shlex.join(['podman', 'build', *how.build])}{text}"
        if how:
            yield shlex.join(["podman", "run", *how.words])


def quadlets(tasks: Iterable[Task]) -> Iterator[str]:
    """Each file with its name in a comment before it."""
    for task in tasks:
        if task.engine == "podman":
            name, text = quadlet(task)
            yield f"# /etc/containers/systemd/{name}\n{text}"


def quadlet(task: Task) -> tuple[str, str]:
    """(file name, text) of a unit; its variables' values are to be in the file that it names."""
    restart = task.spec.restart.partition(":")[0]
    unit = [
        "[Unit]",
        line("Description", specifiers(f"{task.name} of project {task.project}")),
        "",
        "[Container]",
        line("Image", specifiers(task.image)),
        *container(task),
        "",
        "[Service]",
        line("Restart", RESTARTS.get(restart, restart)),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return f"{task.name}.container", "\n".join(unit)


def container(task: Task) -> Iterator[str]:
    """The lines of a container."""
    if task.environment:
        yield line("EnvironmentFile", specifiers(f"/etc/containers/systemd/{task.name}.env"))
    for name, text in sorted(task.labels.items()):
        yield line("Label", quoted(f"{name}={text}"))
    yield from translated(iter((*podman.own_options(task), *podman.entrypoint(task))))
    if task.spec.command:
        yield line("Exec", dollars(words(task.spec.command)))


def translated(options: Iterator[str]) -> Iterator[str]:
    for option in options:
        if option in FLAGS:
            yield FLAGS[option]
        elif option in ALONE:
            yield line("PodmanArgs", option)
        elif option == "--restart":
            next(options)
        elif key := KEYS.get(option):
            said = next(options)
            yield line(key, quoted(said) if key in LISTS else specifiers(said))
        else:
            yield line("PodmanArgs", dollars(words((option, next(options)))))

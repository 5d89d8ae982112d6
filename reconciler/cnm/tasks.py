"""What runs: a task for each container that an engine runs here, in its own sandbox, another's, or none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..errors import ManifestError
from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec, Manifest, ProjectSpec
from ..manifest.workload import WorkloadSpec
from . import names
from .placement import homes_of
from .topology import Task

JOINED = ("service:", "container:")  # before the name of whom a namespace is shared with


def tasks(manifest: Manifest, facts: Facts) -> Iterator[Task]:
    """Raises ManifestError where containers wait for one another in a circle."""
    for project in manifest.projects:
        here = {spec.name: [*titles(project, spec, facts)] for spec in project.containers}
        refuse_circles(project)
        for spec in project.containers:
            if run := spec.workload:
                refuse_absent(spec, run, facts)
                yield from (task(project, spec, run, name, here) for name in here[spec.name])


def refuse_absent(spec: ContainerSpec, run: WorkloadSpec, facts: Facts) -> None:
    if hint := facts.missing.get(spec.runtime):
        raise ManifestError(f"no {spec.runtime} is on this host", hint, run.at("runtime", spec.where))


def titles(project: ProjectSpec, spec: ContainerSpec, facts: Facts) -> Iterator[str]:
    """The names of a container's replicas on this host."""
    for number, home in homes_of(spec, project.hosts):
        if facts.name in ("", home) or not home:
            key = f"{spec.name}-{number}" if spec.is_service else spec.name
            yield spec.container_name or names.sandbox(project.name, key)


def task(
    project: ProjectSpec, spec: ContainerSpec, run: WorkloadSpec, name: str, here: Mapping[str, list[str]]
) -> Task:
    return Task(
        project=project.name,
        name=name,
        engine=spec.runtime,
        sandbox=sandbox(spec, name, here),
        image=spec.image,
        spec=replace(run, pid=shared(run.pid, here), ipc=shared(run.ipc, here)),
        environment=spec.environment,
        hostname=spec.hostname,
        labels=spec.labels,
        rootfs=spec.rootfs,
        after=tuple(waits_for(run, here)),
        where=spec.where,
    )


def sandbox(spec: ContainerSpec, name: str, here: Mapping[str, list[str]]) -> str:
    """Whose network it has; "" is the host's."""
    mode = spec.network_mode
    if mode == "host":
        return ""
    return shared(mode, here).partition(":")[2] if mode.startswith(JOINED) else name


def shared(mode: str, here: Mapping[str, list[str]]) -> str:
    """`service:X` as the name of X's first replica here, as engines know it."""
    kind, _, other = mode.partition(":")
    return f"container:{next(iter(here.get(other, ())), other)}" if kind == "service" else mode


def waits_for(run: WorkloadSpec, here: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for one in run.depends_on:
        for name in here.get(one.container, ()):
            yield name, one.condition


def refuse_circles(project: ProjectSpec) -> None:
    waiting = {
        spec.name: {one.container for one in spec.workload.depends_on}
        for spec in project.containers
        if spec.workload
    }
    while free := {name for name, others in waiting.items() if waiting.keys().isdisjoint(others)}:
        waiting = {name: others for name, others in waiting.items() if name not in free}
    if waiting:
        first = next(spec for spec in project.containers if spec.name in waiting)
        raise ManifestError(f"{circle(waiting)} wait for one another", "remove one `depends_on`", first.where)


def circle(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))

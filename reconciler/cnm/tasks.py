"""What runs: a task for each container that an engine runs here, in its own sandbox, another's, or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..errors import Finding, ManifestError
from ..inventory.facts import Facts
from ..manifest.network_mode import is_borrowed
from ..manifest.spec import ContainerSpec, Manifest, ProjectSpec
from ..manifest.workload import WorkloadSpec
from ..mistakes import Contradiction, EngineLacks
from .hosts import is_here, replicas
from .topology import Task


def tasks(manifest: Manifest, facts: Facts, found: list[Finding]) -> Iterator[Task]:
    """Of those whose engine is on this host; `found` takes what cannot be as it is written, or not here."""
    for project in manifest.projects:
        here = {spec.name: names_here(project, spec, facts) for spec in project.containers}
        found += circles(project)
        for spec in project.containers:
            if (run := spec.workload) and not (lack := [*absent(spec, run, here[spec.name], facts)]):
                yield from (task(project, spec, run, name, here) for name in here[spec.name])
            elif run:
                found += lack


def names_here(project: ProjectSpec, spec: ContainerSpec, facts: Facts) -> list[str]:
    """Of a container's replicas on this host."""
    return [one.name for one in replicas(project, spec) if is_here(one.host, facts)]


def absent(spec: ContainerSpec, run: WorkloadSpec, here: Sequence[str], facts: Facts) -> Iterator[Finding]:
    """That its engine is not on this host: a mistake, but told where its sandbox stands, which heals on."""
    hint = facts.missing.get(spec.runtime) if here else ""
    if not hint:
        return
    words, where = f"no {spec.runtime} is on this host", run.at("runtime", spec.where)
    stands = {ns for ns, _ in facts.leases}
    if stands.isdisjoint(here):
        yield EngineLacks(words, hint, where)
    else:
        yield f"{where}: {words}, which is to run {', '.join(here)}: {hint}"


def task(
    project: ProjectSpec, spec: ContainerSpec, run: WorkloadSpec, name: str, here: Mapping[str, list[str]]
) -> Task:
    return Task(
        project=project.name,
        name=name,
        engine=spec.runtime,
        sandbox=sandbox(project, spec, name, here),
        image=spec.image,
        spec=replace(run, pid=shared(run.pid, here), ipc=shared(run.ipc, here)),
        environment=spec.environment,
        hostname=spec.hostname,
        labels=spec.labels,
        rootfs=spec.rootfs,
        after=tuple(waits_for(run, here)),
        where=spec.where,
    )


def sandbox(project: ProjectSpec, spec: ContainerSpec, name: str, here: Mapping[str, list[str]]) -> str:
    """Whose network it has, be it one that its lender has of somebody else; "" is the host's."""
    mode = spec.network_mode
    if not is_borrowed(mode):
        return name
    if mode == "host":
        return ""
    lender = next((one for one in project.containers if mode == f"service:{one.name}"), None)
    if lender and is_borrowed(lender.network_mode):
        return sandbox(project, lender, name, here)
    return shared(mode, here).partition(":")[2]


def shared(mode: str, here: Mapping[str, list[str]]) -> str:
    """`service:X` as the name of X's first replica here, as engines know it."""
    kind, _, other = mode.partition(":")
    return f"container:{next(iter(here.get(other, ())), other)}" if kind == "service" else mode


def waits_for(run: WorkloadSpec, here: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for one in run.depends_on:
        for name in here.get(one.container, ()):
            yield name, one.condition


def circles(project: ProjectSpec) -> Iterator[ManifestError]:
    """That containers wait for one another."""
    runs = {spec.name: spec.workload for spec in project.containers if spec.workload}
    waiting = {name: {one.container for one in run.depends_on} for name, run in runs.items()}
    while free := {name for name, others in waiting.items() if waiting.keys().isdisjoint(others)}:
        waiting = {name: others for name, others in waiting.items() if name not in free}
    if waiting:
        first = next(spec for spec in project.containers if spec.name in waiting)
        words = f"{' and '.join(sorted(waiting))} wait for one another"
        yield Contradiction(words, "remove one `depends_on`", first.where)

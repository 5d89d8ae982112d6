"""Which host this one is, and which of them each container stands on."""

from collections.abc import Iterator, Sequence

from ..errors import ManifestError
from ..facts import Facts
from ..manifest.spec import ContainerSpec, HostSpec, ProjectSpec
from . import names
from .endpoint import Member


def this_host(project: ProjectSpec, facts: Facts) -> HostSpec | None:
    """The entry of `hosts:` that this machine is; None in a project of one host.

    Without facts (`--validate`) the first stands for all.
    """
    if not project.hosts:
        return None
    host = next((host for host in project.hosts if host.name == facts.name), None)
    if not facts.name:
        return project.hosts[0]
    if host is None:
        known = ", ".join(host.name for host in project.hosts)
        raise ManifestError(
            f"project {project.name} knows no host {facts.name}",
            f"--host NAME, one of: {known}",
            project.where,
        )
    if host.address and facts.addresses and host.address not in facts.addresses:
        raise ManifestError(
            f"host {host.name} has the address {host.address}, and this machine has not",
            "run it on that machine, or say which one this is: --host NAME",
            host.where,
        )
    return host


def members_of(project: ProjectSpec) -> Iterator[Member]:
    """One for each container and each replica that has a namespace of its own, on whichever host."""
    for spec in project.containers:
        if spec.network_mode == "host" or spec.network_mode.startswith(("service:", "container:")):
            continue
        homes = placement(spec, project.hosts)
        if spec.is_service and not spec.container_name:
            for index in range(spec.replicas):
                name = names.sandbox(project.name, f"{spec.name}-{index + 1}")
                yield Member(name, spec, project, homes[index % len(homes)])
        else:
            name = spec.container_name or names.sandbox(project.name, spec.name)
            yield Member(name, spec, project, homes[0])


def placement(spec: ContainerSpec, hosts: Sequence[HostSpec]) -> list[str]:
    """The hosts that take replicas in turn; "" is every host, where a container says nothing."""
    if spec.host and hosts and spec.host not in {host.name for host in hosts}:
        known = ", ".join(host.name for host in hosts)
        raise ManifestError(f"no host {spec.host} in `hosts:`", f"there are: {known}", spec.where)
    if spec.host or not hosts or not spec.is_service:
        return [spec.host]
    return [host.name for host in hosts]


def is_local(member: Member, facts: Facts) -> bool:
    return not member.host or not facts.name or member.host == facts.name

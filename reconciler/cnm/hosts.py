"""Which host this one is, and which of them each container stands on."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ..inventory.facts import Facts
from ..kinds import names
from ..manifest.network_mode import is_borrowed
from ..manifest.spec import ContainerSpec, HostSpec, NetworkSpec, ProjectSpec
from ..mistakes import NoPlace, NoValue
from .endpoint import SandboxSpec
from .placement import admits, homes_of

PLACEHOLDER = re.compile(r"\{host\.([\w-]+)\}")


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
        hint = f"--host NAME, one of: {known}"
        raise NoPlace(f"project {project.name} knows no host {facts.name}", hint, project.where)
    for address in filter(None, (host.address, host.address6)):
        if facts.addresses and address not in facts.addresses:
            message = f"host {host.name} has the address {address}, and this machine has not"
            hint = "run it on that machine, or say which one this is: --host NAME"
            raise NoPlace(message, hint, host.where)
    return host


def underlay_mtu(address: str, facts: Facts) -> int:
    """Of the link that has the address by which the other hosts reach this one."""
    link = facts.links.get(facts.addresses.get(address, ""))
    return link.mtu if link else facts.mtu


def sandboxes_of(project: ProjectSpec) -> Iterator[SandboxSpec]:
    """One for each container and each replica that has a namespace of its own, on whichever host."""
    for spec in project.containers:
        if not is_borrowed(spec.network_mode):
            yield from replicas(project, spec)


def replicas(project: ProjectSpec, spec: ContainerSpec) -> Iterator[SandboxSpec]:
    hosts = {host.name: host for host in project.hosts}
    for number, home in homes_of(spec, project.hosts):
        own = names.sandbox(project.name, spec.name)
        known = names.replica(project.name, spec.name, number) if spec.is_service else own
        weight = weight_of(number, spec, hosts.get(home))
        yield SandboxSpec(spec.container_name or known, spec, project, home, weight)


def weight_of(number: int, spec: ContainerSpec, host: HostSpec | None) -> int:
    """Of one replica, beside the others."""
    by_host = (weight for constraint, weight in spec.host_weights if host and admits(constraint, host))
    return spec.weights.get(str(number), next(by_host, 1))


def is_here(home: str, facts: Facts) -> bool:
    """Whether what stands on this host of `hosts:` stands on the one that the facts are of."""
    return facts.name in ("", home) or not home


def with_host_values(spec: NetworkSpec, host: HostSpec | None) -> NetworkSpec:
    """The network with `{host.NAME}` in its driver's options replaced by this host's values."""
    if not any("{host." in text for text in spec.options.values()):
        return spec
    values = {"name": host.name, "address": host.address, **host.vars} if host else {}

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = ", ".join(sorted(values)) or "none, as there are no `hosts:`"
            raise NoValue(f"this host has no value {found[1]}", f"there are: {known}", spec.where)
        return values[found[1]]

    return replace(spec, options={k: PLACEHOLDER.sub(value, text) for k, text in spec.options.items()})

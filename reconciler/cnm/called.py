"""What addresses are called on a network."""

from collections.abc import Iterable, Iterator
from sys import intern
from typing import NamedTuple

from ..kinds import names
from ..kinds.ownership import TASKS
from ..manifest.spec import LABEL, EndpointSpec
from .endpoint import SandboxSpec
from .topology import Network
from .vips import has_vip, service_key

NAME = 253  # octets at most (RFC 1035, 2.3.4)


class Line(NamedTuple):
    """What one or two addresses are called; `holder` is who is given them."""

    holder: str
    called: tuple[str, ...]
    wildcards: tuple[str, ...] = ()


def lines_of(network: Network, one: SandboxSpec, end: EndpointSpec, *, rests: bool = False) -> Iterator[Line]:
    """Its own, and where all replicas of a service have one address that is told by the service's names,
    that one's: alike for each of them.  By what all are called nobody finds who `rests`."""
    shared = (*of_service(network.name, one), *map(str.lower, end.aliases))
    wild = tuple(name[2:].lower() for name in end.aliases if name.startswith("*."))
    own, tasks = tuple(of_container(network.name, one)), () if rests else tuple(of_tasks(one))
    if has_vip(network, one.spec):
        yield Line(one.name, askable((*own, *tasks)))
        yield Line(service_key(one), askable(shared), wild)
    else:
        yield Line(one.name, askable(own if rests else (*own, *tasks, *shared)), () if rests else wild)


def askable(called: Iterable[str]) -> tuple[str, ...]:
    """All that can be asked for as it is written; many replicas and networks have the same."""
    return tuple(intern(name) for name in dict.fromkeys(called) if is_name(name))


def of_container(network: str, one: SandboxSpec) -> Iterator[str]:
    """The first is what its address is called, as Docker has it: CONTAINER.NETWORK."""
    spec = one.spec
    hostnames = (spec.hostname, spec.hostname.partition(".")[0])  # Docker knows the first
    known = (one.name, spec.container_name, *hostnames, names.short_id(one.name))
    short = [name.lower() for name in dict.fromkeys(known) if name]
    yield from (f"{short[0]}.{network.lower()}", *short)


def of_service(network: str, one: SandboxSpec) -> Iterator[str]:
    """Of a container that is no service as well."""
    name, project = one.spec.name.lower(), one.project.name
    yield from (f"{name}.{network.lower()}", name, f"{name}.{project}".lower(), f"{name}.{domain(project)}")


def of_tasks(one: SandboxSpec) -> Iterator[str]:
    """Of all that there are of a service, as Swarm has it."""
    if one.spec.is_service:
        yield f"{TASKS}{one.spec.name}".lower()


def domain(project: str) -> str:
    """What nobody else is asked about; `internal` is for such uses (ICANN, 2024)."""
    return f"{project}.internal".lower()


def is_name(name: str) -> bool:
    """Whether a question can hold it; `*.web` is asked by other words."""
    return len(name) <= NAME and all(0 < len(label) <= LABEL for label in name.split(".")) and "*" not in name

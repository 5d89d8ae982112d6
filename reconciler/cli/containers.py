"""What runs in the sandboxes, as --status tells it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..core.resource import State
from ..core.subject import as_counted
from ..daemon.metrics import published_ports
from ..kernel import netns
from ..kernel.observe.listening import listeners
from ..kinds.address import Address
from ..kinds.nft import Element
from ..kinds.published import Flow
from ..kinds.workload import RUNNING, Workload


class ContainerStatus(NamedTuple):
    """A container, and its published ports that nothing listens on, as 80/tcp."""

    workload: Workload
    unheard: tuple[str, ...]

    @property
    def row(self) -> dict[str, object]:
        names = ("name", "project", "engine", "image", "state", "health")
        return {name: getattr(self.workload, name) for name in names} | {"not_listened_on": [*self.unheard]}


def statuses(live: State) -> list[ContainerStatus]:
    """Of all that engines have of ours."""
    found = sorted((r for r in live.values() if isinstance(r, Workload)), key=lambda r: r.name)
    targets = published_ports(r for r in live.values() if isinstance(r, Element)) if found else {}
    homes: dict[str, set[tuple[str, int]]] = {}
    for r in live.values() if targets else ():
        if isinstance(r, Address):
            ports = {(protocol, int(port)) for protocol, port in ports_of(r.ip, targets)}
            homes.setdefault(r.ns, set()).update(ports)
    return [ContainerStatus(one, tuple(unheard(one, homes.get(one.sandbox, set())))) for one in found]


def ports_of(
    ip: str, targets: Mapping[tuple[str, str], Collection[tuple[Flow, str]]]
) -> Iterator[tuple[str, str]]:
    for (protocol, of), ways in targets.items():
        yield from ((protocol, port) for _, port in ways if of == ip and port)


def unheard(one: Workload, ports: set[tuple[str, int]]) -> Iterator[str]:
    if not ports or one.state != RUNNING or not one.pid:
        return
    with suppress(OSError), netns.kept():
        netns.enter(one.sandbox)
        heard = {(socket.protocol, socket.port) for socket in listeners()}
        yield from sorted(f"{port}/{protocol}" for protocol, port in ports - heard)


def in_words(found: Sequence[ContainerStatus]) -> Iterator[str]:
    for one, silent in sorted(found, key=lambda one: as_counted(one.workload.name)):
        told = [one.state, one.health, *(f"nothing listens on {port}" for port in silent)]
        yield f"  {one.name}: {one.engine} {one.image}".rstrip() + f", {', '.join(filter(None, told))}"

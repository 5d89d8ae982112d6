"""Some projects decided by themselves: whether that is as good as with all others, and both together."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from .carrier import Carrier
from .topology import Network, Topology


class Owned(Protocol):
    @property
    def project(self) -> str: ...


T = TypeVar("T", bound=Owned)


def is_apart(before: Topology, part: Topology) -> bool:
    """Whether what these projects have, and had, concerns no other: networks behind bridges of this host,
    which nobody else joins."""
    own = [*part.networks, *(one for one in before.networks if one.project in part.projects)]
    foreign = {one.name for one in before.networks if one.external and one.project not in part.projects}
    return not any(is_common(network) or network.name in foreign for network in own)


def is_common(network: Network) -> bool:
    """Whether other networks or other hosts may have a say in it."""
    plain = type(network.carrier) is Carrier and network.inner
    return not plain or network.external or bool(network.per_host)


def joined(before: Topology, part: Topology) -> Topology:
    """The one, but of the other's projects what that says."""

    def others(items: Iterable[T]) -> Iterator[T]:
        return (item for item in items if item.project not in part.projects)

    return replace(
        part,
        projects=tuple(sorted({*before.projects, *part.projects})),
        networks=(*others(before.networks), *part.networks),
        sandboxes=(*others(before.sandboxes), *part.sandboxes),
        tasks=(*others(before.tasks), *part.tasks),
        ports=(*others(before.ports), *part.ports),
        services=(*others(before.services), *part.services),
        awaited=(*others(before.awaited), *part.awaited),
        expected=(*others(before.expected), *part.expected),
        policies=replace(
            part.policies,
            bound=(*others(before.policies.bound), *part.policies.bound),
            allowed=(*others(before.policies.allowed), *part.policies.allowed),
            denied=(*others(before.policies.denied), *part.policies.denied),
            deaf=(*others(before.policies.deaf), *part.policies.deaf),
            logged=(*others(before.policies.logged), *part.policies.logged),
        ),
        naming=replace(
            part.naming,
            zones=(*others(before.naming.zones), *part.naming.zones),
            views=(*others(before.naming.views), *part.naming.views),
        ),
        lock=before.lock,
        warnings=tuple(dict.fromkeys((*before.warnings, *part.warnings))),
    )

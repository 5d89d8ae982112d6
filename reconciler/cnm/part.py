"""Some projects decided by themselves: whether that is as good as with all others, and both together."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ..inventory.facts import Claim, Facts
from ..values import by_name
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


# What sandboxes have to themselves: those whose keys begin with a sandbox, and others.
BY_SANDBOX = frozenset({"identities", "leases", "ifnames", "stations", "ways"})
OF_SANDBOXES = BY_SANDBOX | {"sandboxes", "devices", "claims", "macs", "ports"}


def is_beside(topology: Topology, before: Facts, now: Facts) -> bool:
    """Whether nothing has moved but what sandboxes of others have, at places where this topology, which
    stands, has nothing: what stands keeps what it has."""
    old, new = by_name(before), by_name(now)
    ours = frozenset(box.name for box in topology.sandboxes)
    rest = all(is_same(old[name], new[name]) for name in new.keys() - OF_SANDBOXES)
    own = all(of_these(old[name], ours) == of_these(new[name], ours) for name in BY_SANDBOX)
    return rest and own and not meets(topology, ours, now, frozenset(now.claims) - frozenset(before.claims))


def is_same(old: object, new: object) -> bool:
    """What is looked up when it is asked for (HostFacts.missing) is not asked for all that it may tell: that
    runs programs, and whatever stands by their answers is looked at anew by every sweep."""
    return old is new or old == new


def of_these(table: Mapping[Any, Any], sandboxes: Set[str]) -> dict[Any, Any]:
    """What of it is said of these sandboxes."""
    return {
        key: said for key, said in table.items() if (key if isinstance(key, str) else key[0]) in sandboxes
    }


def meets(topology: Topology, ours: Set[str], now: Facts, claims: Set[Claim]) -> bool:
    """Whether somebody else has a name, a MAC, an address or a port of the host that this topology has."""
    macs = {(one.carrier.segment, end.mac) for one in topology.networks for end in one.endpoints}
    held = {True: set[tuple[str, str]](), False: set[tuple[str, str]]()}
    for (sandbox, home), ips in now.leases.items():
        held[sandbox in ours].update((home, ip) for ip in ips)
    published = {(one.protocol, port) for one in now.published for port in range(one.first, one.last + 1)}
    more = {(one.protocol, port) for one in claims for port in range(one.first, one.last + 1)}
    return (
        not ours.isdisjoint(now.sandboxes)
        or not macs.isdisjoint(one[:2] for one in now.macs)
        or not held[True].isdisjoint(held[False])
        or not published.isdisjoint(more)
    )


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

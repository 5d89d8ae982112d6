"""Which hosts the replicas of a service stand on, by Docker's rules for `deploy.placement`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import cycle, islice

from ..manifest.placement import ConstraintSpec, PlacementSpec
from ..manifest.spec import ContainerSpec, HostSpec
from ..mistakes import NoPlace


def homes_of(spec: ContainerSpec, hosts: Sequence[HostSpec]) -> list[tuple[int, str]]:
    """Each replica's number and host; "" is every host, where a container says nothing.

    A global service has the numbers of its hosts in `hosts:`, so that no change of constraints renames any.
    """
    if spec.host and hosts and spec.host not in {host.name for host in hosts}:
        known = ", ".join(host.name for host in hosts)
        raise NoPlace(f"no host {spec.host} in `hosts:`", f"there are: {known}", spec.where)
    if not hosts or not spec.is_service:
        return list(enumerate([spec.host] * spec.replicas, 1))
    placement = spec.placement or PlacementSpec()
    able = eligible(spec, placement, [host for host in hosts if spec.host in ("", host.name)])
    if placement.everywhere:
        return [(number, host.name) for number, host in enumerate(hosts, 1) if host in able]
    if placement.most and spec.replicas > placement.most * len(able):
        message = f"{spec.replicas} replicas of {spec.name} do not fit on {len(able)} hosts"
        raise NoPlace(message, f"`max_replicas_per_node` is {placement.most}", placement.where)
    homes = capped(turns(able, placement.spread), placement.most)
    return list(enumerate(islice(homes, spec.replicas), 1))


def eligible(spec: ContainerSpec, placement: PlacementSpec, hosts: list[HostSpec]) -> list[HostSpec]:
    for constraint in placement.constraints:
        left = [host for host in hosts if admits(constraint, host)]
        if not left:
            before = ", ".join(host.name for host in hosts)
            because = "its `host:`" if spec.host else "the hosts until here"
            hint = f"{because}: {before}"
            raise NoPlace(f"`{constraint}` leaves no host for {spec.name}", hint, constraint.where)
        hosts = left
    return hosts


def admits(constraint: ConstraintSpec, host: HostSpec) -> bool:
    """A label that a host does not have is blank; case does not count, as in Docker."""
    match constraint.attribute.split(".", 2):
        case _, "ip":
            same = bool(host.address) and ip_address(host.address) in ip_network(
                constraint.value, strict=False
            )
        case _, "labels", name:
            same = host.labels.get(name, "").casefold() == constraint.value.casefold()
        case _:
            same = host.name.casefold() == constraint.value.casefold()
    return same == constraint.equal


def turns(hosts: Sequence[HostSpec], labels: Sequence[str]) -> Iterator[str]:
    """The hosts without end, in turn; those of one value of a label together as often as those
    of any other."""
    if not labels:
        return cycle([host.name for host in hosts])
    groups: dict[str, list[HostSpec]] = defaultdict(list)
    for host in hosts:
        groups[host.labels.get(labels[0], "")].append(host)
    each = [turns(group, labels[1:]) for group in groups.values()]
    return (next(turn) for turn in cycle(each))


def capped(order: Iterator[str], most: int) -> Iterator[str]:
    """The same, without those that have as many as they may."""
    held: Counter[str] = Counter()
    for host in order:
        if not most or held[host] < most:
            held[host] += 1
            yield host

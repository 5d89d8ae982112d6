"""Port publishing, decided: which host port leads where, and every conflict before anything is touched."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from ..family import family
from ..inventory.facts import Claim, Facts
from ..kinds.names import number
from ..manifest.spec import ContainerSpec, PortSpec
from ..mistakes import NoRoom
from .driver import Socket
from .endpoint import SandboxSpec
from .limits import at_this_time, limits_of
from .shares import shares
from .topology import Endpoint, Network, Port

ANY = ("", "0.0.0.0", "::")
LOOPBACK6 = "::1"


class Targets(NamedTuple):
    """Where a sandbox's published ports lead, by family."""

    sandbox: str
    project: str
    homes: dict[int, tuple[Network, Endpoint]]
    why_none: str = ""
    by: str = ""  # the network whose driver leads them there by means of its own
    host: str = ""  # of `hosts:`, where the sandbox is on one of them
    away: bool = False  # that is another one
    weight: int = 1  # beside other replicas


def targets(project: str, sandbox: str, attached: Sequence[tuple[Network, Endpoint]]) -> Targets:
    """The endpoint that holds the default route takes the published ports, as in Docker, else the
    first that can."""
    homes: dict[int, tuple[Network, Endpoint]] = {}
    bridged = [(n, e) for n, e in attached if n.inner and e.vlan == 1 and not n.spec.internal]
    for version in (4, 6):
        # From an isolated bridge the host has no way to its containers.
        able = [(n, e) for n, e in bridged if e.of_family(version) and n.mode(version) != "isolated"]
        leading = [(n, e) for n, e in able if any(family(via) == version for via, _ in e.gateways)]
        if able:
            homes[version] = (leading or able)[0]
    able_itself = (n.name for n, _ in attached if n.carrier.publishes and not homes)
    return Targets(sandbox, project, homes, "" if homes else why_none(attached), next(able_itself, ""))


def with_ports(
    one: SandboxSpec, attached: Sequence[tuple[Network, Endpoint]]
) -> Iterator[tuple[Network, Endpoint]]:
    """The endpoints, that one told of the published ports whose driver leads them there."""
    by = targets(one.project.name, one.name, attached).by
    for network, end in attached:
        yield network, replace(end, ports=one.spec.ports) if network.name == by else end


def why_none(attached: Sequence[tuple[Network, Endpoint]]) -> str:
    """Why no port of the host leads to a sandbox, by the first of its networks."""
    if not attached:
        return "it is on no network"
    network, end = attached[0]
    if network.spec.internal and network.spec.gateway_mode != "isolated":
        return f"network {network.name} is internal"
    if not network.inner:
        return f"network {network.name} is {network.carrier.unreached}"
    return f"it is in VLAN {end.vlan}" if end.vlan > 1 else f"network {network.name} is isolated"


class Opening(NamedTuple):
    """A port as it is written, and whom it leads to: several are replicas of a service, which share it."""

    port: PortSpec
    to: list[Targets]
    weights: list[int]  # of each
    by_client: bool

    @property
    def behind(self) -> bool:
        """Whether it takes a port of the host."""
        return any(not home.routed for one in self.to for home in homes_of(self.port, one))


def openings(wanted: Iterable[tuple[ContainerSpec, Targets]], resting: Set[str]) -> list[Opening]:
    """Of every container; what `mode: host`, or a choice of host ports, gives a replica is its own.  Who is
    `resting` gets nothing more, as if it weighed nothing."""
    found: dict[tuple[str, bool, str, int, int], Opening] = {}
    for replica, (spec, to) in enumerate(wanted):
        for index, port in enumerate(spec.ports):
            if to.away and not port.meshed:
                continue
            own = port.mode == "host" or (port.published and is_choice(port))
            key = (to.project, spec.is_service, spec.name, index, replica if own else -1)
            one = found.setdefault(key, Opening(port, [], [], spec.affinity == "client"))
            one.to.append(to)
            one.weights.append(0 if to.sandbox in resting else to.weight)
    return [*found.values()]


def publish(
    wanted: Iterable[tuple[ContainerSpec, Targets]],
    facts: Facts,
    tunnels: Sequence[Socket],
    resting: Set[str] = frozenset(),
) -> Iterator[Port]:
    """Every port of every container; written ones first, so that random ones go around them."""
    opened = openings(wanted, resting)
    chosen = {(c.protocol, p) for c in facts.claims for p in range(c.first, c.last + 1)}
    chosen |= {(one.listener.protocol, one.listener.port) for one in tunnels}
    heard = {(one.protocol, one.port) for one in facts.listeners if one.ip != LOOPBACK6}
    for one in opened:
        if one.port.published and not is_choice(one.port):
            first, last = one.port.published
            chosen |= {(one.port.protocol, p) for p in range(first, last + 1) if one.behind}
            yield from resolve(one, first, last - first + 1)
    singles = [one._replace(port=port) for one in opened for port in singled(one.port)]
    held = [0] * len(singles)
    for at, one in enumerate(singles):  # whoever comes takes none of these
        held[at] = held_port(one, facts, chosen) if one.behind else one.port.target[0]
        chosen |= {(one.port.protocol, held[at])} if one.behind else set()
    for first, one in zip(held, singles, strict=True):
        around = set() if one.to[0].project in facts.bare else heard
        yield from resolve(one, first or pick(one, facts, chosen, around), 1)


def singled(port: PortSpec) -> Iterator[PortSpec]:
    """Each target of a port that is to be had on any host port, or on one of some."""
    if not port.published or is_choice(port):
        for target in range(port.target[0], port.target[1] + 1):
            yield replace(port, target=(target, target))


def is_choice(port: PortSpec) -> bool:
    """A range of host ports for one target: one of them is taken."""
    first, last = port.published or (0, 0)
    return last - first != port.target[1] - port.target[0]


def pick(one: Opening, facts: Facts, chosen: set[tuple[str, int]], heard: Set[tuple[str, int]]) -> int:
    """The first free host port from where the first sandbox and the target hash to: where a firewall was
    flushed, that is where it was, whoever is `heard` there since."""
    port = one.port
    low, high = port.published or facts.ephemeral
    size = high - low + 1
    start = number("port", one.to[0].sandbox, port.protocol, str(port.target[0])) % size
    probed = ((port.protocol, low + (start + step) % size) for step in range(size))
    free = (n for protocol, n in probed if (protocol, n) not in chosen and (protocol, n) not in heard)
    if not (found := next(free, 0)):
        raise NoRoom(f"no host port is free between {low} and {high}", "widen the range", port.where)
    chosen.add((port.protocol, found))
    return found


def held_port(one: Opening, facts: Facts, chosen: Set[tuple[str, int]]) -> int:
    """The host port that leads to the target already; 0 for none that may."""
    port = one.port
    low, high = port.published or facts.ephemeral
    homes = (end for to in one.to for _, (_, end) in sorted(to.homes.items()))
    ends = (ip for endpoint in homes for ip, _ in endpoint.addresses)
    ports = (facts.ports.get((port.protocol, f"{ip} . {port.target[0]}"), 0) for ip in ends)
    return next((n for n in ports if low <= n <= high and (port.protocol, n) not in chosen), 0)


class Home(NamedTuple):
    """One address that a port is written for, and the container's behind it."""

    network: Network
    host_ip: str  # "" or a wildcard is any
    ip: str
    routed: bool  # it is the container's own

    @property
    def there(self) -> bool:
        """Whether the address is one that leads to the container."""
        return not self.routed or self.host_ip in (*ANY, self.ip)


def homes_of(port: PortSpec, to: Targets) -> Iterator[Home]:
    """In a routed network a container's own address leads there, and no other but those of all hosts."""
    for version, (network, endpoint) in sorted(to.homes.items()):
        host_ip = port.host_ip or network.spec.host_ip
        if not host_ip or family(host_ip) == version:
            home = Home(network, host_ip, endpoint.of_family(version)[0], network.mode(version) == "routed")
            at_hosts = home._replace(routed=False)
            if home.routed and not to.away and (home.there or not is_of_hosts(port, network, version)):
                yield home
            if not home.routed or is_of_hosts(port, network, version):
                yield at_hosts


def is_of_hosts(port: PortSpec, network: Network, version: int) -> bool:
    """Whether in this routed network it is a port of all hosts too."""
    return port.meshed and is_across_hosts(network, version)


def is_across_hosts(network: Network, version: int) -> bool:
    """Whether it is routed, and other hosts have parts of it."""
    parts = network.per_host.elsewhere if network.per_host else ()
    return network.mode(version) == "routed" and any(family(one.cidr) == version for one in parts)


def resolve(one: Opening, first: int, count: int) -> Iterator[Port]:
    """Those behind one door of the host share what comes there."""
    weighed = [*zip(one.to, one.weights, strict=True)]
    homes = [(to, home, weight) for to, weight in weighed for home in homes_of(one.port, to) if home.there]
    ports = [(port_of(one.port, to, home, first, count), weight) for to, home, weight in homes]
    doors: dict[tuple[int, str], list[int]] = defaultdict(list)
    for port, weight in ports:
        doors[port.door].append(weight)
    parts = {door: shares(weights) for door, weights in doors.items()}
    for port, weight in ports:
        alone = port.routed or (weight and len(doors[port.door]) == 1)
        yield port if alone else replace(port, share=next(parts[port.door]), by_client=one.by_client)


def port_of(port: PortSpec, to: Targets, home: Home, first: int, count: int) -> Port:
    return Port(
        project=to.project,
        sandbox=to.sandbox,
        protocol=port.protocol,
        host_ip=home.ip if home.routed else "" if home.host_ip in ANY else home.host_ip,
        first=port.target[0] if home.routed else first,
        count=count,
        ip=home.ip,
        target=port.target[0],
        bridge=home.network.bridge,
        routed=home.routed,
        limits=limits_of(port, family(home.ip)),
        where=port.where,
    )


def with_limits(ports: Iterable[Port], facts: Facts) -> Iterator[Port]:
    """With limits as they are now, and told which of these ports are published already."""
    for port in ports:
        if port.limits:
            late = any(is_published(port, claim) for claim in facts.published)
            yield replace(port, limits=replace(at_this_time(port.limits, facts.now()), late=late))
        else:
            yield port


def is_published(port: Port, claim: Claim) -> bool:
    door = port.project, port.family, port.host_ip, port.protocol
    return claim[:4] == door and claim.first <= port.last and port.first <= claim.last


def unpublished_warnings(wanted: Iterable[tuple[ContainerSpec, Targets]]) -> Iterator[str]:
    """What is written for an address that does not lead to the container, or where none does."""
    for to, port in ((to, port) for spec, to in wanted for port in spec.ports):
        homes, what = list(homes_of(port, to)), f"port {port.target[0]}/{port.protocol} of {to.sandbox}"
        for home in homes:
            if not home.there:
                reason = f"network {home.network.name} is routed"
                yield f"{port.where}: {what} is not published on {home.host_ip}: {reason}"
        if not homes and not to.by:
            reason = to.why_none or "it has no address of that family behind the host"
            on = f" on {port.host_ip}" if port.host_ip and not to.why_none else ""
            yield f"{port.where}: {what} is not published{on}: {reason}"

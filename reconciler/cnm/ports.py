"""Port publishing, decided: which host port leads where, and every conflict before anything is touched."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from ..errors import ManifestError
from ..family import family
from ..inventory.facts import Claim, Facts, Listener
from ..manifest.spec import ContainerSpec, PortSpec
from .driver import Socket
from .names import number
from .topology import Endpoint, Network, Port

ANY = ("", "0.0.0.0", "::")
LOOPBACK6 = "::1"
LAST_PORT = 65535
MOST_HINTS = 50  # a free port is looked for through all that are taken
OTHER = "choose another port, or publish on another address"


class Holder(NamedTuple):
    """Who has a range of host ports: one of ours, another project, or a listening socket."""

    first: int
    last: int
    ip: str
    label: str
    port: Port | None = None

    def meets(self, other: "Holder") -> bool:
        """Whether one of the two is ours, and both want one address."""
        ours = self.port is not None or other.port is not None
        return ours and (self.ip == other.ip or not self.ip or not other.ip)


class Targets(NamedTuple):
    """Where a sandbox's published ports lead, by family."""

    sandbox: str
    project: str
    homes: dict[int, tuple[Network, Endpoint]]

    @property
    def behind(self) -> bool:
        """Whether any of it is reached by a port of the host."""
        return any(network.mode(version) != "routed" for version, (network, _) in self.homes.items())


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
    return Targets(sandbox, project, homes)


def publish(wanted: Iterable[tuple[ContainerSpec, Targets]], facts: Facts) -> Iterator[Port]:
    """Every port of every container; written ones first, so that random ones go around them."""
    pairs = [(spec, to, port) for spec, to in wanted for port in spec.ports]
    chosen: set[tuple[str, int]] = {(x.protocol, x.port) for x in facts.listeners if x.ip != LOOPBACK6}
    chosen |= {(c.protocol, p) for c in facts.claims for p in range(c.first, c.last + 1)}
    for _, to, port in pairs:
        if port.published and not is_choice(port):
            first, last = port.published
            chosen |= {(port.protocol, p) for p in range(first, last + 1) if to.behind}
            yield from resolve(port, to, first, last - first + 1)
    for _, to, port in pairs:
        if not port.published or is_choice(port):
            for target in range(port.target[0], port.target[1] + 1):
                single = replace(port, target=(target, target))
                yield from resolve(single, to, pick(single, to, facts, chosen) if to.behind else target, 1)


def is_choice(port: PortSpec) -> bool:
    """A range of host ports for one target: one of them is taken."""
    first, last = port.published or (0, 0)
    return last - first != port.target[1] - port.target[0]


def pick(port: PortSpec, to: Targets, facts: Facts, chosen: set[tuple[str, int]]) -> int:
    """What stands is kept; else the first free one from where the sandbox and the target hash to."""
    low, high = port.published or facts.ephemeral
    for _, (_, endpoint) in sorted(to.homes.items()):
        for ip, _ in endpoint.addresses:
            held = facts.ports.get((port.protocol, f"{ip} . {port.target[0]}"), 0)
            if low <= held <= high and (port.protocol, held) not in chosen:
                chosen.add((port.protocol, held))
                return held
    size = high - low + 1
    start = number("port", to.sandbox, port.protocol, str(port.target[0])) % size
    for step in range(size):
        candidate = low + (start + step) % size
        if (port.protocol, candidate) not in chosen:
            chosen.add((port.protocol, candidate))
            return candidate
    raise ManifestError(f"no host port is free between {low} and {high}", "widen the range", port.where)


class Home(NamedTuple):
    """One address that a port is written for, and the container's behind it."""

    network: Network
    host_ip: str  # "" or a wildcard is any
    ip: str

    @property
    def routed(self) -> bool:
        return self.network.mode(family(self.ip)) == "routed"

    @property
    def there(self) -> bool:
        """Whether the address is one that leads to the container: in a routed network only its own does."""
        return not self.routed or self.host_ip in (*ANY, self.ip)


def homes_of(port: PortSpec, to: Targets) -> Iterator[Home]:
    for version, (network, endpoint) in sorted(to.homes.items()):
        host_ip = port.host_ip or network.spec.host_ip
        if not host_ip or family(host_ip) == version:
            yield Home(network, host_ip, endpoint.of_family(version)[0])


def resolve(port: PortSpec, to: Targets, first: int, count: int) -> Iterator[Port]:
    for home in homes_of(port, to):
        if home.there:
            yield Port(
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
                where=port.where,
            )


def unpublished_warnings(wanted: Iterable[tuple[ContainerSpec, Targets]]) -> Iterator[str]:
    """What is written for an address that does not lead to the container."""
    homes = [(to, port, home) for spec, to in wanted for port in spec.ports for home in homes_of(port, to)]
    for to, port, home in homes:
        if not home.there:
            what = f"port {port.target[0]}/{port.protocol} of {to.sandbox} is not published"
            yield f"{what} on {home.host_ip}: network {home.network.name} is routed"


def port_conflicts(ports: Sequence[Port], facts: Facts) -> Iterator[ManifestError]:
    """Two that want one port of one address; a wildcard meets every address."""
    by_wire: dict[tuple[int, str], list[Holder]] = defaultdict(list)
    for port in ports:
        if not port.routed:
            label = f"{port.sandbox} publishes it"
            by_wire[port.family, port.protocol].append(
                Holder(port.first, port.last, port.host_ip, label, port)
            )
    for claim in facts.claims:
        label = f"project {claim.project} publishes it"
        by_wire[claim.family, claim.protocol].append(Holder(claim.first, claim.last, claim.ip, label))
    for protocol, ip, number_, name in facts.listeners:
        if ip == LOOPBACK6:  # never translated: whoever listens there, the watcher's relay mostly, keeps it
            continue
        label = f"{name} listens on it"
        for version in (4, 6) if ip == "::" else (family(ip),):
            holder = Holder(number_, number_, "" if ip in ANY else ip, label)
            by_wire[version, protocol].append(holder)
    for (_, protocol), holders in by_wire.items():
        holders.sort(key=lambda h: (h.first, h.last, h.ip, h.label))
        for number_, (mine, port, other) in enumerate(meetings(holders)):
            hint = free_port(mine, holders) if number_ < MOST_HINTS else OTHER
            yield clash(protocol, mine, port, other, hint)


def meetings(holders: Iterable[Holder]) -> Iterator[tuple[Holder, Port, Holder]]:
    """Each of ours with the first that it meets; of two of ours the one that is written later.  The holders
    are sorted; those that another may still meet are kept by address, of which a host may have many."""
    active: dict[str, list[Holder]] = {}
    first = 0
    for holder in holders:
        if holder.first > first:
            first = holder.first
            lasting = ((ip, [h for h in known if h.last >= first]) for ip, known in active.items())
            active = {ip: known for ip, known in lasting if known}
        near = (holder.ip, "") if holder.ip else active
        known = filter(holder.meets, chain.from_iterable(active.get(ip, ()) for ip in near))
        met = min(known, key=lambda other: other[:4], default=None)
        if met is None or not (met.port and holder.port):
            active.setdefault(holder.ip, []).append(holder)
        if met:
            one, two = sorted((met, holder), key=lambda h: (h.port is not None, h.port and h.port.where))
            if two.port:
                yield two, two.port, one


def free_port(mine: Holder, holders: Iterable[Holder]) -> str:
    """A hint with the next host port, or range of as many, that nothing has."""
    size = mine.last - mine.first
    first = mine.last + 1
    for other in holders:
        if other.first <= first + size and first <= other.last:
            first = other.last + 1
    last = first + size
    if last > LAST_PORT:
        return OTHER
    return f"{first}-{last} are free" if size else f"{first} is free"


def clash(protocol: str, mine: Holder, port: Port, other: Holder, hint: str) -> ManifestError:
    label = (other.port.where, "first published here") if other.port else None
    number_ = max(mine.first, other.first)
    ip = f"{mine.ip}:" if mine.ip else ""
    message = f"host port {ip}{number_}/{protocol} is taken: {other.label}"
    return ManifestError(message, hint, port.where, label)


def with_sockets(found: Sequence[Socket], facts: Facts) -> Facts:
    """The facts with these sockets of tunnels too, of which one tells for all that share a port.  DNAT would
    hand every frame of every network to the container that publishes there, in clear."""
    every = sorted({*facts.listeners, *(one.listener for one in found)}, reverse=True)
    return replace(facts, listeners=frozenset({one[:3]: one for one in every}.values()))


def socket_conflicts(found: Sequence[Socket], facts: Facts) -> Iterator[ManifestError]:
    """What other projects publish there; who listens is looked at by the drivers."""
    for one in found:
        for publisher in sorted({publisher_of(one.listener, claim) for claim in facts.claims} - {""}):
            what = f"{one.listener.protocol.upper()} port {one.listener.port}, which {one.wants} wants,"
            yield ManifestError(f"{what} is taken: {publisher}", one.hint, one.where)


def publisher_of(socket: Listener, claim: Claim) -> str:
    """Who publishes the port; "" where this claim is none on it."""
    meets = claim.ip in ANY or socket.ip in ANY or claim.ip == socket.ip
    same = claim.protocol == socket.protocol and claim.first <= socket.port <= claim.last
    return f"project {claim.project} publishes it" if same and meets else ""

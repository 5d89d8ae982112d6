"""Every conflict over host ports, before anything is touched: two that want one, and who has it already."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from ..errors import Finding, ManifestError
from ..family import family
from ..inventory.facts import PROCESS, Claim, Facts, Listener
from .driver import Socket
from .ports import ANY, LOOPBACK6
from .topology import Port

LAST_PORT = 65535
MOST_HINTS = 50  # a free port is looked for through all that are taken
OTHER = "choose another port, or publish on another address"
Meeting = tuple["Holder", Port, "Holder"]  # one of ours, its port, and what it meets


class Holder(NamedTuple):
    """Who has a range of host ports: one of ours, another project, or a listening socket."""

    first: int
    last: int
    ip: str
    label: str
    port: Port | None = None
    socket: Listener | None = None  # of a process, or of somebody else's tunnel

    def meets(self, other: "Holder") -> bool:
        """Whether one of the two is ours, and both want one address."""
        ours = self.port is not None or other.port is not None
        return ours and (self.ip == other.ip or not self.ip or not other.ip)


def port_findings(ports: Sequence[Port], facts: Facts, tunnels: Sequence[Socket]) -> Iterator[Finding]:
    yield from socket_conflicts(tunnels, facts)
    yield from led_twice(tunnels)
    yield from port_conflicts(ports, facts, tunnels)


def port_conflicts(ports: Sequence[Port], facts: Facts, tunnels: Sequence[Socket]) -> Iterator[Finding]:
    """Two that want one port of one address; a wildcard meets every address.  A socket that somebody opened
    where a port is published already takes nothing away: that is told, and refused where the port is new."""
    for (_, protocol), holders in by_wire(ports, facts, tunnels).items():
        holders.sort(key=lambda h: h[:4])
        lasting = [holder for holder in holders if not holder.socket]
        sockets = [holder for holder in holders if holder.socket]
        late, new = divided(lasting, sockets, facts)
        for number_, met in enumerate(chain(meetings(lasting), new)):
            hint = free_port(met[0], holders) if number_ < MOST_HINTS else OTHER
            yield clash(protocol, met, hint, facts)
        for mine, port, other in late:
            what = f"{words(protocol, mine, other)}, which {port.sandbox} publishes,"
            yield f"{what} is listened on by {who(other, facts)} too"


def by_wire(
    ports: Sequence[Port], facts: Facts, tunnels: Sequence[Socket]
) -> dict[tuple[int, str], list[Holder]]:
    """Who has which host ports, by family and protocol."""
    found: dict[tuple[int, str], list[Holder]] = defaultdict(list)
    for port in ports:
        if not port.routed and port.is_first:
            label = f"{port.sandbox} publishes it"
            found[port.family, port.protocol].append(Holder(port.first, port.last, port.host_ip, label, port))
    for claim in facts.claims:
        label = f"project {claim.project} publishes it"
        found[claim.family, claim.protocol].append(Holder(claim.first, claim.last, claim.ip, label))
    own = {one.listener[:3]: one.listener for one in tunnels}
    for one in (*own.values(), *(x for x in facts.listeners if x[:3] not in own)):
        protocol, ip, at, name = one
        if ip == LOOPBACK6:  # never translated: whoever listens there, the watcher's relay mostly, keeps it
            continue
        for version in (4, 6) if ip == "::" else (family(ip),):
            holder = Holder(at, at, "" if ip in ANY else ip, f"{name} listens on it")
            found[version, protocol].append(holder if one[:3] in own else holder._replace(socket=one))
    return found


def divided(
    holders: Iterable[Holder], sockets: Sequence[Holder], facts: Facts
) -> tuple[list[Meeting], list[Meeting]]:
    """Each of ours with the first of these sockets, which are sorted, that it meets: where that takes nothing
    away, and where the port is new."""
    late, new = list[Meeting](), list[Meeting]()
    numbers = [socket.first for socket in sockets]
    for mine in holders:
        near = sockets[bisect_left(numbers, mine.first) : bisect_right(numbers, mine.last)]
        met = [(mine, mine.port, one) for one in near if mine.port and mine.meets(one)]
        refused = [one for one in met if not stays(one, facts)]
        new += refused[:1]
        late += met[:1] if not refused else []
    return late, new


def stays(met: Meeting, facts: Facts) -> bool:
    """Whether the port is published all the same: it is already, as far as its project has a firewall at all;
    or it is one of many, among those that the kernel gives to any socket that asks for none."""
    mine, port, other = met
    low, high = facts.ephemeral
    passing = port.protocol == "udp" and port.count > 1 and low <= other.first <= high
    return stands(mine, port, other, facts) or passing and is_process(other)


def stands(mine: Holder, port: Port, other: Holder, facts: Facts) -> bool:
    """Whether the project publishes there already, whatever else it does by now."""
    ours = (claim for claim in facts.published if claim.project == port.project)
    there = (one for one in ours if one[1:4] == (port.family, mine.ip, port.protocol))
    return port.project in facts.bare or any(one.first <= other.first <= one.last for one in there)


def is_process(holder: Holder) -> bool:
    return holder.socket is not None and holder.socket.holder == PROCESS


def words(protocol: str, mine: Holder, other: Holder) -> str:
    ip = f"{mine.ip}:" if mine.ip else ""
    return f"host port {ip}{max(mine.first, other.first)}/{protocol}"


def who(other: Holder, facts: Facts) -> str:
    """Whose socket it is."""
    known = other.socket or Listener("", "", 0, "")
    heard = facts.heard() if is_process(other) else ()
    return next((one.holder for one in heard if one[:3] == known[:3]), known.holder)


def meetings(holders: Iterable[Holder]) -> Iterator[Meeting]:
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


def clash(protocol: str, met: Meeting, hint: str, facts: Facts) -> ManifestError:
    mine, port, other = met
    label = (other.port.where, "first published here") if other.port else None
    why = f"{who(other, facts)} listens on it" if other.socket else other.label
    return ManifestError(f"{words(protocol, mine, other)} is taken: {why}", hint, port.where, label)


def socket_conflicts(found: Sequence[Socket], facts: Facts) -> Iterator[ManifestError]:
    """What other projects publish there; who listens is looked at by the drivers."""
    for one in found:
        for publisher in sorted({publisher_of(one.listener, claim) for claim in facts.claims} - {""}):
            what = f"{one.listener.protocol.upper()} port {one.listener.port}, which {one.wants} wants,"
            yield ManifestError(f"{what} is taken: {publisher}", one.hint, one.where)


def led_twice(found: Sequence[Socket]) -> Iterator[ManifestError]:
    """Ports that more than one of this run would have, of whom one shares it with nobody; the programs that
    lead them would not mind."""
    doors: dict[tuple[str, int], list[Socket]] = defaultdict(list)
    for one in found:
        same = doors[one.listener.protocol, one.listener.port]
        before = next(
            (other for other in same if (one.alone or other.alone) and is_one_door(one, other)), None
        )
        if before:
            what = f"host port {one.listener.port}/{one.listener.protocol} is taken"
            label = (before.where, before.wants)
            yield ManifestError(f"{what}: {before.listener.holder} has it", one.hint, one.where, label)
        same.append(one)


def is_one_door(one: Socket, other: Socket) -> bool:
    ips = {one.listener.ip, other.listener.ip}
    return len(ips) == 1 or not ips.isdisjoint(ANY)


def publisher_of(socket: Listener, claim: Claim) -> str:
    """Who publishes the port; "" where this claim is none on it."""
    meets = claim.ip in ANY or socket.ip in ANY or claim.ip == socket.ip
    same = claim.protocol == socket.protocol and claim.first <= socket.port <= claim.last
    return f"project {claim.project} publishes it" if same and meets else ""

"""Whether other hosts tell by EVPN what the manifest says of them: FRR believes them what is there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ...cnm.topology import Network, Topology
from ...kinds.evpn import Told
from .model import Overlay, overlay_here

MOST = 8  # differences that are told one by one


class Declared(NamedTuple):
    """What the manifest says of one network."""

    network: str
    vni: int
    here: str  # this host
    hosts: Mapping[str, str]  # address -> host
    homes: Mapping[str, str]  # MAC -> host
    owners: Mapping[str, str]  # IP -> MAC


def declarations(topology: Topology) -> Iterator[Declared]:
    for network in topology.networks:
        if (overlay := overlay_here(network)) and overlay.evpn:
            yield declaration(network, overlay)


def declaration(network: Network, overlay: Overlay) -> Declared:
    hosts = {address: host for host, address in overlay.hosts}
    here = dict.fromkeys([network.mac, *(mac for _, mac in overlay.own)], overlay.host)
    owners = {ip: remote.mac for remote in overlay.remotes for ip in remote.ips}
    homes, owners = here | dict(overlay.elsewhere), dict(overlay.own) | owners
    return Declared(network.name, overlay.vni, overlay.host, hosts, homes, owners)


def discrepancies(topology: Topology, ask: Callable[[], Iterable[Told]]) -> list[str]:
    """What is told of a network of this run and is not so, or is so and is not told; `ask` tells what FRR has
    been told (kernel.observe.evpn.announced_routes), where there is such a network."""
    if not (known := list(declarations(topology))):
        return []
    told = list(ask())
    return [row for one in known for row in differences(one, [t for t in told if t.vni == one.vni])]


def differences(known: Declared, told: Iterable[Told]) -> Iterator[str]:
    yield from filter(None, (mistake(known, one) for one in told))
    seen = {(one.mac, known.hosts.get(one.host)) for one in told}
    silent = Counter(home for mac, home in known.homes.items() if (mac, home) not in seen)
    for host in sorted(silent.keys() - {known.here}):
        yield f"{known.network}: {host} does not tell of {silent[host]} of its MACs"


def mistake(known: Declared, told: Told) -> str:
    """What is wrong with one thing that was told; "" where it is as declared."""
    said = f"{known.network}: {known.hosts.get(told.host, told.host)} tells of"
    if not told.ip:
        home = known.homes.get(told.mac, "nobody")
        return "" if home == known.hosts.get(told.host) else f"{said} {told.mac}, which is {home}'s"
    owner = known.owners.get(told.ip, "nobody")
    fits = owner == told.mac or told.ip.startswith("fe80:")  # a link's own address nobody declares
    return "" if fits else f"{said} {told.ip} at {told.mac}, and it is {owner}'s"


def listed(rows: list[str]) -> list[str]:
    return rows[:MOST] + [f"and {len(rows) - MOST} more of the kind"] * (len(rows) > MOST)

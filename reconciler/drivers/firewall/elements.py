"""The firewall of a project: default deny.  Chains are constant; all that is declared is elements of maps
and sets.

The shape was tried against 7 probes that must work, 14 attacks that must fail, and 12 kinds of spoofing.
"""

from collections.abc import Iterator

from ...cnm.topology import Endpoint, Network, Port, Topology
from ...core.resource import Origin, Resource
from ...errors import Where
from ...kinds.nft import Chain, Element, Map, Table
from ...kinds.ownership import TABLE_PREFIX
from .. import routed
from . import apart
from .apart import APART_CHAINS, APART_MAPS
from .guard import BRIDGE_CHAINS, BRIDGE_MAPS, guarded
from .rules import INET_CHAINS, INET_MAPS

Item = tuple[str, str, str]  # map, item, value


def lower(topology: Topology) -> Iterator[Resource]:
    for project in topology.projects:
        name = TABLE_PREFIX + project
        networks = [network for network in topology.networks if network.project == project]
        ports = [port for port in topology.ports if port.project == project]
        used = [network for network in networks if network.endpoints or not network.standing]
        if bridged := [network for network in used if network.bridge]:
            yield from skeleton(name, topology.root)
            yield from inet_elements(name, [network for network in bridged if network.inner], ports)
            yield from bridge_elements(name, bridged)
        elif used:
            yield Table(
                family="inet", name=name, root=topology.root
            )  # the project's mark; it filters nothing


def skeleton(name: str, root: str = "") -> Iterator[Resource]:
    """Tables, maps and chains: the same for every project."""
    bridge = BRIDGE_MAPS | APART_MAPS, BRIDGE_CHAINS | APART_CHAINS
    for family, maps, chains in (("inet", INET_MAPS, INET_CHAINS), ("bridge", *bridge)):
        yield Table(family=family, name=name, root=root if family == "inet" else "")
        for map_name, (kind, data, flags) in maps.items():
            yield Map(family=family, table=name, name=map_name, type=kind, data=data, flags=flags)
        for chain, (hook, *rules) in chains.items():
            yield Chain(family=family, table=name, name=chain, hook=hook, rules=tuple(rules))


def inet_elements(table: str, networks: list[Network], ports: list[Port]) -> Iterator[Resource]:
    for items, where in declared(networks, ports):
        origin = Origin(where, "firewall")
        for name, item, value in items:
            yield Element(family="inet", table=table, map=name, item=item, value=value, origin=origin)


def declared(networks: list[Network], ports: list[Port]) -> Iterator[tuple[Iterator[Item], Where]]:
    """What each declaration adds to the maps, and where it stands."""
    for network in networks:
        if not network.standing:
            yield network_items(network), network.spec.where
        for endpoint in network.endpoints:
            if endpoint.host_access:
                yield host_users(endpoint), endpoint.where
    for port in ports:
        yield port_items(port), port.where


def host_users(endpoint: Endpoint) -> Iterator[Item]:
    for ip, _ in endpoint.addresses:
        yield f"host_users{6 if ':' in ip else 4}", ip, ""


def network_items(network: Network) -> Iterator[Item]:
    bridge, spec = network.bridge, network.spec
    yield "bridges", bridge, ""
    if spec.icc:  # else a frame to the gateway's MAC would be routed back to a neighbour
        yield "same_network", f"{bridge} . {bridge}", ""
    if spec.internal:
        yield "internal", bridge, ""
    if spec.host_access == "all":
        yield "host_open", bridge, ""
    for subnet in network.subnets:
        family, mode = subnet.family, network.mode(subnet.family)
        yield f"subnets{family}", subnet.cidr, ""
        if mode in ("routed", "nat-unprotected"):
            yield f"direct{family}", subnet.cidr, ""
            yield mode.replace("nat-", ""), f"{bridge} . ipv{family}", ""
        snat = spec.snat if family == 4 else spec.snat_ipv6
        if snat:
            yield f"snat{family}", subnet.cidr, snat
        elif spec.masquerade and not spec.internal and mode in ("nat", "nat-unprotected"):
            yield f"masquerade{family}", subnet.cidr, ""
    yield from routed.items(network)


def port_items(port: Port) -> Iterator[Item]:
    """One element a port, or one for a whole range that keeps its numbers; a shifted range needs one for
    each."""
    family, wire = port.family, port.protocol
    if port.routed:
        for offset in range(port.count):
            yield f"reachable{family}", f"{port.ip} . {wire} . {port.target + offset}", ""
        return
    at, name = (f"{port.host_ip} . ", f"publish_at{family}") if port.host_ip else ("", f"publish{family}")
    if port.count > 1 and port.first == port.target:
        yield f"{name}_range", f"{at}{wire} . {port.first}-{port.last}", port.ip
        return
    for offset in range(port.count):
        yield name, f"{at}{wire} . {port.first + offset}", f"{port.ip} . {port.target + offset}"


def bridge_elements(table: str, networks: list[Network]) -> Iterator[Resource]:
    for endpoint, items in guarded(networks):
        origin = Origin(endpoint.where, "firewall")
        for name, item in items:
            yield Element(family="bridge", table=table, map=name, item=item, origin=origin)
    yield from apart.elements(table, networks)

"""The firewall of a project: default deny.  Chains are constant; all that is declared is
elements of maps and sets.

The shape was tried against 7 probes that must work, 14 attacks that must fail, and 12 kinds of spoofing.
"""

from collections.abc import Iterable, Iterator

from ...cnm.topology import Network, Port, Subnet, Topology
from ...core.resource import Origin, Resource
from ...errors import Where
from ...family import family
from ...kinds.nft import Chain, Element, Map, Table
from ...kinds.ownership import TABLE_PREFIX
from . import apart
from .apart import APART_CHAINS, APART_MAPS
from .guard import BRIDGE_CHAINS, BRIDGE_MAPS, guard_items
from .rules import INET_CHAINS, INET_MAPS

Item = tuple[str, str, str]  # map, item, value


def lower(topology: Topology) -> Iterator[Resource]:
    for project in topology.projects:
        name = TABLE_PREFIX + project
        networks = [network for network in topology.networks if network.project == project]
        ports = [port for port in topology.ports if port.project == project]
        used = [network for network in networks if network.endpoints or not network.external]
        if walled := [network for network in used if network.bridge or network.inner]:
            yield from skeleton(name, topology.root)
            inner, bridged = [n for n in walled if n.inner], [n for n in walled if n.bridge]
            for items, where in declared_items(inner, ports):
                yield from elements("inet", name, items, where)
            for endpoint, guarded in guard_items(bridged):
                yield from elements("bridge", name, ((*item, "") for item in guarded), endpoint.where)
            yield from apart.elements(name, bridged)
        elif used:
            # The project's mark, which filters nothing.
            yield Table(family="inet", name=name, root=topology.root)


def skeleton(name: str, root: str = "") -> Iterator[Resource]:
    """Tables, maps and chains: the same for every project."""
    bridge = BRIDGE_MAPS | APART_MAPS, BRIDGE_CHAINS | APART_CHAINS
    for hooked, maps, chains in (("inet", INET_MAPS, INET_CHAINS), ("bridge", *bridge)):
        yield Table(family=hooked, name=name, root=root if hooked == "inet" else "")
        for map_name, (kind, data, flags) in maps.items():
            yield Map(family=hooked, table=name, name=map_name, type=kind, data=data, flags=flags)
        for chain, (hook, *rules) in chains.items():
            yield Chain(family=hooked, table=name, name=chain, hook=hook, rules=tuple(rules))


def elements(hooked: str, table: str, items: Iterable[Item], where: Where) -> Iterator[Element]:
    origin = Origin(where, "firewall")
    for name, item, value in items:
        yield Element(family=hooked, table=table, map=name, item=item, value=value, origin=origin)


def declared_items(networks: list[Network], ports: list[Port]) -> Iterator[tuple[Iterator[Item], Where]]:
    """What each declaration adds to the maps, and where it stands."""
    for network in networks:
        if not network.external:
            yield network_items(network), network.spec.where
        for endpoint in network.endpoints:
            if endpoint.host_access:
                users = ((f"host_users{family(ip)}", ip, "") for ip, _ in endpoint.addresses)
                yield users, endpoint.where
    for port in ports:
        yield port_items(port), port.where


def network_items(network: Network) -> Iterator[Item]:
    for link in network.interfaces:
        yield from interface_items(network, link)
    for subnet in network.subnets:
        yield from subnet_items(network, subnet)
    for one in network.per_host.elsewhere if network.per_host else ():
        yield f"remote{family(one.cidr)}", one.cidr, ""


def interface_items(network: Network, link: str) -> Iterator[Item]:
    """What is let through where the network's containers come in."""
    spec, modes = network.spec, {subnet.family: network.mode(subnet.family) for subnet in network.subnets}
    yield "bridges", link, ""
    if spec.icc:  # else a frame to the gateway's MAC would be routed back to a neighbour
        yield "same_network", f"{link} . {link}", ""
    if spec.internal:
        yield "internal", link, ""
    if spec.host_access == "all":
        yield "host_open", link, ""
    for number, mode in modes.items():
        if mode in ("routed", "nat-unprotected"):
            yield mode.replace("nat-", ""), f"{link} . ipv{number}", ""
    for prefix in across(network):
        yield f"remote_of{family(prefix)}", f"{link} . {prefix}", ""


def across(network: Network) -> Iterator[str]:
    """Where what its containers say to one another goes by the host."""
    if network.spec.icc and network.carrier.paired:
        yield from (subnet.cidr for subnet in network.subnets)
    if network.spec.icc and network.per_host:
        yield from (one.cidr for one in network.per_host.elsewhere)


def subnet_items(network: Network, subnet: Subnet) -> Iterator[Item]:
    spec, number, mode = network.spec, subnet.family, network.mode(subnet.family)
    yield f"subnets{number}", subnet.cidr, ""
    if mode in ("routed", "nat-unprotected"):
        yield f"direct{number}", subnet.cidr, ""
    snat = spec.snat if number == 4 else spec.snat_ipv6
    if snat:
        yield f"snat{number}", subnet.cidr, snat
    elif spec.masquerade and not spec.internal and mode in ("nat", "nat-unprotected"):
        yield f"masquerade{number}", subnet.cidr, ""


def port_items(port: Port) -> Iterator[Item]:
    """One element a port, or one for a whole range that keeps its numbers; a shifted range needs
    one for each."""
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

"""The firewall of a host: default deny.  Chains are constant; what is declared is elements of maps and sets.

The shape was tried against 7 probes that must work, 14 attacks that must fail, and 12 kinds of spoofing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ...cnm.naming import DnsView
from ...cnm.topology import Endpoint, Network, Port, Subnet, Topology
from ...core.resource import Origin, Resource
from ...errors import Where
from ...family import family
from ...kinds.comment import kept
from ...kinds.maps import HAS_PORTS, PROJECTS
from ...kinds.named import NAMES_OF
from ...kinds.nft import Element, short
from ...kinds.ownership import HOST
from ...kinds.published import LIMITS, PUBLISH, REACHABLE, twin
from . import apart, drops, groups, limits, named, policies
from .guard import GUARD, guard_items
from .mesh import MESH
from .routing_policy import BRIDGED, opened
from .rules import CORE, ELSEWHERE, MARKS, PORT_MARKS
from .ruleset import Item, Ruleset
from .shared import SHARED, numbers

OF_POLICIES = (groups.GROUPS, named.NAMED, drops.DROPS)  # beside who is bound, and by what
# Every endpoint, port or project has elements of its own in these maps.
CROWDED = frozenset(
    {
        *(
            one
            for ruleset in (MARKS, PORT_MARKS, GUARD, policies.POLICIES, *OF_POLICIES)
            for one in ruleset.maps
            if not one.startswith(NAMES_OF)  # whose chains stay as long as their elements
        ),
        *(
            name
            for ruleset in (CORE, SHARED, limits.LIMITS)
            for name in ruleset.maps
            if name.startswith((PUBLISH, REACHABLE)) or LIMITS.fullmatch(name)
        ),
        *(f"{name}{family}" for name in ("host_users", "view") for family in (4, 6)),
    }
)


def lower(topology: Topology) -> Iterator[Resource]:
    used = [network for network in topology.networks if network.endpoints or not network.external]
    inner, bridged = [n for n in used if n.inner], [n for n in used if n.bridge]
    own = {box.project for box in topology.sandboxes} | {task.project for task in topology.tasks}
    for project in sorted({network.project for network in used} | own):
        yield from mark(project, topology.roots.get(project, ""))
    if inner or topology.policy.subnets:
        yield from drops.telling(CORE, logs=topology.policies.logs).skeleton()
    if any(network.endpoints for network in bridged):
        yield from GUARD.skeleton()
    for network in inner:
        yield from declared(CORE, network.project, network_items(network), network.spec.where)
        yield from host_users(network)
        yield from opened(network)
    if any(network.per_host and network.per_host.elsewhere for network in inner):
        yield from ELSEWHERE.skeleton()
    ends = by_sandbox(inner)
    for view in topology.naming.views:
        yield from declared(CORE, view.project, view_items(view, ends), view.where)
    if any(port.share for port in topology.ports):
        yield from SHARED.skeleton()
    for port in topology.ports:
        yield from declared(CORE, port.project, port_items(port), port.where)
        yield from limits.lower(port, whole_items(port))
    yield from ports_marked(topology.ports)
    for network, endpoint, items in guard_items(bridged):
        yield from declared(GUARD, network.project, items, endpoint.where)
    for network in bridged:
        if not network.spec.icc:
            yield from apart.lower(network)
    yield from policies.lower(topology.policies)
    yield from groups.lower(topology.policies.deaf)
    yield from named.lower(topology.naming.views, ends)
    yield from drops.lower(topology.policies.logged)


def skeleton(*, logs: bool = False) -> Iterator[Resource]:
    """The tables, maps and chains that any project of any host may have, where nobody or somebody logs."""
    own = (MARKS, PORT_MARKS, CORE, limits.LIMITS, SHARED, MESH, ELSEWHERE, GUARD, BRIDGED)
    for ruleset in (*own, apart.APART, *policies.ALL, *OF_POLICIES):
        yield from drops.telling(ruleset, logs=logs).skeleton()


def mark(project: str, root: str) -> Iterator[Resource]:
    """That a project stands, and the folder that it was applied from."""
    yield from MARKS.skeleton()
    yield replace(MARKS.element(project, None, PROJECTS, short(project)), root=kept(project, root))


def ports_marked(ports: Iterable[Port]) -> Iterator[Resource]:
    """That projects have ports in these maps, by which a map that was flushed is known."""
    used = {(port.project, name) for port in ports for name, *_ in port_items(port)}
    for project, name in sorted(used):
        if name.startswith(PUBLISH):
            item = f"{short(project)} . {name.removeprefix(PUBLISH)}"
            yield from PORT_MARKS.skeleton()
            yield PORT_MARKS.element(project, None, HAS_PORTS, item)


def declared(ruleset: Ruleset, project: str, items: Iterable[Item], where: Where) -> Iterator[Element]:
    origin = Origin(where, "firewall")
    return (ruleset.element(project, origin, *item) for item in items)


def host_users(network: Network) -> Iterator[Element]:
    for endpoint in (endpoint for endpoint in network.endpoints if endpoint.host_access):
        users = ((f"host_users{family(ip)}", ip, "") for ip, _ in endpoint.addresses)
        yield from declared(CORE, network.project, users, endpoint.where)


def network_items(network: Network) -> Iterator[Item]:
    for link in () if network.external else network.interfaces:
        yield from interface_items(network, link)
    for subnet in () if network.external else network.subnets:
        yield from subnet_items(network, subnet)
    for one in network.per_host.elsewhere if network.per_host and not network.external else ():
        yield f"remote{family(one.cidr)}", one.cidr, ""


def by_sandbox(networks: Iterable[Network]) -> dict[str, list[Endpoint]]:
    found: dict[str, list[Endpoint]] = defaultdict(list)
    for end in (end for network in networks for end in network.endpoints):
        found[end.sandbox].append(end)
    return found


def view_items(view: DnsView, ends: Mapping[str, Iterable[Endpoint]]) -> Iterator[Item]:
    """Whose questions it is asked, if it is on the host at all."""
    if view.ns != HOST or view.lender:
        return
    port = str(view.port)
    yield "resolvers", port, ""
    for link in view.bridges:
        yield "view", link, port
    for name in view.sandboxes if not view.bridges else ():
        for end in ends.get(name, ()):
            yield from ((f"view{family(ip)}", ip, port) for ip, _ in end.addresses)


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
    for subnet in network.subnets if not spec.hosts_only else ():  # there routers tell of what they carry
        yield f"subnets_of{subnet.family}", f"{link} . {subnet.cidr}", ""
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
    one for each.  The first of those that share a port has all of it too (see shared.py)."""
    for name, item, value in whole_items(port):
        if port.is_first:
            yield name, item, value
        if port.share:
            yield twin(name), f"{item} . {numbers(port.share, by_client=port.by_client)}", value


def whole_items(port: Port) -> Iterator[Item]:
    """As where nobody shares it."""
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

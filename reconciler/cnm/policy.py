"""What is the host's rather than a project's: forwarding, routing policy, and what others' firewalls will
say."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_interface

from ..inventory.facts import Blocker, Device, Facts, Tagged
from ..manifest.spec import ProjectSpec
from .topology import HostPolicy, Network, Port


def policy(projects: Sequence[ProjectSpec], networks: Sequence[Network], facts: Facts) -> HostPolicy:
    """Over every network of the host: those of this run, and those of other projects that stand."""
    own = {project.name for project in projects}
    others = [standing for standing in facts.networks.values() if standing.project not in own]
    mine = [network for network in networks if network.inner and not network.standing]
    subnets = {subnet.cidr for network in mine for subnet in network.subnets}
    subnets |= {str(ip_interface(cidr).network) for standing in others for cidr in standing.subnets}
    internal = {network.bridge for network in mine if network.spec.internal}
    internal |= {standing.bridge for standing in others if standing.internal}
    inward = [n for n in mine if n.spec.internal and n.spec.icc and n.division]
    inside = {(n.bridge, cidr) for n in inward if n.division for cidr in n.division.subnets}
    inside |= {(standing.bridge, cidr) for standing in others for cidr in standing.inside}
    outward = [network for network in mine if not network.spec.internal or network.division]
    families = tuple(f for f in (4, 6) if any(s.family == f for network in outward for s in network.subnets))
    guards = tuple(
        f
        for f, on, kept in zip((4, 6), facts.forwarding, facts.guarded, strict=True)
        if kept or (not on and f in families)
    )
    return HostPolicy(
        subnets=tuple(sorted(subnets)),
        internal=tuple(sorted(internal)),
        inside=tuple(sorted(inside)),
        forwarding=families,
        guards=guards if subnets else (),
        tagged=tuple(sorted({*facts.tagged, *(t for network in networks for t in made(network))})),
        advertised=facts.router_advertisements if 6 in families else (),
    )


def made(network: Network) -> Iterator[Tagged]:
    """The 802.1Q link that the network needs."""
    if (parent := network.parent) and parent.tag:
        yield Tagged(parent.link, parent.base, parent.tag, network.mtu)


def warnings(networks: Sequence[Network], ports: Sequence[Port], facts: Facts) -> Iterator[str]:
    outward = any(network.inner and (not network.spec.internal or network.division) for network in networks)
    for blocker in facts.blockers:
        if blocker.hook == "forward" and outward:
            yield blocked(blocker, ports)
    for network in networks:
        if network.parent and network.bridge and not facts.links.get(network.parent.link, Device()).up:
            yield f"{network.parent.link} is down: network {network.name} reaches nobody beyond this host"


def blocked(blocker: Blocker, ports: Sequence[Port]) -> str:
    chain = f"chain {blocker.family} {blocker.table} {blocker.chain} (drops what it does not accept)"
    if blocker.accepts_dnat:
        return f"{chain} will drop what containers send out; published ports pass"
    published = ", ".join(sorted({f"{p.first}/{p.protocol}" for p in ports})[:8])
    what = f"published ports {published} and " if published else ""
    return f"{chain} will drop {what}what containers send out; let it accept `ct status dnat` and our bridges"

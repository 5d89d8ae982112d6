"""Endpoints, decided: addresses, interface names and which network leads out, family by family."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count

from ..errors import ManifestError
from ..inventory.facts import Facts
from ..manifest.reserved import is_link_local
from ..manifest.spec import ContainerSpec, EndpointSpec, ProjectSpec
from . import names
from .ipam import Range, Request, assign
from .topology import Endpoint, Network


@dataclass(frozen=True, slots=True)
class Member:
    """A sandbox that is wanted: its name, what was written, and of which project."""

    name: str
    spec: ContainerSpec
    project: ProjectSpec
    host: str = ""  # of `hosts:`; "" is every one

    @property
    def ends(self) -> tuple[EndpointSpec, ...]:
        match self.spec.network_mode:
            case "none":
                return ()
            case "bridge":
                key = next((n.name for n in self.project.networks if n.default), "bridge")
            case _ if self.spec.networks:
                return self.spec.networks
            case _:
                key = "default"
        return (EndpointSpec(network=key, mac_address=self.spec.mac_address, where=self.spec.where),)


BRIDGE_PORTS = 1023  # BR_MAX_PORTS (net/bridge/br_private.h) less the one that is never given

Joined = list[tuple[Member, EndpointSpec]]
Addresses = dict[tuple[str, str], list[tuple[str, int]]]  # (network, sandbox) -> (ip, prefix length)


def join(
    networks: Sequence[Network], everywhere: Sequence[Member], here: Sequence[Member]
) -> dict[str, Joined]:
    """Who is on each network, by its full name: those of this host, and on an overlay everybody."""
    overlays = {(n.project, n.key): n for n in networks if n.overlay}
    others = {(n.project, n.key): n for n in networks if not n.overlay}
    joined: dict[str, Joined] = {network.name: [] for network in networks}
    ends = [(others, member, end) for member in here for end in member.ends]
    ends += [(overlays, member, end) for member in everywhere for end in member.ends]
    for by_key, member, end in ends:
        if network := by_key.get((member.project.name, end.network)):
            joined[network.name].append((member, end))
    return joined


def attach(
    networks: Sequence[Network], members: Sequence[Member], given: Addresses
) -> dict[str, list[tuple[Network, Endpoint]]]:
    """The endpoints of every sandbox, with their networks, in the order of their interfaces."""
    by_key = {(network.project, network.key): network for network in networks}
    return {member.name: list(endpoints(member, by_key, given)) for member in members}


def refuse_crowd(network: Network, joined: Joined) -> None:
    here = network.overlay and network.overlay.host
    count = sum(not here or member.host == here for member, _ in joined)
    if network.bridge and count > BRIDGE_PORTS:
        raise ManifestError(
            f"network {network.name} would have {count} containers, and a bridge has {BRIDGE_PORTS} ports",
            "spread them over several networks",
            network.spec.where,
        )


def refuse_ends(network: Network, joined: Joined) -> None:
    """Wishes of single endpoints that the network cannot meet."""
    for _, end in joined:
        if end.mac_address and not has_macs(network):
            raise ManifestError(
                f"network {network.name} gives its containers the MAC of their parent",
                "leave `mac_address` out, or use macvlan in another mode",
                end.where,
            )
        for ip, hint in unreachable(network, end):
            raise ManifestError(f"{ip} is no address of network {network.name}", hint, end.where)


def unreachable(network: Network, end: EndpointSpec) -> Iterator[tuple[str, str]]:
    """What a network has no place for: of one that others make, the manifest alone cannot tell."""
    if end.ipv4_address and not any(subnet.family == 4 for subnet in network.subnets):
        yield end.ipv4_address, "it has no IPv4"
    for ip in (end.ipv6_address, *end.link_local_ips):
        if ":" in ip and not network.ipv6:
            yield ip, "it has no IPv6"
    for _, via in end.routes:
        if not is_link_local(ip_address(via)) and not any(Range.within(s.cidr, via) for s in network.subnets):
            known = ", ".join(subnet.cidr for subnet in network.subnets)
            yield via, f"a route leads by a neighbour, in {known or 'a subnet'}"


def has_macs(network: Network) -> bool:
    """Whether each container has a MAC of its own."""
    return network.spec.driver != "ipvlan" and not (network.parent and network.parent.mode == "passthru")


def addresses(network: Network, joined: Joined, more: Sequence[Request], facts: Facts) -> Addresses:
    """One address a family for each member and for `more`, whichever project the members are of."""
    given: Addresses = defaultdict(list)
    for family in (4, 6):
        ranges = [
            Range(spec, subnet.gateway)
            for spec, subnet in zip(network.ranges, network.subnets, strict=True)
            if subnet.family == family
        ]
        if not ranges:
            continue
        requests = [*more, *(request(network, member, end, facts, family) for member, end in joined)]
        for name, ip in assign(network.name, ranges, requests).items():
            given[network.name, name].append((ip, prefix_of(ip, ranges)))
    return given


def prefix_of(ip: str, ranges: Sequence[Range]) -> int:
    if len(ranges) == 1:
        return ranges[0].prefix.prefixlen
    return next(r.prefix.prefixlen for r in ranges if r.holds(ip))


def request(network: Network, member: Member, end: EndpointSpec, facts: Facts, family: int) -> Request:
    shared = network.overlay is not None
    held = facts.locked if shared else facts.leases
    key = (network.name, member.name) if shared else (member.name, network.home)
    return Request(
        name=member.name,
        written=end.ipv4_address if family == 4 else end.ipv6_address,
        held=tuple([ip for ip in held.get(key, ()) if (":" in ip) == (family == 6)]),
        where=end.where,
    )


def endpoints(
    member: Member, by_key: dict[tuple[str, str], Network], given: Addresses
) -> Iterator[tuple[Network, Endpoint]]:
    attached = [
        (by_key[member.project.name, end.network], end)
        for end in member.ends
        if (member.project.name, end.network) in by_key
    ]
    leading = {family: leader(family, attached) for family in (4, 6)}
    for (network, end), ifname in zip(attached, ifnames(attached), strict=True):
        mine = given.get((network.name, member.name), [])
        extra = [(ip, 64 if ":" in ip else 16) for ip in end.link_local_ips]
        yield (
            network,
            Endpoint(
                sandbox=member.name,
                ifname=ifname,
                host_link=names.host_end(member.name, ifname),
                mac=end.mac_address or (names.mac(network.id, member.name) if has_macs(network) else ""),
                addresses=(*mine, *extra),
                gateways=tuple(gateways(network, end, mine, leading)),
                routes=(*end.routes, *network.ways),
                sysctls={name.replace("IFNAME", ifname): value for name, value in end.driver_opts.items()},
                vlan=end.vlan or 1,
                trunk=tuple(sorted(end.trunk)),
                host_access=any(address == "host-gateway" for _, address in member.spec.extra_hosts),
                where=end.where,
            ),
        )


def ifnames(attached: Sequence[tuple[Network, EndpointSpec]]) -> Iterator[str]:
    """eth0, eth1 ... in Compose's order, around those that were chosen."""
    taken = {end.interface_name for _, end in attached}
    for network, end in attached:
        numbered = (f"{network.spec.container_prefix}{number}" for number in count())
        name = end.interface_name or next(name for name in numbered if name not in taken)
        taken.add(name)  # `eth` comes to eth10 by itself, and `eth1` too
        yield name


def leader(family: int, attached: Sequence[tuple[Network, EndpointSpec]]) -> EndpointSpec | None:
    """Who holds the default route: the highest gw_priority, then the first by name, as in Docker."""
    able = [
        (network, end)
        for network, end in attached
        if not network.spec.internal
        and any(s.family == family and s.gateway for s in network.subnets)
        # A bridge of ours that is the gateway is so in the first VLAN alone.
        and (end.vlan <= 1 or not network.inner)
    ]
    return min(able, key=lambda item: (-item[1].gw_priority, item[0].name))[1] if able else None


def gateways(
    network: Network,
    end: EndpointSpec,
    mine: Sequence[tuple[str, int]],
    leading: dict[int, EndpointSpec | None],
) -> Iterator[tuple[str, str]]:
    for ip, _ in mine:
        family = 6 if ":" in ip else 4
        if leading[family] is end:
            yield (
                next(s.gateway for s in network.subnets if s.family == family and holds(s.cidr, ip, network)),
                ip,
            )


def holds(cidr: str, ip: str, network: Network) -> bool:
    alone = sum((":" in s.cidr) == (":" in ip) for s in network.subnets) == 1
    return alone or Range.within(cidr, ip)

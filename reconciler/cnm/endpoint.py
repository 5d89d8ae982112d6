"""Endpoints, decided: addresses, interface names and which network leads out, family by family."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import count

from ..errors import Finding, ManifestError
from ..family import family
from ..inventory.facts import Facts
from ..kinds import names
from ..manifest.reserved import assignable, is_link_local
from ..manifest.spec import ContainerSpec, EndpointSpec, ProjectSpec
from ..mistakes import AddressTaken, NetworkLacks, NoRoom, WrongAddress
from ..values import record
from . import conflicts, macs
from .bandwidth import limits
from .handed import end_of
from .ipam import Range, Request, assign
from .occupied import had_by_others, of_the_lan, taken
from .topology import Endpoint, Network
from .vips import vip_requests
from .ways import gateways, leader, ways_out


@record
class SandboxSpec:
    """A sandbox that is wanted: its name, what was written, and of which project."""

    name: str
    spec: ContainerSpec
    project: ProjectSpec
    host: str = ""  # of `hosts:`; "" is every one
    weight: int = 1  # beside other replicas

    @property
    def endpoints(self) -> tuple[EndpointSpec, ...]:
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


BRIDGE_LINK_LOCAL = "fe80::1"
BRIDGE_PORTS = 1023  # BR_MAX_PORTS (net/bridge/br_private.h) less the one that is never given

Attachments = list[tuple[SandboxSpec, EndpointSpec]]
Addresses = dict[tuple[str, str], list[tuple[str, int]]]  # (network, sandbox) -> (ip, prefix length)


def join(
    networks: Sequence[Network], everywhere: Sequence[SandboxSpec], here: Sequence[SandboxSpec]
) -> dict[str, Attachments]:
    """Who is on each network, by its full name: those of this host, or everybody where it counts all."""
    shared = {(n.project, n.key): n for n in networks if n.carrier.everywhere}
    others = {(n.project, n.key): n for n in networks if not n.carrier.everywhere}
    attachments: dict[str, Attachments] = {network.name: [] for network in networks}
    wishes = [(others, one, end) for one in here for end in one.endpoints]
    wishes += [(shared, one, end) for one in everywhere for end in one.endpoints]
    for by_key, one, end in wishes:
        if network := by_key.get((one.project.name, end.network)):
            attachments[network.name].append((one, end))
    return attachments


def refuse_crowd(network: Network, attachments: Attachments) -> None:
    here = network.carrier.host
    count = sum(not here or one.host == here for one, _ in attachments)
    if network.bridge and count > BRIDGE_PORTS:
        raise NoRoom(
            f"network {network.name} would have {count} containers, and a bridge has {BRIDGE_PORTS} ports",
            "spread them over several networks",
            network.spec.where,
        )


def refuse_vlans(network: Network, attachments: Attachments, facts: Facts) -> None:
    """Raise where an endpoint is in a VLAN and the network cannot keep any apart."""
    for end in (end for _, end in attachments if end.vlan or end.trunk):
        if not network.carrier.vlans:
            hint = "leave `vlan` and `trunk` out; for a tagged LAN use macvlan with `parent: LINK.TAG`"
            raise NetworkLacks(f"network {network.name} has no VLANs of its own", hint, end.where)
        facts.require("vlan filtering", end.where)
        if not network.carrier.filters:
            whose = f"{network.bridge} of network {network.name} is somebody else's"
            hint = f"its owner can: ip link set {network.bridge} type bridge vlan_filtering 1"
            raise NetworkLacks(f"{whose} and keeps no VLANs apart", hint, end.where)


def vlans_of(network: Network, attachments: Attachments, facts: Facts) -> tuple[int, ...]:
    """The VLANs that somebody is in: those of other projects stay apart too."""
    here = {tag for _, end in attachments for tag in (end.vlan, *end.trunk) if tag}
    return tuple(sorted(here | facts.vlans.get(network.bridge, frozenset())))


def with_vlans(
    networks: Iterable[Network], attachments: Mapping[str, Attachments], facts: Facts
) -> list[Network]:
    """The networks with the VLANs that somebody is in."""
    return [replace(n, vlans=vlans_of(n, attachments[n.name], facts)) for n in networks]


def unmet_wishes(network: Network, attachments: Attachments) -> Iterator[ManifestError]:
    """What single endpoints ask for and the network cannot give."""
    own = {BRIDGE_LINK_LOCAL: ("the bridge", network.spec.where)} if network.inner and network.ipv6 else {}
    for one, end in attachments:
        if end.mac_address and not network.carrier.own_macs:
            message = f"network {network.name} gives its containers the MAC of their parent"
            yield NetworkLacks(message, "leave `mac_address` out, or use macvlan in another mode", end.where)
        if end_of(one.spec) and not network.bridge:
            message = f"network {network.name} has no bridge to hand a link over from"
            yield NetworkLacks(message, "attach it to a namespace, or choose another network", end.where)
        for path, ip, hint in unreachable(network, end):
            message = f"{ip} is no address of network {network.name}"
            yield WrongAddress(message, hint, end.at(path))
        for index, ip in enumerate(end.link_local_ips):
            at = end.at(f"link_local_ips[{index}]")
            holder, there = own.setdefault(ip, (f"{one.name} has it", at))
            if there is not at:
                yield AddressTaken(f"{ip} is taken: {holder}", "choose another", at, (there, holder))


def unreachable(network: Network, end: EndpointSpec) -> Iterator[tuple[str, str, str]]:
    """What a network has no place for: of one that others make, the manifest alone cannot tell."""
    if end.ipv4_address and not any(subnet.family == 4 for subnet in network.subnets):
        yield "ipv4_address", end.ipv4_address, "it has no IPv4"
    if end.ipv6_address and not network.ipv6:
        yield "ipv6_address", end.ipv6_address, "it has no IPv6"
    for index, ip in enumerate(end.link_local_ips):
        if ":" in ip and not network.ipv6:
            yield f"link_local_ips[{index}]", ip, "it has no IPv6"
    for index, (_, via) in enumerate(end.routes):
        homes = [ip_network(subnet.cidr) for subnet in network.subnets if Range.within(subnet.cidr, via)]
        ip_ = ip_address(via)
        if not is_link_local(ip_) and not any(int(ip_) in assignable(home) for home in homes):
            known = ", ".join(subnet.cidr for subnet in network.subnets)
            yield f"routes[{index}]", via, f"a route leads by a neighbour, in {known or 'a subnet'}"


def addresses(network: Network, attachments: Attachments, facts: Facts, found: list[Finding]) -> Addresses:
    """One address a family for each endpoint, whichever project the sandboxes are of, and for each host where
    the network is on several: a shared gateway would send replies to whichever host is nearer."""
    names = (f"@{host}" for host, _ in network.carrier.hosts)
    locked = ((name, facts.locked.get((network.name, name), ())) for name in names)
    gateways = [  # a slice is of when it was a routed network
        Request(name, held=tuple(ip for ip in held if "/" not in ip), where=network.spec.where)
        for name, held in locked
    ]
    others = had_by_others(network, attachments, facts)
    shunned = frozenset(others)
    given: Addresses = defaultdict(list)
    for number in (4, 6):
        ranges = [
            Range(spec, subnet.gateway, shunned.union(of_the_lan(network, spec, subnet, facts)))
            for spec, subnet in zip(network.ranges, network.subnets, strict=True)
            if subnet.family == number
        ]
        if not ranges:
            continue
        requests = [*gateways, *(request(network, one, end, facts, number) for one, end in attachments)]
        refused: list[Request] = []
        virtual = {one.name: one for one in vip_requests(network, attachments, facts, number)}
        found += taken(others, (*requests, *virtual.values()))
        for group in (requests, virtual.values()):  # who stands goes before what stands for several
            for name, ip in assign(network.name, ranges, group, refused).items():
                given[network.name, name].append((ip, prefix_of(ip, ranges)))
        found += conflicts.addresses(network.name, ranges, refused, requests)
    return given


def prefix_of(ip: str, ranges: Sequence[Range]) -> int:
    if len(ranges) == 1:
        return ranges[0].prefix.prefixlen
    return next(r.prefix.prefixlen for r in ranges if r.holds(ip))


def request(network: Network, one: SandboxSpec, end: EndpointSpec, facts: Facts, number: int) -> Request:
    """What is locked goes before what stands, which other hosts do not know of."""
    held = facts.locked.get((network.name, one.name), ())
    stands = facts.leases.get((one.name, network.home), ())
    if not (held or network.carrier.everywhere):
        held = stands
    return Request(
        name=one.name,
        written=end.ipv4_address if number == 4 else end.ipv6_address,
        held=tuple([ip for ip in held if family(ip) == number]),
        stands=stands,
        where=end.at(f"ipv{number}_address"),
    )


def endpoints(
    one: SandboxSpec, by_key: dict[tuple[str, str], Network], given: Addresses, facts: Facts
) -> Iterator[tuple[Network, Endpoint]]:
    """The endpoints of a sandbox, with their networks, in the order of their interfaces."""
    wanted = ((by_key.get((one.project.name, end.network)), end) for end in one.endpoints)
    attached = [(network, end) for network, end in wanted if network]
    ways = {network.name: ways_out(network, one.name, facts) for network, _ in attached}
    leading = {number: leader(number, attached, ways) for number in (4, 6)}
    called = [end_of(one.spec)] if end_of(one.spec) else ifnames(one.name, attached, given, facts)
    for (network, end), ifname in zip(attached, called, strict=False):
        mine = given.get((network.name, one.name), [])
        extra = [(ip, 64 if family(ip) == 6 else 16) for ip in end.link_local_ips]
        yield (
            network,
            Endpoint(
                sandbox=one.name,
                ifname=ifname,
                host_link=names.host_end(one.name, ifname, bridged=not network.carrier.paired),
                mac=end.mac_address or mac_of(network, one.name, ifname, mine, facts),
                addresses=(*mine, *extra),
                gateways=tuple(gateways(network, ways[network.name], mine, leading, end)),
                routes=(*end.routes, *network.ways),
                sysctls={name.replace("IFNAME", ifname): value for name, value in end.driver_opts.items()},
                vlan=end.vlan or network.carrier.pvid,
                trunk=tuple(sorted(end.trunk)),
                bandwidth=limits(end, network.mtu),
                called=(one.spec.name, *end.aliases),
                handed=bool(end_of(one.spec)),
                options=end.options,
                host_access=any(address == "host-gateway" for _, address in one.spec.extra_hosts),
                where=end.where,
            ),
        )


def mac_of(network: Network, sandbox: str, ifname: str, mine: Sequence[tuple[str, int]], facts: Facts) -> str:
    """What it has where none is written; "" where all have their parent's."""
    if not network.carrier.own_macs:
        return ""
    if not network.carrier.on_lan:
        return names.mac(network.id, sandbox)
    address = next((ip for ip, _ in mine), "")
    return macs.on_lan(
        network.name, sandbox, address, facts.stations.get((sandbox, ifname), ""), facts.machine
    )


def ifnames(
    sandbox: str, attached: Sequence[tuple[Network, EndpointSpec]], addresses: Addresses, facts: Facts
) -> Iterator[str]:
    """eth0, eth1 ... in Compose's order, around those that were chosen; and what stands keeps its name."""
    taken = {end.interface_name for _, end in attached}
    given = []
    for network, end in attached:
        mine = [ip for ip, _ in addresses.get((network.name, sandbox), [])]
        homes = mine if network.carrier.paired else [network.home]
        given.append(end.interface_name or kept_name(sandbox, network, homes, taken, facts))
        taken.add(given[-1])
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    for (network, _), known in zip(attached, given, strict=True):
        prefix = network.spec.container_prefix
        numbered = (f"{prefix}{number}" for number in numbers[prefix])
        name = known or next(name for name in numbered if name not in taken)
        taken.add(name)  # `eth` comes to eth10 by itself, and `eth1` too
        yield name


def kept_name(sandbox: str, network: Network, homes: Sequence[str], taken: set[str], facts: Facts) -> str:
    """What its link to this network is called already, if it has one there; "" also where root in the sandbox
    has renamed it, as the other end of a pair tells."""
    for name, there in (one for home in homes for one in facts.ifnames.get((sandbox, home), ())):
        numbered = re.fullmatch(re.escape(network.spec.container_prefix) + r"\d+", name)
        end = names.host_end(sandbox, name, bridged=not network.carrier.paired)
        if numbered and name not in taken and there in ("", end):
            return name
    return ""

"""overlay: one network over several hosts, of which each derives the same VNI, MACs and addresses by
itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..errors import ManifestError
from ..inventory.facts import Facts
from ..manifest.spec import VNIS, NetworkSpec, ProjectSpec
from . import names, wireguard
from .endpoint import Addresses, Joined
from .hosts import this_host, underlay_mtu
from .ipam import Request
from .parents import require
from .topology import Network, Overlay, Remote

PORT = 4789  # RFC 7348
PORTS = range(1024, 49152)  # Docker's own limits of --data-path-port
HASHED_VNIS = range(4096, VNIS.stop)  # below are those that people number by hand, and Docker's swarm
MOST_DIGITS = 9  # Python refuses to convert more than 4300
ANY = 0  # as a port: FRR asks for none
OVERHEAD = {4: 50, 6: 70}  # Ethernet, IP, UDP and VXLAN headers
Lock = Mapping[tuple[str, str], tuple[str, ...]]


def overlay_of(
    project: ProjectSpec, spec: NetworkSpec, name: str, ident: str, facts: Facts
) -> Overlay | None:
    """What carries the network between hosts; None where there is one host only."""
    here = this_host(project, facts)
    if spec.driver != "overlay" or here is None:
        return None
    require("vxlan", spec.where, facts)
    refuse_unequal(project, spec)
    clear = tuple((host.name, host.address) for host in project.hosts)
    encrypted = spec.options.get("encrypted") == "true"
    if encrypted and project.evpn:
        raise ManifestError(
            f"network {spec.name} is encrypted, and FRR knows only the hosts' own addresses",
            "leave `encrypted` out, or `reachability: evpn`",
            spec.where,
        )
    return Overlay(
        link=f"vx-{ident[:12]}",
        vni=vni_of(spec, name, facts),
        port=number(spec, "port", PORTS, PORT),
        host=here.name,
        hosts=wireguard.addresses(project) if encrypted else clear,
        tunnel=wireguard.tunnel_of(project, here, spec.where, facts) if encrypted else None,
        flood=spec.options.get("multicast") == "true",
        evpn=project.evpn is not None,
    )


def refuse_unequal(project: ProjectSpec, spec: NetworkSpec) -> None:
    for host in project.hosts:
        if not host.address:
            raise ManifestError(
                f"host {host.name} has no address", "an overlay needs `address:` on every host", host.where
            )
    if len({":" in host.address for host in project.hosts}) > 1:
        raise ManifestError(
            "some hosts have IPv4 addresses and some IPv6", "an overlay runs over one of them", spec.where
        )
    families = [":" in subnet.subnet for subnet in spec.subnets]
    if len(families) > len(set(families)) or any(subnet.gateway for subnet in spec.subnets):
        raise ManifestError(
            f"network {spec.name} needs one subnet a family, without a gateway",
            "on an overlay each host has a gateway address of its own",
            spec.where,
        )


def number(spec: NetworkSpec, option: str, known: range, default: int) -> int:
    text = spec.options.get(option) or str(default)
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) not in known:
        raise ManifestError(
            f"{text[:60]} is no {option} of an overlay", f"from {known[0]} to {known[-1]}", spec.where
        )
    return int(text)


def vni_of(spec: NetworkSpec, name: str, facts: Facts) -> int:
    """As written, as locked, or from the network's name."""
    hashed = HASHED_VNIS[names.number("vni", name) % len(HASHED_VNIS)]
    locked = facts.locked.get((name, "@vni"), ())
    return number(spec, "vni", VNIS, int(locked[0]) if locked else hashed)


def mtu_of(overlay: Overlay, spec: NetworkSpec, facts: Facts) -> int:
    """What the underlay leaves, unless less is written."""
    below = overlay.tunnel.mtu if overlay.tunnel else underlay_mtu(overlay.local, facts)
    room = below - OVERHEAD[6 if ":" in overlay.local else 4]
    if spec.mtu != "auto" and int(spec.mtu) > room:
        raise ManifestError(
            f"mtu {spec.mtu} of network {spec.name} does not fit into the underlay",
            f"at most {room}, since VXLAN takes the rest of the link's",
            spec.where,
        )
    return room if spec.mtu == "auto" else int(spec.mtu)


def gateway_requests(network: Network, facts: Facts) -> list[Request]:
    """An address for each host: a shared one would send replies to whichever host is nearer."""
    hosts = network.overlay.hosts if network.overlay else ()
    names_ = (f"@{name}" for name, _ in hosts)
    return [
        Request(name, held=facts.locked.get((network.name, name), ()), where=network.spec.where)
        for name in names_
    ]


def settled(network: Network, joined: Joined, given: Addresses) -> Network:
    """The network as this host has it: with its own gateway, and with everything that stands elsewhere."""
    overlay = network.overlay
    if overlay is None:
        return network
    own = [ip for ip, _ in given.get((network.name, f"@{overlay.host}"), ())]
    subnets = tuple(
        replace(s, gateway=next((ip for ip in own if (":" in ip) == (s.family == 6)), ""))
        for s in network.subnets
    )
    return replace(
        network,
        subnets=subnets,
        mac=names.mac(network.id, "bridge", overlay.host),
        overlay=replace(
            overlay,
            remotes=tuple(remotes(network, overlay, joined, given)),
            own=tuple(here(network, overlay, joined, given)),
        ),
    )


def here(network: Network, overlay: Overlay, joined: Joined, given: Addresses) -> Iterator[tuple[str, str]]:
    """Address and MAC of every endpoint on this host."""
    for member, end in joined:
        if member.host == overlay.host:
            mac = end.mac_address or names.mac(network.id, member.name)
            yield from ((ip, mac) for ip, _ in given.get((network.name, member.name), ()))


def remotes(network: Network, overlay: Overlay, joined: Joined, given: Addresses) -> Iterator[Remote]:
    """The gateways and endpoints of the other hosts."""
    address_of = dict(overlay.hosts)
    for name, address in overlay.hosts:
        if name != overlay.host:
            ips = tuple(ip for ip, _ in given.get((network.name, f"@{name}"), ()))
            yield Remote(names.mac(network.id, "bridge", name), ips, address)
    for member, end in joined:
        if not member.host:
            raise ManifestError(
                f"{member.name} is on the overlay {network.name} and says no host",
                "add `host:`, or make it a service, whose replicas take the hosts in turn",
                member.spec.where,
            )
        if member.host != overlay.host:
            ips = tuple(ip for ip, _ in given.get((network.name, member.name), ()))
            mac = end.mac_address or names.mac(network.id, member.name)
            yield Remote(mac, ips, address_of[member.host])


def lock_of(networks: Sequence[Network], given: Addresses) -> Lock:
    """What all hosts must agree on, and what must outlive every edit: a line of addresses.lock each."""
    overlays = {network.name: network for network in networks if network.overlay}
    lock = {key: tuple(ip for ip, _ in ips) for key, ips in given.items() if key[0] in overlays}
    for name, network in overlays.items():
        assert network.overlay
        lock[name, "@vni"] = (str(network.overlay.vni),)
        lock[name, "@subnet"] = tuple(subnet.cidr for subnet in network.subnets)
    return lock


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Linux has one link for a VNI and a port, and a link that takes every VNI has the port alone; to FRR a
    VNI is one network, whatever the port."""
    used = {(port, vni): f"network {name}" for (port, vni), name in facts.tunnels.items()}
    used |= {
        (device.port, device.vni): f"{name}, which is not ours,"
        for name, device in facts.links.items()
        if device.kind == "vxlan"
    }
    told = bool(facts.router) or any(network.overlay and network.overlay.evpn for network in networks)
    used |= {(ANY, vni): name for (_, vni), name in used.items() if told}
    for network in networks:
        if (overlay := network.overlay) and not network.standing:
            mine, name = (overlay.port, overlay.vni), f"network {network.name} of project {network.project}"
            if holder := used.get(mine) or used.get((overlay.port, 0)) or used.get((ANY, overlay.vni)):
                tunnel = f"VNI {overlay.vni} on UDP port {overlay.port}"
                yield ManifestError(
                    f"network {network.name}: {tunnel} is taken: {holder} has it",
                    "write another `vni` or `port` into its driver_opts",
                    network.spec.where,
                )
            used |= dict.fromkeys([mine, (ANY, overlay.vni)] if told else [mine], name)

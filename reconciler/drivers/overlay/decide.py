"""overlay: one network over several hosts, of which each derives the same VNI, MACs and
addresses by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...cnm.carrier import HostLink
from ...cnm.driver import Wanted
from ...cnm.endpoint import Addresses, Attachments
from ...cnm.hosts import this_host, underlay_mtu
from ...cnm.mtu import fitted
from ...cnm.topology import Network
from ...errors import ManifestError
from ...family import family
from ...inventory.facts import Facts
from ...kinds import names
from ...manifest.spec import VNIS, NetworkSpec, ProjectSpec
from ...mistakes import PortTaken, WrongTunnel, WrongValue
from . import wireguard
from .model import Overlay, Station, Tunnel, overlay_here, overlay_of

PORT = 4789  # RFC 7348
PORTS = range(1024, 49152)  # Docker's own limits of --data-path-port
HASHED_VNIS = range(4096, VNIS.stop)  # below are those that people number by hand, and Docker's swarm
MOST_DIGITS = 9  # Python refuses to convert more than 4300
PORT_HINT = "write another `port` into its driver_opts"
ANY = 0  # as a port: FRR asks for none
OVERHEAD = {4: 50, 6: 70}  # Ethernet, IP, UDP and VXLAN headers


def overlay(wanted: Wanted, bridge: str, facts: Facts) -> Overlay | None:
    """What carries the network between hosts; None where there is one host only."""
    project, spec, name, ident = wanted
    here = this_host(project, facts)
    if here is None:
        return None
    facts.require("vxlan", spec.where)
    refuse_unequal(project, spec)
    encrypted = spec.options.get("encrypted") == "true"
    if encrypted and project.evpn:
        message = f"network {spec.name} is encrypted, and FRR knows only the hosts' own addresses"
        raise WrongTunnel(message, "leave `encrypted` out, or `reachability: evpn`", spec.where)
    hosts = tuple((host.name, host.address) for host in project.hosts)
    hosts = wireguard.addresses(project) if encrypted else hosts
    tunnel = wireguard.tunnel_of(project, here, spec.where, facts) if encrypted else None
    uplink = names.network_link("vxlan", ident)
    links = [HostLink(uplink, f"the tunnel of network {name}")]
    links += [HostLink(tunnel.link, f"WireGuard's link of project {tunnel.project}")] if tunnel else []
    return Overlay(
        bridge=bridge,
        uplink=uplink,
        links=tuple(links),
        vni=vni_of(spec, name, facts),
        port=number(spec, "port", PORTS, PORT),
        host=here.name,
        hosts=hosts,
        tunnel=tunnel,
        flood=spec.options.get("multicast") == "true",
        evpn=project.evpn is not None,
        mtu=mtu_of(dict(hosts)[here.name], tunnel, wanted, facts),
    )


def refuse_unequal(project: ProjectSpec, spec: NetworkSpec) -> None:
    for host in project.hosts:
        if not host.address:
            hint = "an overlay needs `address:` on every host"
            raise WrongTunnel(f"host {host.name} has no address", hint, host.where)
    if len({":" in host.address for host in project.hosts}) > 1:
        hint = "an overlay runs over one of them"
        raise WrongTunnel("some hosts have IPv4 addresses and some IPv6", hint, spec.where)
    families = [":" in subnet.subnet for subnet in spec.subnets]
    if len(families) > len(set(families)) or any(subnet.gateway for subnet in spec.subnets):
        message = f"network {spec.name} needs one subnet a family, without a gateway"
        raise WrongTunnel(message, "on an overlay each host has a gateway address of its own", spec.where)


def number(spec: NetworkSpec, option: str, known: range, default: int) -> int:
    text = spec.options.get(option) or str(default)
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) not in known:
        hint = f"from {known[0]} to {known[-1]}"
        raise WrongValue(f"{text[:60]} is no {option} of an overlay", hint, spec.where)
    return int(text)


def vni_of(spec: NetworkSpec, name: str, facts: Facts) -> int:
    """As written, as locked, or from the network's name."""
    hashed = HASHED_VNIS[names.number("vni", name) % len(HASHED_VNIS)]
    locked = facts.locked.get((name, "@vni"), ())
    return number(spec, "vni", VNIS, int(locked[0]) if locked else hashed)


def mtu_of(local: str, tunnel: Tunnel | None, wanted: Wanted, facts: Facts) -> int:
    """What the underlay leaves, unless less is written."""
    below = tunnel.mtu if tunnel else underlay_mtu(local, facts)
    room = below - OVERHEAD[family(local)]
    message = f"mtu {wanted.spec.mtu} of network {wanted.spec.name} does not fit into the underlay"
    return fitted(wanted, room, facts, message, f"at most {room}, since VXLAN takes the rest of the link's")


def on_this_host(network: Network, attachments: Attachments, given: Addresses) -> Network:
    """The network as this host has it: with its own gateway, and with everything that stands elsewhere."""
    overlay = overlay_of(network)
    if overlay is None:
        return network
    own = [ip for ip, _ in given.get((network.name, f"@{overlay.host}"), ())]
    subnets = tuple(
        replace(s, gateway=next((ip for ip in own if family(ip) == s.family), "")) for s in network.subnets
    )
    everyone, here = list(stations(network, overlay, attachments, given)), overlay.local
    carrier = replace(
        overlay,
        remotes=tuple(one for one in everyone if one.host != here),
        own=tuple((ip, one.mac) for one in everyone if one.host == here for ip in one.ips),
    )
    mac = names.mac(network.id, "bridge", overlay.host)
    return replace(network, subnets=subnets, mac=mac, carrier=carrier)


def stations(
    network: Network, overlay: Overlay, attachments: Attachments, given: Addresses
) -> Iterator[Station]:
    """The endpoints of every host, and the gateways of the others."""

    def station(name: str, mac: str, host: str) -> Station:
        return Station(mac, tuple(ip for ip, _ in given.get((network.name, name), ())), address_of[host])

    address_of = dict(overlay.hosts)
    for host in address_of:
        if host != overlay.host:
            yield station(f"@{host}", names.mac(network.id, "bridge", host), host)
    for one, end in attachments:
        if not one.host:
            message = f"{one.name} is on the overlay {network.name} and says no host"
            hint = "add `host:`, or make it a service, whose replicas take the hosts in turn"
            raise WrongTunnel(message, hint, one.spec.where)
        yield station(one.name, end.mac_address or names.mac(network.id, one.name), one.host)


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Linux has one link for a VNI and a port, and a link that takes every VNI has the port alone; to FRR a
    VNI is one network, whatever the port."""
    used = {(port, vni): f"network {name}" for (port, vni), name in facts.tunnels.items()}
    used |= {
        (device.port, device.vni): f"{name}, which is not ours,"
        for name, device in facts.links.items()
        if device.kind == "vxlan"
    }
    by_vni = bool(facts.router) or any(one.evpn for one in map(overlay_of, networks) if one)
    used |= {(ANY, vni): name for (_, vni), name in used.items() if by_vni}
    for network in networks:
        if overlay := overlay_here(network):
            mine, name = (overlay.port, overlay.vni), f"network {network.name} of project {network.project}"
            if holder := used.get(mine) or used.get((overlay.port, 0)) or used.get((ANY, overlay.vni)):
                tunnel = f"VNI {overlay.vni} on UDP port {overlay.port}"
                message = f"network {network.name}: {tunnel} is taken: {holder} has it"
                hint = "write another `vni` or `port` into its driver_opts"
                yield WrongTunnel(message, hint, network.spec.where)
            used |= dict.fromkeys([mine, (ANY, overlay.vni)] if by_vni else [mine], name)


def listeners(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """Sockets of the host on a port that VXLAN links alone can share."""
    shared = {known for known, _ in facts.tunnels}
    shared |= {device.port for device in facts.links.values() if device.kind == "vxlan"}
    holders = {one.port: one.holder for one in sorted(facts.listeners, reverse=True) if one.protocol == "udp"}
    for network in networks:
        overlay = overlay_here(network)
        if overlay and overlay.port not in shared and (holder := holders.get(overlay.port)):
            what = f"UDP port {overlay.port}, which network {network.name} wants,"
            yield PortTaken(f"{what} is taken: {holder} listens on it", PORT_HINT, network.spec.where)

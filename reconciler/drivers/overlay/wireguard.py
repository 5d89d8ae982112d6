"""The WireGuard link that a project's encrypted overlays run over: its addresses, its peers, and whose
keys these are."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address

from ...cnm.hosts import underlay_mtu
from ...cnm.topology import Network
from ...errors import Finding, ManifestError, ManifestErrors, Where
from ...family import family
from ...inventory.facts import Facts
from ...kinds import names
from ...kinds.ownership import wireguard_prefix
from ...manifest.spec import LEAST_IPV6_MTU, HostSpec, ProjectSpec
from ...mistakes import PortTaken, WrongMtu, WrongTunnel
from .model import Peer, Tunnel, overlay_here, overlay_of

# IP, UDP, and the header of 16 and the tag of 16 bytes of a data message (drivers/net/wireguard/messages.h);
# its padding ends with the link's MTU (calculate_skb_padding in send.c).
PORT_HINT = "write another `wireguard_port` at this host"
OVERHEAD = {4: 60, 6: 80}


def tunnel_of(project: ProjectSpec, here: HostSpec, where: Where, facts: Facts) -> Tunnel:
    """The link as this host has it; without facts nobody's key need be there."""
    facts.require("wireguard", where)
    facts.require("IPv6", where)
    room = underlay_mtu(here.address, facts) - OVERHEAD[family(here.address)]
    narrow = room < LEAST_IPV6_MTU
    if narrow and project.name not in facts.wireguard.values():
        raise WrongMtu(f"host {here.name}: {short(room)}", "raise the MTU of the underlay", here.where)
    if facts.known and (errors := list(mistakes(project, here, facts))):
        raise ManifestErrors(errors)
    address_of = dict(addresses(project))
    return Tunnel(
        link=names.wireguard_link(project.name),
        project=project.name,
        network=str(wireguard_prefix(project.name)),
        address=address_of[here.name],
        port=here.wireguard_port,
        public_key=here.public_key,
        peers=tuple(
            Peer(host.public_key, address_of[host.name], host.address, host.wireguard_port)
            for host in project.hosts
            if host.public_key and host.name != here.name
        ),
        mtu=max(room, LEAST_IPV6_MTU),
        room=room if narrow else 0,
        secret=facts.secret,
        where=here.where,
    )


def short(room: int) -> str:
    return f"WireGuard leaves {room} bytes of the underlay's MTU, and IPv6 needs {LEAST_IPV6_MTU}"


def addresses(project: ProjectSpec) -> tuple[tuple[str, str], ...]:
    """(host, its address in the tunnel)."""
    net = wireguard_prefix(project.name).network_address.packed[:8]
    ends = ((host.name, names.digest("wireguard", project.name, host.name)[:8]) for host in project.hosts)
    return tuple((name, str(IPv6Address(net + end))) for name, end in ends)


def mistakes(project: ProjectSpec, here: HostSpec, facts: Facts) -> Iterator[ManifestError]:
    """Every host has a key, and this one the private half of its own."""
    for host in project.hosts:
        if not host.public_key:
            hint = f"run `reconcile --key` on {host.name} and add the line that it prints"
            yield WrongTunnel(f"host {host.name} has no public_key", hint, host.where)
    if mistake := foreign_key(here, facts):
        yield mistake


def foreign_key(here: HostSpec, facts: Facts) -> ManifestError | None:
    """What is wrong with the key that this host is said to have."""
    if not here.public_key or here.public_key == (mine := facts.public_key()):
        return None
    theirs = f"this machine's is `public_key: {mine}`" if mine else ""
    message = f"this machine has not the private key of host {here.name}"
    return WrongTunnel(message, theirs or "run `reconcile --key` and put its line here", here.key_where)


def tunnels(networks: Sequence[Network]) -> list[Tunnel]:
    """One for each project that has any."""
    found = (overlay.tunnel for overlay in map(overlay_here, networks) if overlay)
    return list({tunnel.project: tunnel for tunnel in found if tunnel}.values())


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
    """A UDP port of the host has one holder; and a tunnel that stands stays when its underlay shrinks."""
    ours = {tunnel.project for tunnel in tunnels(networks)}
    used = {one.port: one.holder for one in facts.listeners if one.protocol == "udp"}
    used |= {port: f"project {name}" for port, name in facts.wireguard.items()}
    used = {port: holder for port, holder in used.items() if facts.wireguard.get(port) not in ours}
    used |= {o.port: f"network {network.name}" for network in networks if (o := overlay_of(network))}
    for tunnel in tunnels(networks):
        if holder := used.get(tunnel.port):
            message = f"UDP port {tunnel.port}, which WireGuard wants, is taken: {holder} has it"
            yield PortTaken(message, PORT_HINT, tunnel.where)
        used[tunnel.port] = f"project {tunnel.project}"
        if tunnel.room:
            yield f"{short(tunnel.room)}: what project {tunnel.project} encrypts goes in fragments"

"""overlay: a bridge on every host, joined by VXLAN; all that is elsewhere is told to
the kernel beforehand."""

from collections.abc import Iterator

from ...cnm.topology import Network
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.link import STATIC_MAC, STICKY_MAC
from ...kinds.nft import Chain, Element, Map
from ...kinds.overlay import NOBODY, FdbEntries, Vxlan
from ...kinds.ownership import HOST, TABLE_PREFIX
from ...kinds.route import Route
from ...kinds.wireguard import Wireguard
from ..bridge.lower import lower as bridge
from ..endpoint import PlacedLink
from ..firewall import chain_of, filtering
from ..firewall.apart import GROUP_BIT
from ..firewall.routing_policy import known_neighbours
from . import frr
from .model import Overlay, Tunnel, overlay_of

LOUD = 1000  # frames a second: 10 Mbit/s of video, and far more than ARP, ND, DHCP and mDNS need
VNI = "@th,96,24"  # by its offset in bits behind the IP header (RFC 7348, 5)


def lower(network: Network) -> Iterator[Resource]:
    overlay = overlay_of(network)
    # FRR would tell the other hosts that a sticky one never moves (RFC 7432, 15.2).
    yield from bridge(network, STATIC_MAC if overlay and overlay.evpn else STICKY_MAC)
    if overlay is None or overlay.external:
        return
    origin = Origin(network.spec.where, "overlay")
    yield Vxlan(
        ns=HOST,
        name=overlay.uplink,
        project=network.project,
        network=network.name,
        vni=overlay.vni,
        local=overlay.local,
        port=overlay.port,
        bridge=network.bridge,
        flood=overlay.flood,
        isolated=not network.spec.icc,
        mtu=network.mtu,
        origin=origin,
    )
    yield from PlacedLink(HOST, overlay.uplink, origin).ipv6_switches(on=False)
    if overlay.evpn:  # the MAC of every address on this host, as FRR looks for them
        yield from known_neighbours(network, overlay.own, origin)
    else:
        yield from elsewhere(network, overlay, origin)
    yield from guard(network.project, overlay, origin)
    if overlay.flood:
        yield from brake(network.project, overlay, origin)
    if overlay.tunnel:
        yield from wireguard_link(overlay.tunnel)
        yield from seal(overlay, overlay.tunnel, origin)
    if overlay.speaker:
        yield from frr.router(overlay.speaker)


def elsewhere(network: Network, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """Where every MAC of the other hosts is, and which MAC every address there has."""
    flood = [f"{NOBODY} {peer}" for peer in overlay.peers] if overlay.flood else []
    macs = sorted([*flood, *(f"{remote.mac} {remote.host}" for remote in overlay.remotes)])
    if macs:
        yield FdbEntries(link=overlay.uplink, bridge=network.bridge, entries=tuple(macs), origin=origin)
    known = ((ip, remote.mac) for remote in overlay.remotes for ip in remote.ips)
    yield from known_neighbours(network, known, origin)


def guard(project: str, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """A VXLAN socket takes frames from anybody, and sends them wherever an entry says, whoever wrote it: only
    those from and to the other hosts pass.

    None is forwarded: masquerading would give a container's the address of this host, which others believe.
    """
    table, name, tunnel = TABLE_PREFIX + project, f"tunnel-{overlay.vni}", frames(overlay)
    for number, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        yield Map(family="inet", table=table, name=f"peers{number}", type=kind, origin=origin)
    for peer in overlay.peers:
        yield Element(family="inet", table=table, map=f"peers{family(peer)}", item=peer, origin=origin)
    for suffix, hook, end in (("", "input", "saddr"), ("-output", "output", "daddr")):
        rules = f"{tunnel} ip {end} != @peers4 drop", f"{tunnel} ip6 {end} != @peers6 drop"
        yield chain_of(project, name + suffix, hook, rules, origin)
    yield chain_of(project, f"{name}-forward", "forward", (f"{tunnel} drop",), origin)


def brake(project: str, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """What one container says to everybody goes out once for every host: so much of it a second, no more."""
    table, limit = TABLE_PREFIX + project, f"limit rate over {LOUD}/second burst {LOUD} packets"
    yield Map(family="bridge", table=table, name="loud", type="ifname", flags="dynamic", origin=origin)
    yield Chain(
        family="bridge",
        table=table,
        name=f"flood-{overlay.vni}",
        hook=filtering("forward"),
        rules=(f'oifname "{overlay.uplink}" {GROUP_BIT} update @loud {{ iifname {limit} }} drop',),
        origin=origin,
    )


def frames(overlay: Overlay) -> str:
    """What carries the network, in nftables' words."""
    return f"udp dport {overlay.port} {VNI} {overlay.vni}"


def wireguard_link(tunnel: Tunnel) -> Iterator[Resource]:
    """The same for every encrypted network of the project.  The link carries what hosts say to each other."""
    origin = Origin(tunnel.where, "overlay")
    yield Wireguard(
        ns=HOST,
        name=tunnel.link,
        project=tunnel.project,
        port=tunnel.port,
        public_key=tunnel.public_key,
        peers=tuple(sorted(map(str, tunnel.peers))),
        mtu=tunnel.mtu,
        secret=tunnel.secret,
        origin=origin,
    )
    on = PlacedLink(HOST, tunnel.link, origin)
    yield from on.ipv6_switches(on=True)
    yield on.address(tunnel.address, 64)
    # Without the link its prefix would have the default route, and without the firewall frames would take it.
    yield Route(ns=HOST, dst=tunnel.network, kind="unreachable", origin=origin)
    rules = f'iifname "{tunnel.link}" drop', f'oifname "{tunnel.link}" drop'
    yield chain_of(tunnel.project, f"{tunnel.link}-forward", "forward", rules, origin)


def seal(overlay: Overlay, tunnel: Tunnel, origin: Origin) -> Iterator[Resource]:
    """No frame of an encrypted network comes in or goes out but by WireGuard (CVE-2023-28840 to 28842).

    VXLAN's socket takes frames from any link, and without WireGuard's the default route would lead them away.
    """
    for hook, link in (("input", "iifname"), ("output", "oifname")):
        rules = (f'{link} != "{tunnel.link}" {frames(overlay)} drop',)
        yield chain_of(tunnel.project, f"sealed-{overlay.vni}-{hook}", hook, rules, origin)

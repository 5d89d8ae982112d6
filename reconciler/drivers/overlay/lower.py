"""overlay: a bridge on every host, joined by VXLAN; all that is elsewhere is told to
the kernel beforehand."""

from collections.abc import Iterator

from ...cnm.topology import Network
from ...core.resource import Origin, Resource
from ...kinds.link import STATIC_MAC, STICKY_MAC
from ...kinds.overlay import NOBODY, FdbEntries, Vxlan
from ...kinds.ownership import HOST
from ...kinds.route import Route
from ...kinds.wireguard import Wireguard
from ..bridge.lower import lower as bridge
from ..endpoint import PlacedLink
from ..firewall.routing_policy import known_neighbours
from . import firewall, frr
from .model import Overlay, Tunnel, overlay_of


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
    yield from firewall.lower(network.project, overlay, origin)
    if overlay.tunnel:
        yield from wireguard_link(overlay.tunnel)
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
    yield from firewall.wireguard(tunnel, origin)

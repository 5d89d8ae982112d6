"""overlay: a bridge on every host, joined by VXLAN; all that is elsewhere is told to the kernel
beforehand."""

from collections.abc import Iterator

from ..cnm.topology import Network, Overlay
from ..core.resource import Origin, Resource
from ..kinds.marks import HOST, TABLE_PREFIX
from ..kinds.nft import Chain, Element, Map
from ..kinds.overlay import NOBODY, Entries, Neighbours, Vxlan
from . import bridge
from .bridge import ipv6_switches

VNI = "@th,96,24"  # by its offset in bits behind the IP header (RFC 7348, 5)


def lower(network: Network) -> Iterator[Resource]:
    yield from bridge.lower(network)
    if (overlay := network.overlay) and not network.standing:
        origin = Origin(network.spec.where, "overlay")
        yield Vxlan(
            ns=HOST,
            name=overlay.link,
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
        yield from ipv6_switches(HOST, overlay.link, origin, on=False)
        yield from elsewhere(network, overlay, origin)
        yield from guard(TABLE_PREFIX + network.project, overlay, origin)


def elsewhere(network: Network, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """Where every MAC of the other hosts is, and which MAC every address there has."""
    flood = [f"{NOBODY} {peer}" for peer in overlay.peers] if overlay.flood else []
    macs = sorted([*flood, *(f"{remote.mac} {remote.host}" for remote in overlay.remotes)])
    ips = sorted(f"{ip} {remote.mac}" for remote in overlay.remotes for ip in remote.ips)
    if macs:
        yield Entries(link=overlay.link, bridge=network.bridge, entries=tuple(macs), origin=origin)
    if ips:
        yield Neighbours(link=network.bridge, entries=tuple(ips), origin=origin)


def guard(table: str, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """A VXLAN socket takes frames from anybody: only those of the other hosts may come in."""
    at = {"family": "inet", "table": table, "origin": origin}
    for family, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        yield Map(**at, name=f"peers{family}", type=kind)
    for peer in overlay.peers:
        yield Element(**at, map=f"peers{6 if ':' in peer else 4}", item=peer)
    tunnel = f"udp dport {overlay.port} {VNI} {overlay.vni}"
    yield Chain(
        **at,
        name=f"tunnel-{overlay.vni}",
        hook="type filter hook input priority -300; policy accept;",
        rules=(f"{tunnel} ip saddr != @peers4 drop", f"{tunnel} ip6 saddr != @peers6 drop"),
    )

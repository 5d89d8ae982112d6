"""What VXLAN, WireGuard and BGP need of the firewall: only the other hosts are to be heard."""

from collections.abc import Iterator

from ...core.resource import Origin, Resource
from ...family import family
from ..firewall.apart import GROUP_BIT
from ..firewall.ruleset import FIRST_LOOK, MapType, Ruleset, filtering
from .evpn import PORT
from .model import EvpnSpeaker, Overlay, Tunnel

LOUD = 1000  # frames a second: 10 Mbit/s of video, and far more than ARP, ND, DHCP and mDNS need
# A tunnel is a UDP port and a VNI, by its offset in bits behind the IP header (RFC 7348, 5).
VNI = "@th,96,32"
TUNNEL = f"udp dport . {VNI} & 0xffffff00"

# A VXLAN socket takes frames from anybody, and sends them wherever an entry says, whoever wrote it: only
# those from and to the other hosts pass, and those of an encrypted network only by WireGuard
# (CVE-2023-28840 to 28842): VXLAN's socket takes frames from any link, and without WireGuard's the default
# route would lead them away. None is forwarded: masquerading would give a container's the address of this
# host, which others believe.  Nor is anything by WireGuard's link, which carries what hosts say to each
# other.
TUNNELS = Ruleset(
    "inet",
    {
        "tunnels": MapType(f"udp dport . {VNI}"),
        "tunnel_peers4": MapType(f"udp dport . {VNI} . ip saddr"),
        "tunnel_peers6": MapType(f"udp dport . {VNI} . ip6 saddr"),
        "sealed": MapType(f"udp dport . {VNI}"),
        "sealed_by": MapType(f"iifname . udp dport . {VNI}"),
        "wireguard": MapType("ifname"),
    },
    {
        "tunnels_in": (filtering("input"), f"{TUNNEL} @tunnels goto tunnel_from"),
        "tunnel_from": (
            "",
            f"{TUNNEL} @sealed iifname . {TUNNEL} != @sealed_by drop",
            f"{TUNNEL} . ip saddr @tunnel_peers4 accept",
            f"{TUNNEL} . ip6 saddr @tunnel_peers6 accept",
            "drop",
        ),
        "tunnels_out": (filtering("output"), f"{TUNNEL} @tunnels goto tunnel_to"),
        "tunnel_to": (
            "",
            f"{TUNNEL} @sealed oifname . {TUNNEL} != @sealed_by drop",
            f"{TUNNEL} . ip daddr @tunnel_peers4 accept",
            f"{TUNNEL} . ip6 daddr @tunnel_peers6 accept",
            "drop",
        ),
        "tunnels_through": (
            filtering("forward"),
            f"{TUNNEL} @tunnels drop",
            "iifname @wireguard drop",
            "oifname @wireguard drop",
        ),
    },
)

# What one container says to everybody goes out once for every host: so much of it a second, no more.
FLOOD = Ruleset(
    "bridge",
    {"flooded": MapType("ifname"), "loud": MapType("ifname", flags="dynamic")},
    {
        "flood": (
            filtering("forward", FIRST_LOOK + 1),
            f"oifname @flooded {GROUP_BIT} update @loud"
            f" {{ iifname limit rate over {LOUD}/second burst {LOUD} packets }} drop",
        )
    },
)

SPEAKER = Ruleset(
    "inet",
    {"bgp_peers": MapType("ipv4_addr")},
    {
        "bgp": (
            filtering("input"),
            f"tcp dport {PORT} ip saddr != @bgp_peers drop",
            f"meta nfproto ipv6 tcp dport {PORT} drop",
        )
    },
)


def lower(project: str, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """Who may send and be sent what carries the network, and how much of it goes to all."""
    tunnel = f"{overlay.port} . {overlay.vni << 8:#010x}"
    items = [("tunnels", tunnel)]
    items += [(f"tunnel_peers{family(peer)}", f"{tunnel} . {peer}") for peer in overlay.peers]
    if overlay.tunnel:
        items += [("sealed", tunnel), ("sealed_by", f"{overlay.tunnel.link} . {tunnel}")]
    yield from TUNNELS.skeleton()
    yield from (TUNNELS.element(project, origin, *item) for item in items)
    if overlay.flood:
        yield from FLOOD.skeleton()
        yield FLOOD.element(project, origin, "flooded", overlay.uplink)


def wireguard(tunnel: Tunnel, origin: Origin) -> Iterator[Resource]:
    """Nothing is forwarded by this link."""
    yield TUNNELS.element(tunnel.project, origin, "wireguard", tunnel.link)


def speaker(speaker: EvpnSpeaker, origin: Origin) -> Iterator[Resource]:
    """Only the other hosts may speak BGP with this one."""
    yield from SPEAKER.skeleton()
    for peer in speaker.peers:
        yield SPEAKER.element(speaker.project, origin, "bgp_peers", peer)

"""evpn: FRR is told which hosts to speak with and which networks to speak of; all else it sees in the
kernel."""

from collections.abc import Iterator

from ..cnm.evpn import PORT
from ..cnm.topology import Fabric, Network, Overlay
from ..core.resource import Origin, Resource
from ..kinds.evpn import Router
from ..kinds.marks import TABLE_PREFIX
from ..kinds.nft import Chain
from ..kinds.overlay import Neighbours


def lower(fabric: Fabric) -> Iterator[Resource]:
    origin = Origin(fabric.where, "evpn")
    yield Router(
        project=fabric.project, address=fabric.address, port=PORT, config=config(fabric), origin=origin
    )
    yield Chain(
        family="inet",
        table=TABLE_PREFIX + fabric.project,
        name="evpn",
        hook="type filter hook input priority -300; policy accept;",
        rules=(f"tcp dport {PORT} ip saddr != @peers4 drop", f"meta nfproto ipv6 tcp dport {PORT} drop"),
        origin=origin,
    )


def here(network: Network, overlay: Overlay, origin: Origin) -> Iterator[Resource]:
    """The MAC of every address on this host, as FRR looks for them."""
    if overlay.own:
        entries = tuple(sorted(f"{ip} {mac}" for ip, mac in overlay.own))
        yield Neighbours(link=network.bridge, entries=entries, origin=origin)


def config(fabric: Fabric) -> str:
    """frr.conf.  Only these networks are told of: FRR sees every VXLAN link of the host, whosesoever."""
    asn, groups = fabric.asn, dict.fromkeys(map(fabric.group, fabric.peers))
    return lines(
        "frr defaults datacenter",
        "!",
        f"router bgp {asn}",
        f" bgp router-id {fabric.address}",
        " no bgp default ipv4-unicast",
        *(line for group in groups for line in session(fabric, group)),
        *(line for peer in fabric.peers for line in member(fabric, peer)),
        " !",
        " address-family l2vpn evpn",
        *(line for group in groups for line in exchange(group)),
        "  advertise-all-vni",
        "  advertise-svi-ip",
        " exit-address-family",
        "exit",
        "!",
        *(f"bgp extcommunity-list standard networks seq {n} permit rt {asn}:{n}" for n in fabric.vnis),
        "!",
        "route-map networks permit 10",
        " match extcommunity networks",
        "exit",
    )


def session(fabric: Fabric, group: str) -> Iterator[str]:
    yield f" neighbor {group} peer-group"
    yield f" neighbor {group} remote-as {fabric.asn}"
    yield f" neighbor {group} update-source {fabric.address}"


def member(fabric: Fabric, peer: str) -> Iterator[str]:
    yield f" neighbor {peer} peer-group {fabric.group(peer)}"
    yield f" neighbor {peer} port {PORT}"  # which a group does not give to its members (FRR 8.4)


def exchange(group: str) -> Iterator[str]:
    yield f"  neighbor {group} activate"
    if group == "clients":
        yield f"  neighbor {group} route-reflector-client"
    yield f"  neighbor {group} route-map networks out"


def lines(*words: str) -> str:
    return "".join(f"{line}\n" for line in words)

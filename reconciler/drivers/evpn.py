"""evpn: FRR is told which hosts to speak with and which networks to speak of; all else it sees in the
kernel."""

from collections.abc import Iterator

from ..cnm.evpn import PORT
from ..cnm.topology import Fabric, Network, Overlay
from ..core.resource import Origin, Resource
from ..kinds.evpn import Router
from ..kinds.nft import Chain
from ..kinds.ownership import TABLE_PREFIX
from .firewall.routing_policy import told_neighbours


def lower(fabric: Fabric) -> Iterator[Resource]:
    origin = Origin(fabric.where, "evpn")
    yield Router(
        project=fabric.project,
        address=fabric.address,
        port=PORT,
        config=config(fabric),
        public_key=fabric.public_key,
        keys=tuple(sorted(f"{peer} {key}" for peer, key in fabric.keys)),
        origin=origin,
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
    yield from told_neighbours(network, overlay.own, origin)


def config(fabric: Fabric) -> str:
    """frr.conf, but for the passwords.  Only these networks are told of and listened to: FRR sees every VXLAN
    link of the host, whosesoever."""
    asn, groups = fabric.asn, dict.fromkeys(map(fabric.group, fabric.peers))
    return lines(
        "frr defaults datacenter",
        "!",
        *filters(fabric),
        "!",
        f"router bgp {asn}",
        f" bgp router-id {fabric.address}",
        " no bgp default ipv4-unicast",
        *(line for group in groups for line in session(fabric, group)),
        *(line for peer in fabric.peers for line in member(fabric, peer)),
        " !",
        " address-family l2vpn evpn",
        *(line for group in groups for line in exchange(group, fabric.limit(group))),
        "  advertise-all-vni",
        "  advertise-svi-ip",
        " exit-address-family",
        "exit",
    )


def filters(fabric: Fabric) -> Iterator[str]:
    """What may be told, and what is believed: MACs and hosts, of one of the project's networks, at one of its
    hosts.  A route with two targets would go into a second network, whosesoever."""
    asn = fabric.asn
    for n in fabric.vnis:
        yield f"bgp extcommunity-list standard networks seq {n} permit rt {asn}:{n}"
    yield "bgp extcommunity-list expanded several seq 5 permit RT:.*RT:"
    yield from clause("told permit 10", "match extcommunity networks")
    yield from clause("heard deny 10", "match extcommunity several")
    for n, kind in ((20, "macip"), (30, "multicast")):
        what = f"match evpn route-type {kind}"
        yield from clause(f"heard permit {n}", what, "match extcommunity networks", "call hosts")
    # A prefix-list matches no next hop of EVPN (FRR 8.4).  A route may bear two, of which one is matched and
    # the other used: both become what was matched.
    for n, host in enumerate(fabric.hosts, 1):
        yield from clause(f"hosts permit {n}", f"match ip next-hop address {host}", f"set ip next-hop {host}")


def clause(head: str, *lines: str) -> Iterator[str]:
    yield from ("!", f"route-map {head}", *(f" {line}" for line in lines), "exit")


def session(fabric: Fabric, group: str) -> Iterator[str]:
    yield f" neighbor {group} peer-group"
    yield f" neighbor {group} remote-as {fabric.asn}"
    yield f" neighbor {group} update-source {fabric.address}"


def member(fabric: Fabric, peer: str) -> Iterator[str]:
    yield f" neighbor {peer} peer-group {fabric.group(peer)}"
    yield f" neighbor {peer} port {PORT}"  # which a group does not give to its members (FRR 8.4)


def exchange(group: str, limit: int) -> Iterator[str]:
    yield f"  neighbor {group} activate"
    if group == "clients":
        yield f"  neighbor {group} route-reflector-client"
    yield f"  neighbor {group} route-map heard in"
    yield f"  neighbor {group} route-map told out"
    if limit:  # whoever tells more is heard again a minute later
        yield f"  neighbor {group} maximum-prefix {limit} restart 1"


def lines(*words: str) -> str:
    return "".join(f"{line}\n" for line in words)

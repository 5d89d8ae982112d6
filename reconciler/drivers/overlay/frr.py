"""FRR's part: it is told which hosts to speak with and which networks to speak of, and sees the rest
in the kernel."""

from collections.abc import Iterator

from ...core.resource import Origin, Resource
from ...kinds.evpn import Router
from . import firewall
from .evpn import PORT
from .model import EvpnSpeaker


def router(speaker: EvpnSpeaker) -> Iterator[Resource]:
    origin = Origin(speaker.where, "evpn")
    yield Router(
        project=speaker.project,
        address=speaker.address,
        port=PORT,
        config=config(speaker),
        public_key=speaker.public_key,
        keys=tuple(sorted(f"{peer} {key}" for peer, key in speaker.keys)),
        origin=origin,
    )
    yield from firewall.speaker(speaker, origin)


def config(speaker: EvpnSpeaker) -> str:
    """frr.conf, but for the passwords.  Only these networks are told of and listened to: FRR sees every VXLAN
    link of the host, whosesoever."""
    asn, groups = speaker.asn, dict.fromkeys(map(speaker.group, speaker.peers))
    return lines(
        "frr defaults datacenter",
        "!",
        *filters(speaker),
        "!",
        f"router bgp {asn}",
        f" bgp router-id {speaker.address}",
        " no bgp default ipv4-unicast",
        *(line for group in groups for line in session(speaker, group)),
        *(line for peer in speaker.peers for line in member(speaker, peer)),
        " !",
        " address-family l2vpn evpn",
        *(line for group in groups for line in exchange(group, speaker.limit(group))),
        "  advertise-all-vni",
        "  advertise-svi-ip",
        " exit-address-family",
        "exit",
    )


def filters(speaker: EvpnSpeaker) -> Iterator[str]:
    """What may be told, and what is believed: MACs and hosts, of one of the project's networks, at one of its
    hosts.  A route with two targets would go into a second network, whosesoever."""
    asn = speaker.asn
    for n in speaker.vnis:
        yield f"bgp extcommunity-list standard networks seq {n} permit rt {asn}:{n}"
    yield "bgp extcommunity-list expanded several seq 5 permit RT:.*RT:"
    yield from clause("told permit 10", "match extcommunity networks")
    yield from clause("heard deny 10", "match extcommunity several")
    for n, kind in ((20, "macip"), (30, "multicast")):
        what = f"match evpn route-type {kind}"
        yield from clause(f"heard permit {n}", what, "match extcommunity networks", "call hosts")
    # A prefix-list matches no next hop of EVPN (FRR 8.4).  A route may bear two, of which one is matched and
    # the other used: both become what was matched.
    for n, host in enumerate(speaker.hosts, 1):
        yield from clause(f"hosts permit {n}", f"match ip next-hop address {host}", f"set ip next-hop {host}")


def clause(head: str, *lines: str) -> Iterator[str]:
    yield from ("!", f"route-map {head}", *(f" {line}" for line in lines), "exit")


def session(speaker: EvpnSpeaker, group: str) -> Iterator[str]:
    yield f" neighbor {group} peer-group"
    yield f" neighbor {group} remote-as {speaker.asn}"
    yield f" neighbor {group} update-source {speaker.address}"


def member(speaker: EvpnSpeaker, peer: str) -> Iterator[str]:
    yield f" neighbor {peer} peer-group {speaker.group(peer)}"
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

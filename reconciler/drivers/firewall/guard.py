"""The guard at a container's port: what may come out of it, word for word; it never varies.

It stands in the bridge family, which alone sees ARP, neighbour discovery and tags.  A frame is looked at
twice: whether it is the container's own to send (`own_...`, `tagged_...`), then what it says (`said_...`).
A rule that accepts has read what it accepts: what is cut short or hidden falls through to the `drop`.
"""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network

from ...cnm.topology import Endpoint, Network
from ...kinds.names import link_local
from ...kinds.ownership import GROUP
from .ruleset import Item, MapType, Ruleset, filtering

# By offset, as nft has words for the target of neighbour discovery from 1.0.8 on: its options and its target
# behind the ICMPv6 header (RFC 4861, 4.3 and 4.4), and the source of an IPv6 packet as the same type.
TARGET, SOURCE6 = "@th,64,128", "@nh,64,128"
TAG = "@ll,112,32 & 0x0fff0000"  # the VLAN's number, without priority; what follows is the inner type

MAPS = {
    "ports": MapType("ifname"),
    "own4": MapType("ifname . ether_addr . ipv4_addr"),
    "own6": MapType(f"iifname . ether saddr . {SOURCE6}"),
    "links6": MapType("iifname . @th,192,64"),  # the MAC as an option of neighbour discovery, less its type
    "trunks": MapType("iifname . ether saddr . @ll,112,32"),
    "held4": MapType("ifname . ipv4_addr", flags="interval"),  # what is an endpoint's own in tagged VLANs too
    "held6": MapType(f"iifname . {SOURCE6}", flags="interval"),
}

# With their protocol named, since nft else asks for the type in the Ethernet header, where a tagged frame has
# its tag.
ARP = "meta protocol arp"
ICMP, IGMP = "meta protocol ip icmp type", "meta protocol ip igmp type"
ICMPV6, FRAGMENT = "meta protocol ip6 icmpv6 type", "meta protocol ip6 frag"
# Hop-by-hop options, routing, fragment, destination options; behind an authentication header nobody looks who
# has no key.
EXTENSIONS = ("0", "43", "44", "60")
# The addresses stand where they are looked for only in ARP for IPv4 over Ethernet.
PLAIN_ARP = f"{ARP} arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation {{ request, reply }}"
# Nobody but the host serves DHCP; clients ask by the port that they listen on.  Sets, since nft 1.0.6 makes
# one comparison of two whose fields are neighbours, which "!=" does not survive.
UDP = "udp sport != { 67, 547 } udp dport != { 68, 546 } accept"
HIGH = "udp sport > 547 udp dport > 546 accept"  # which most are, and without a lookup


def own_links(*places: int) -> Iterator[str]:
    """Rules for the options of neighbour discovery: link-layer addresses (1, 2) are the sender's own.

    `places` are bytes behind the start of the ICMPv6 header; options are multiples of 8 bytes.
    """
    for bit in (8 * place for place in places):
        option = f"iifname . @th,{bit},64 & 0x00ffffffffffffff"
        yield f"@th,{bit},8 {{ 1, 2 }} {option} != @links6 drop"


CHAINS = {
    # Most frames are known by their first lookup; the group only chooses the quick way.
    "guard": (
        filtering("prerouting"),
        f"iifgroup {GROUP} ether type ip iifname . ether saddr . ip saddr @own4 goto said_ipv4",
        f"iifgroup {GROUP} ether type ip6 iifname . ether saddr . {SOURCE6} @own6 goto said_ipv6",
        "iifname != @ports accept",
        "ether type vmap { arp : goto own_arp, 8021q : goto tagged }",
        "drop",  # STP, other tags, unknown types, and who is somebody else
    ),
    # Containers take what is for their loopback, since 127.0.0.11 is beyond it: from the host alone.
    "loopback": (filtering("forward"), "ip daddr 127.0.0.0/8 oifname @ports drop"),
    "own_arp": (
        "",
        f"{PLAIN_ARP} iifname . ether saddr . arp saddr ip @own4"
        " iifname . arp saddr ether . arp saddr ip @own4 accept",
        "drop",
    ),
    # The kernel takes the tag off before `meta protocol`, `ip` and `arp` look; the bridge puts VID 0 into the
    # untagged VLAN.  A second tag would be the first on a wire where this one is taken off.
    "tagged": (
        "",
        f"iifname . ether saddr . {TAG} != @trunks drop",
        "meta protocol vmap { ip : goto tagged_ipv4, ip6 : goto tagged_ipv6, arp : goto tagged_arp }",
        "drop",
    ),
    # There a trunk may have addresses that nobody declared, but none of the network's that is not its own.
    "tagged_ipv4": (
        "",
        "iifname . ether saddr . ip saddr @own4 goto said_ipv4",
        "iifname . ip saddr @held4 drop",
        "ip saddr 169.254.0.0/16 drop",
        "goto said_ipv4",
    ),
    "tagged_ipv6": (
        "",
        f"iifname . ether saddr . {SOURCE6} @own6 goto said_ipv6",
        f"iifname . {SOURCE6} @held6 drop",
        "ip6 saddr fe80::/10 drop",
        "goto said_ipv6",
    ),
    "tagged_arp": ("", f"{PLAIN_ARP} iifname . arp saddr ether . {TAG} @trunks goto tagged_claim", "drop"),
    "tagged_claim": (
        "",
        f"{ARP} iifname . ether saddr . arp saddr ip @own4 accept",
        f"{ARP} iifname . arp saddr ip @held4 drop",
        f"{ARP} arp saddr ip 169.254.0.0/16 drop",
        f"{ARP} arp saddr ip 0.0.0.0 iifname . arp daddr ip @held4 drop",  # a probe makes the owner give way
        "accept",
    ),
    # No redirects (5), routers (9), IGMP queries (0x11) nor multicast routers (0x30).  A fragment that is not
    # the first is nothing without the first, which holds the 8 bytes that are looked at.
    "said_ipv4": (
        "",
        "meta l4proto tcp accept",
        HIGH,
        "meta l4proto != { icmp, igmp, udp } accept",
        UDP,
        "ip frag-off & 0x1fff != 0 accept",
        f"{ICMP} != {{ 5, 9 }} accept",
        f"{IGMP} != {{ 0x11, 0x30 }} accept",
        "drop",
    ),
    "said_ipv6": (
        "",
        f"ip6 nexthdr vmap {{ {', '.join(f'{header} : goto said_behind' for header in EXTENSIONS)},"
        " udp : goto said_udp, icmpv6 : goto said_icmpv6 }",
        "accept",
    ),
    # Behind extension headers.  A fragment tells its protocol unless another such header follows, of which a
    # part may be elsewhere; in one that is not the first the kernel takes other bytes for `udp` and `icmpv6`.
    # An echo is cut where the least MTU is full: 1280 bytes less the headers (RFC 8200, 4.5), in eights.
    "said_behind": (
        "",
        f"{FRAGMENT} nexthdr {{ {', '.join(EXTENSIONS)} }} drop",
        "meta l4proto != { udp, icmpv6 } accept",
        f"meta l4proto udp {FRAGMENT} frag-off != 0 accept",
        f"meta l4proto icmpv6 {FRAGMENT} frag-off >= 154 accept",
        f"{FRAGMENT} frag-off != 0 drop",
        "meta l4proto vmap { udp : goto said_udp, icmpv6 : goto said_icmpv6 }",
        "drop",
    ),
    "said_udp": ("", HIGH, UDP, "drop"),
    # No MLD queries (130), routers (134), redirects (137), renumbering (138) nor multicast routers (151).
    "said_icmpv6": (
        "",
        f"{ICMPV6} != {{ 130, 133, 134, 135, 136, 137, 138, 151 }} accept",
        f"{ICMPV6} {{ 133, 135, 136 }} goto said_discovery",
        "drop",
    ),
    # Solicitations of routers (133) and neighbours (135), advertisements of neighbours (136): in one piece
    # (RFC 6980), without extension headers, and with three options at most, so that all can be read.
    "said_discovery": (
        "",
        "ip6 nexthdr != icmpv6 drop",
        "ip6 length > 48 drop",
        *(f"{ICMPV6} 133 {rule}" for rule in own_links(8, 16)),
        *own_links(24, 32, 40),
        f"iifname . ether saddr . {TARGET} @own6 accept",
        f"{ICMPV6} != 136 ip6 saddr != :: accept",
        "ether type ip6 drop",  # untagged
        f"iifname . {TARGET} @held6 drop",
        "@th,64,16 & 0xffc0 == 0xfe80 drop",
        "accept",
    ),
}

GUARD = Ruleset("bridge", MAPS, CHAINS)


def guard_items(networks: list[Network]) -> Iterator[tuple[Network, Endpoint, Iterator[Item]]]:
    """What the maps hold of each endpoint on these networks, of which a project's may share bridges."""
    held: dict[tuple[str, str], list[str]] = defaultdict(list)
    for network in networks:
        held[network.project, network.bridge] += (subnet.cidr for subnet in network.subnets)
    for network in networks:
        for endpoint in network.endpoints:
            yield network, endpoint, items(endpoint, held[network.project, network.bridge])


def items(endpoint: Endpoint, held: list[str]) -> Iterator[Item]:
    """What may come out of a container's port: its MAC with each of its addresses; of a trunk, also tags."""
    link, mac = endpoint.host_link, endpoint.mac
    yield "ports", link, ""
    for ip in endpoint.of_family(4):
        yield "own4", f"{link} . {mac} . {ip}", ""
    own6 = endpoint.of_family(6)
    for ip in own6:
        yield "own6", f"{link} . {mac} . {number(ip)}", ""
    if own6 or endpoint.trunk:
        yield "links6", f"{link} . 0x0001{mac.replace(':', '')}", ""
    if endpoint.trunk:
        yield from trunk(endpoint, held)


def trunk(endpoint: Endpoint, held: list[str]) -> Iterator[Item]:
    """Links in tagged VLANs are the container's to make; they share its MAC, and the address made of that."""
    link, mac = endpoint.host_link, endpoint.mac
    for vlan in endpoint.trunk:
        yield "trunks", f"{link} . {mac} . {vlan << 16:#010x}", ""
    if (own := link_local(mac)) not in endpoint.of_family(6):
        yield "own6", f"{link} . {mac} . {number(own)}", ""
    prefixes = [ip_network(cidr) for cidr in held]
    for four in collapse_addresses(p for p in prefixes if isinstance(p, IPv4Network)):
        yield "held4", f"{link} . {four}", ""
    for six in collapse_addresses(p for p in prefixes if isinstance(p, IPv6Network)):
        yield "held6", f"{link} . {number(six[0])}-{number(six[-1])}", ""


def number(ip: str | IPv6Address) -> str:
    return f"{int(IPv6Address(ip)):#034x}"

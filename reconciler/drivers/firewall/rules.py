"""The rules of a project's inet table, word for word; they never vary, whatever is declared."""

from collections.abc import Iterator
from typing import NamedTuple

from ...kinds.ownership import GROUP, PAIR
from .routing_policy import LAST, SET

WIRE = "inet_proto . inet_service"


class MapType(NamedTuple):
    """What a map holds; `data` is "" for a set."""

    type: str
    data: str = ""
    flags: str = ""


Maps = dict[str, MapType]


def of_family(family: int, ip: str) -> Maps:
    service = f"{ip} . inet_service"
    return {
        f"subnets{family}": MapType(ip, flags="interval"),
        f"remote{family}": MapType(ip, flags="interval"),  # slices of routed networks on other hosts
        f"remote_of{family}": MapType(f"ifname . {ip}", flags="interval"),  # likewise, by its bridge
        f"direct{family}": MapType(ip, flags="interval"),  # may be reached without NAT
        f"masquerade{family}": MapType(ip, flags="interval"),
        f"snat{family}": MapType(ip, ip, "interval"),
        f"host_users{family}": MapType(ip),  # extra_hosts: NAME:host-gateway
        f"reachable{family}": MapType(f"{ip} . {WIRE}"),  # published ports of routed networks
        f"publish{family}": MapType(WIRE, service),
        f"publish_at{family}": MapType(f"{ip} . {WIRE}", service),
        f"publish{family}_range": MapType(WIRE, ip, "interval"),
        f"publish_at{family}_range": MapType(f"{ip} . {WIRE}", ip, "interval"),
        # What passed through published ports, by the container's address and port.
        f"connections{family}": MapType(f"{ip} . {WIRE}", flags="dynamic"),
        f"received{family}": MapType(f"{ip} . {WIRE}", flags="dynamic"),
        f"sent{family}": MapType(f"{ip} . {WIRE}", flags="dynamic"),
    }


INET_MAPS: Maps = {
    "bridges": MapType("ifname"),  # of this project
    "same_network": MapType("ifname . ifname"),  # with br_netfilter, bridged frames pass forward too
    "internal": MapType("ifname"),
    "host_open": MapType("ifname"),  # host_access: all
    "routed": MapType("ifname . nf_proto"),
    "unprotected": MapType("ifname . nf_proto"),
    **of_family(4, "ipv4_addr"),
    **of_family(6, "ipv6_addr"),
}


def counting_rules(name: str, way: str) -> Iterator[str]:
    """Rules that count a packet of a published port under the container's end of it: `way` is s or d."""
    for family, ip in ((4, "ip"), (6, "ip6")):
        end = f"{ip} {way}addr . meta l4proto . th {way}port"
        yield f"ct status dnat update @{name}{family} {{ {end} counter }}"
        yield f"{end} @reachable{family} update @{name}{family} {{ {end} counter }}"


# name: (hook, rule, rule, ...)
INET_CHAINS: dict[str, tuple[str, ...]] = {
    "publish": (
        "",
        "dnat ip to ip daddr . meta l4proto . th dport map @publish_at4",
        "dnat ip to meta l4proto . th dport map @publish4",
        "dnat ip to ip daddr . meta l4proto . th dport map @publish_at4_range",
        "dnat ip to meta l4proto . th dport map @publish4_range",
        "dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish_at6",
        "dnat ip6 to meta l4proto . th dport map @publish6",
        "dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish_at6_range",
        "dnat ip6 to meta l4proto . th dport map @publish6_range",
    ),
    "direct": (
        "",
        f"iifgroup {GROUP} drop",  # between networks
        "ip saddr @remote4 drop",
        "ip6 saddr @remote6 drop",
        "oifname . meta nfproto @unprotected accept",
        "oifname . meta nfproto @routed icmp type echo-request accept",
        "oifname . meta nfproto @routed icmpv6 type echo-request accept",
        "ip daddr . meta l4proto . th dport @reachable4 accept",
        "ip6 daddr . meta l4proto . th dport @reachable6 accept",
        "drop",
    ),
    # Before conntrack and DNAT: what claims to be loopback, or one of ours, from outside (CVE-2020-8558, and
    # 127.0.0.1 publishing seen from the LAN).
    "outside": (
        "type filter hook prerouting priority -300; policy accept;",
        'iifname != "lo" ip daddr 127.0.0.0/8 drop',
        # Connections are known by what comes here, whether or not it may go on.  Frames to the link-local
        # group come by the port itself, past the guard; with br_netfilter Linux confirms what is sent to all
        # (br_nf_local_in), though it be for one address.
        # What never was a port is named otherwise.
        f'iifgroup {GROUP} iifname != "{PAIR}*" meta iifkind {{ "veth", "vxlan" }} drop',
        f"iifgroup {GROUP} meta pkttype {{ broadcast, multicast }}"
        " fib daddr type != { broadcast, multicast } drop",
        f'iifname != "lo" iifgroup != {GROUP} ip saddr @subnets4 drop',
        f'iifname != "lo" iifgroup != {GROUP} ip6 saddr @subnets6 drop',
        # What says that it is of another host comes by the link that leads there, if at all.
        "ip saddr @remote4 fib saddr . iif oif missing drop",
        "ip6 saddr @remote6 fib saddr . iif oif missing drop",
    ),
    # DNAT requires a local destination (CVE-2025-67499).
    "inbound": (
        "type nat hook prerouting priority -100; policy accept;",
        "fib daddr type local jump publish",
    ),
    # [::1] cannot be DNATed: the kernel drops the replies.  Left alone it is refused, and clients fall back
    # to v4.
    "local": (
        "type nat hook output priority -100; policy accept;",
        "ip6 daddr ::1 accept",
        "fib daddr type local jump publish",
    ),
    # What may go to a container bears the mark that the routing policy asks for, when all others have looked
    # at theirs; see policy.py.
    "admit": (
        f"type filter hook prerouting priority {LAST}; policy accept;",
        "ip daddr @subnets4 jump known",
        "ip6 daddr @subnets6 jump known",
    ),
    "known": (
        "",
        "fib daddr type local return",
        f"ct state established,related {SET}",
        f"ct status dnat {SET}",
        f"ip daddr @direct4 {SET}",
        f"ip6 daddr @direct6 {SET}",
    ),
    "outbound": (
        "type nat hook postrouting priority 100; policy accept;",
        *(f"oifname @bridges {rule}" for rule in counting_rules("connections", "d")),  # once for each
        # From the host's loopback, and hairpin: replies must come back through the host.  Matched by address,
        # since br_netfilter leaves iifname empty here.
        "oifname @bridges ip saddr 127.0.0.0/8 masquerade",
        "oifname @bridges ip saddr @subnets4 ct status dnat masquerade",
        "oifname @bridges ip6 saddr @subnets6 ct status dnat masquerade",
        f"oifgroup {GROUP} accept",
        "ip daddr @remote4 accept",  # sources are kept
        "ip6 daddr @remote6 accept",
        "snat ip to ip saddr map @snat4",
        "snat ip6 to ip6 saddr map @snat6",
        "ip saddr @masquerade4 masquerade",
        "ip6 saddr @masquerade6 masquerade",
    ),
    # The kernel believes an error of whoever quotes a packet that it may have sent, of a VXLAN one by its VNI
    # alone (vxlan_err_lookup), and the path MTU to that host is low for ten minutes.  An error about no
    # connection changes no route; one of a container's is about connections with containers.
    "errors": (
        "",
        "ct state invalid icmp type destination-unreachable icmp code frag-needed drop",
        "ct state invalid icmp type redirect drop",
        "ct state invalid icmpv6 type packet-too-big drop",
        "iifname != @bridges return",
        "ct state invalid meta l4proto { icmp, icmpv6 } drop",
        "ct original ip saddr != @subnets4 ct reply ip saddr != @subnets4 drop",
        "ct original ip6 saddr != @subnets6 ct reply ip6 saddr != @subnets6 drop",
    ),
    # Containers may use what the host publishes, not what it serves.
    "to_host": (
        "type filter hook input priority 0; policy accept;",
        "ct state invalid,related jump errors",
        "iifname != @bridges accept",
        "ct state established,related accept",
        "meta l4proto icmp accept",
        "meta l4proto ipv6-icmp accept",
        "iifname @host_open accept",
        "ip saddr @host_users4 accept",
        "ip6 saddr @host_users6 accept",
        "drop",
    ),
    "received": (
        "type filter hook postrouting priority 0; policy accept;",
        "oifname != @bridges accept",
        "ct direction reply accept",
        *counting_rules("received", "d"),
    ),
    "sent": (
        "type filter hook prerouting priority -90; policy accept;",
        "iifname != @bridges accept",
        "ct direction original accept",
        *counting_rules("sent", "s"),
    ),
    "forward": (
        "type filter hook forward priority 0; policy accept;",
        "iifname != @bridges oifname != @bridges accept",
        "ct state invalid drop",
        "ct state established,related accept",
        "iifname . oifname @same_network accept",
        "iifname . ip daddr @remote_of4 accept",
        "iifname . ip6 daddr @remote_of6 accept",
        "oifname . ip saddr @remote_of4 accept",
        "oifname . ip6 saddr @remote_of6 accept",
        "ip daddr @remote4 drop",  # between networks, as in `direct`
        "ip6 daddr @remote6 drop",
        "iifname @internal drop",
        "oifname @internal drop",
        "oifname @bridges ct status dnat accept",
        "oifname @bridges jump direct",
    ),
}

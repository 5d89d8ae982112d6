"""The rules of `inet reconciler`, word for word; they never vary, whatever is declared.

An established packet passes three of these chains, and few of their rules: `outside`, `admit`, and then
either `forward` or `to_host`.
"""

from ...kinds.maps import HAS_PORTS, PROJECTS
from ...kinds.ownership import DOCKER_RESOLVER, GROUP, PAIR
from .icmp_errors import ICMP_ERRORS
from .ruleset import FIRST, LAST, Maps, MapType, Ruleset, filtering

WIRE = "inet_proto . inet_service"
# Set on packets to a container that the firewall admits, from the end of prerouting to the start of forward
# or input, and on frames that a bridge forwards, while br_netfilter shows them to inet; no other bit is
# ours, but for those of mesh.py.
MARK = 1 << 24
MARKED = f"meta mark & {MARK:#x} == {MARK:#x}"
SET = f"meta mark set meta mark | {MARK:#x}"
CLEAR = f"meta mark set meta mark & {MARK ^ 0xFFFFFFFF:#x}"

QUESTION = "meta l4proto { 6, 17 } th dport 53"  # as numbers: see `to_host`
DOCKER_DNS = f"{{ {DOCKER_RESOLVER} . 6 . 53, {DOCKER_RESOLVER} . 17 . 53 }}"
# A connection that was ended is unknown to conntrack, which would take what its server says next for the
# begin of another, towards the client (nf_conntrack_tcp_loose): by a port that was published as it was, or at
# a routed address, it would go on.  Who began one has a port of net.ipv4.ip_local_port_range: what conntrack
# has lost of those goes on.
NO_BEGIN = "tcp flags & (syn | ack) != syn"
GOING_ON = f"{NO_BEGIN} tcp sport < 32768"
CONNECTIONS = 4  # of one container with who answers for names


def of_family(family: int, ip: str) -> Maps:
    service = f"{ip} . inet_service"
    return {
        f"subnets{family}": MapType(ip, flags="interval"),
        f"subnets_of{family}": MapType(f"ifname . {ip}", flags="interval"),  # likewise, by its bridge
        f"remote{family}": MapType(ip, flags="interval"),  # slices of routed networks on other hosts
        f"remote_of{family}": MapType(f"ifname . {ip}", flags="interval"),  # likewise, by its bridge
        f"direct{family}": MapType(ip, flags="interval"),  # may be reached without NAT
        f"masquerade{family}": MapType(ip, flags="interval"),
        f"snat{family}": MapType(ip, ip, "interval"),
        f"host_users{family}": MapType(ip),  # extra_hosts: NAME:host-gateway
        f"opened{family}": MapType(f"{ip} . {ip} . {WIRE}", flags="interval"),  # from one network to another
        f"reachable{family}": MapType(f"{ip} . {WIRE}"),  # published ports of routed networks
        f"publish{family}": MapType(WIRE, service),
        f"publish_at{family}": MapType(f"{ip} . {WIRE}", service),
        f"publish{family}_range": MapType(WIRE, ip, "interval"),
        f"publish_at{family}_range": MapType(f"{ip} . {WIRE}", ip, "interval"),
    }


# The projects that stand, each with the directory that it was applied from.
MARKS = Ruleset("inet", {PROJECTS: MapType("ifname")})
# In which maps they have ports: a flush of these does not take it along.
PORT_MARKS = Ruleset("inet", {HAS_PORTS: MapType("ifname . ifname")})

CORE = Ruleset(
    "inet",
    {
        "bridges": MapType("ifname"),  # of every project
        "same_network": MapType("ifname . ifname"),  # with br_netfilter, bridged frames pass forward too
        "internal": MapType("ifname"),
        "host_open": MapType("ifname"),  # host_access: all
        "routed": MapType("ifname . nf_proto"),
        "unprotected": MapType("ifname . nf_proto"),
        # Who answers those that come in there, but for those on several networks.
        "view": MapType("ifname", "inet_service"),
        "view4": MapType("ipv4_addr", "inet_service"),
        "view6": MapType("ipv6_addr", "inet_service"),
        "resolvers": MapType("inet_service"),  # the ports of all that answer
        "asking4": MapType("ipv4_addr", flags="dynamic"),  # who has connections to them
        "asking6": MapType("ipv6_addr", flags="dynamic"),
        "unrouted": MapType("nf_proto"),  # the host was no router of these before us
        **of_family(4, "ipv4_addr"),
        **of_family(6, "ipv6_addr"),
    },
    {
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
        # Before conntrack and DNAT, since connections are known by what comes here, whether or not it may
        # go on: what claims to be loopback, or one of ours, from outside (CVE-2020-8558, and 127.0.0.1
        # publishing seen from the LAN).
        "outside": (
            filtering("prerouting"),
            f"iifgroup {GROUP} goto inside",
            'iif "lo" accept',
            "ip daddr 127.0.0.0/8 drop",
            "ip saddr @subnets4 drop",
            "ip6 saddr @subnets6 drop",
        ),
        # Frames to the link-local group come by the port itself, past the guard; with br_netfilter Linux
        # confirms what is sent to all (br_nf_local_in), though it be for one address.  What never was a
        # port is named otherwise.
        "inside": (
            "",
            f"ip daddr 127.0.0.0/8 ip daddr . meta l4proto . th dport != {DOCKER_DNS} drop",
            'meta iifkind "bridge" meta pkttype host accept',
            f'iifname != "{PAIR}*" meta iifkind {{ "veth", "vxlan" }} drop',
            "meta pkttype { broadcast, multicast } fib daddr type != { broadcast, multicast } drop",
        ),
        # DNAT requires a local destination (CVE-2025-67499).  Nothing with a link-local source is forwarded
        # (ip6_forward): left alone it is refused at once.
        "inbound": (
            "type nat hook prerouting priority -100; policy accept;",
            f"iifgroup != {GROUP} ip6 saddr fe80::/10 accept",
            f"iifgroup {GROUP} {QUESTION} goto question",
            "fib daddr type local jump publish",
        ),
        # A container's own gateway answers for names; at other addresses of the host what is published there
        # comes first, and no container gets at what another network's are told.
        "question": (
            "",
            "fib daddr . iif type local goto view",
            f"ip daddr . meta l4proto . th dport {DOCKER_DNS} goto view",
            "fib daddr type local jump publish",
            "fib daddr type local goto view",
        ),
        "view": (
            "",
            "meta l4proto { 6, 17 } redirect to ip saddr map @view4",
            "meta l4proto { 6, 17 } redirect to ip6 saddr map @view6",
            "meta l4proto { 6, 17 } redirect to iifname map @view",
        ),
        # [::1] cannot be DNATed: the kernel drops the replies.  Left alone it is refused, and clients fall
        # back to v4.  What is sent to a link-local address of one's own comes from there.
        "local": (
            "type nat hook output priority -100; policy accept;",
            "ip6 daddr { ::1, fe80::/10 } accept",
            "fib daddr type local jump publish",
        ),
        # What may go to a container bears the mark that the routing policy asks for, when all others have
        # looked at theirs; see routing_policy.py.  Whatever else bears it loses it in `forward` or `to_host`.
        "admit": (
            filtering("prerouting", LAST),
            f"iifgroup {GROUP} ct direction reply ct status & (snat | dnat) == dnat accept",  # goes outside
            "ip daddr @subnets4 goto known",
            "ip6 daddr @subnets6 goto known",
        ),
        "known": (
            "",
            f"ct state established {SET} accept",
            "ct state related jump quoting",
            f"ct state related {SET} accept",
            f"ct status dnat {SET} accept",
            f"ip daddr @direct4 {SET}",
            f"ip6 daddr @direct6 {SET}",
        ),
        # Nobody after the routing decision sees what it was told.
        "forward": (
            filtering("forward", FIRST),
            f"{MARKED} jump told",
            "ct state established,related accept",
            f"iifgroup {GROUP} goto leaving",
            f"oifgroup {GROUP} goto entering",
            "goto strangers",
        ),
        # A frame that somebody else's bridge forwards is no routing; br_netfilter, at 0, shows it all the
        # same.
        "told": ("", CLEAR, f"oifgroup != {GROUP} accept"),
        "entering": (
            "",
            "oifname != @bridges accept",
            "ct state invalid drop",
            "ct status dnat oifname != @internal accept",
            "oifname . ip saddr @remote_of4 accept",
            "oifname . ip6 saddr @remote_of6 accept",
            "oifname @internal drop",
            "goto direct",
        ),
        "leaving": (
            "",
            "iifname != @bridges oifname != @bridges accept",
            "ct state invalid drop",
            f"oifgroup {GROUP} goto between",
            "iifname . ip daddr @remote_of4 accept",
            "iifname . ip6 daddr @remote_of6 accept",
            "ip daddr @remote4 drop",  # between networks, as in `direct`
            "ip6 daddr @remote6 drop",
            "iifname @internal drop",
            f"{GOING_ON} drop",
        ),
        "between": (
            "",
            "iifname . oifname @same_network accept",
            "iifname . ip daddr @remote_of4 accept",
            "iifname . ip6 daddr @remote_of6 accept",
            "oifname . ip saddr @remote_of4 accept",
            "oifname . ip6 saddr @remote_of6 accept",
            "ip saddr . ip daddr . meta l4proto . th dport @opened4 accept",  # see policies.py
            "ip6 saddr . ip6 daddr . meta l4proto . th dport @opened6 accept",
            "iifname @internal drop",
            "oifname @internal drop",
            "oifname != @bridges accept",
            "ct status dnat accept",
            "goto direct",
        ),
        # Forwarding was off until we needed it: drop what would be forwarded and touches no link of ours.
        "strangers": ("", "ct status dnat accept", "meta nfproto @unrouted drop"),
        # To a container, at its own address.
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
        # Containers may use what the host publishes, not what it serves.
        "to_host": (
            filtering("input", FIRST),
            f"{MARKED} {CLEAR}",
            "ct state established accept",
            "ct state invalid,related jump errors",
            "meta l4proto { 6, 17 } th dport @resolvers goto asked",
            "iifname != @bridges accept",
            "ct state related accept",
            # As numbers: names are looked up in /etc/protocols, which a minimal system has not.
            "meta l4proto 1 accept",
            "meta l4proto 58 accept",
            "ip daddr 127.0.0.0/8 drop",  # 127.0.0.11, where nobody answers for names
            "iifname @host_open accept",
            "ip saddr @host_users4 accept",
            "ip6 saddr @host_users6 accept",
            "drop",
        ),
        # By the gateway's port 53 alone; `lo` is the host itself.  A process of dnsmasq has 20 connections at
        # a time (MAX_PROCS), and who keeps them open keeps others out.
        "asked": (
            "",
            'iif "lo" accept',
            "ct status & dnat == 0 drop",
            "meta l4proto 17 accept",
            f"add @asking4 {{ ip saddr ct count over {CONNECTIONS} }} reject with tcp reset",
            f"add @asking6 {{ ip6 saddr ct count over {CONNECTIONS} }} reject with tcp reset",
            "accept",
        ),
        **ICMP_ERRORS,
        "outbound": (
            "type nat hook postrouting priority 100; policy accept;",
            f"oifgroup {GROUP} goto home",
            "ip daddr @remote4 accept",  # sources are kept
            "ip6 daddr @remote6 accept",
            "snat ip to ip saddr map @snat4",
            "snat ip6 to ip6 saddr map @snat6",
            "ip saddr @masquerade4 masquerade",
            "ip6 saddr @masquerade6 masquerade",
        ),
        # From the host's loopback, and hairpin: replies must come back through the host.  Matched by address,
        # since br_netfilter leaves iifname empty here.
        "home": (
            "",
            "ip saddr 127.0.0.0/8 masquerade",
            "ct status dnat ip saddr @subnets4 masquerade",
            "ct status dnat ip6 saddr @subnets6 masquerade",
        ),
    },
)

# What says that it is of another host comes by the link that leads there, if at all, or is the answer to a
# connection that went over the network of the hosts alone.
ELSEWHERE = Ruleset(
    "inet",
    {
        **{name: CORE.maps[name] for name in ("remote4", "remote6")},
        "mesh_links": MapType("ifname"),  # bridges of hosts alone: see mesh.py
    },
    {
        "elsewhere": (
            filtering("prerouting"),
            "iifname @mesh_links accept",
            "ip saddr @remote4 fib saddr . iif oif missing drop",
            "ip6 saddr @remote6 fib saddr . iif oif missing drop",
        )
    },
)

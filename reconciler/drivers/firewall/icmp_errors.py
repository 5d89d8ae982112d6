"""ICMP errors: conntrack takes them for part of the connection that they quote, whoever sends them."""

from ...kinds.ownership import GROUP
from .ruleset import Chains

ICMP_ERRORS: Chains = {
    # The kernel believes an error of whoever quotes a packet that it may have sent, of a VXLAN one by
    # its VNI alone (vxlan_err_lookup), and the path MTU to that host is low for ten minutes.  An error
    # about no connection changes no route; one of a container's is about connections with containers.
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
    # To a container: from elsewhere about none of containers with each other, and from another network about
    # one with somebody there.
    "quoting": (
        "",
        f"iifgroup != {GROUP} ct original ip saddr @subnets4 ct reply ip saddr @subnets4 drop",
        f"iifgroup != {GROUP} ct original ip6 saddr @subnets6 ct reply ip6 saddr @subnets6 drop",
        *(
            f"iifname . {ip} saddr @subnets_of{n} iifname . ct original {ip} saddr != @subnets_of{n}"
            f" iifname . ct reply {ip} saddr != @subnets_of{n} drop"
            for n, ip in ((4, "ip"), (6, "ip6"))
        ),
    ),
}

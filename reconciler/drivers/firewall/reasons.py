"""Why a rule refuses, in words: by its chain, and by its text where that has several; "" is all others.

Who writes a rule that drops or rejects writes a line here (tests/unit/evaluate/test_reasons.py).
"""

from collections.abc import Mapping

from ...kinds.ownership import GROUP
from .apart import GROUP_BIT
from .rules import GOING_ON

SPOOFED = "it says that it comes from an address of a container, and comes from elsewhere"
OWN_ADDRESSES = "a container sends from its own MAC and addresses alone"
ELSEWHERE = "it is for a container of another host, which only its own network reaches"
FROM_INTERNAL = "the network that it comes from is internal"
TO_INTERNAL = "the network that it is for is internal"
ENDED = "it goes on with a connection that was ended, or that this host does not know"
UNKNOWN = "it belongs to no connection that this host knows"
LOOPBACK = "addresses of loopback are nobody's beyond the own host"
TUNNEL = "a tunnel of another host takes only what its hosts send"
SERVICES = "containers reach what the host publishes, not what it serves (`host_access: all`)"
DISCOVERY = "what a container says to its neighbours is about its own MAC and addresses alone"

DOORS = ("4", "_at4", "6", "_at6")  # what the chains of limits of published ports end in

REASONS: Mapping[str, Mapping[str, str]] = {
    # of inet
    "outside": {"": SPOOFED, "ip daddr 127.0.0.0/8 drop": LOOPBACK},
    "inside": {
        "": "it came by a container's port past the bridge's guard",
        "meta pkttype { broadcast, multicast } fib daddr type != { broadcast, multicast } drop": (
            "a frame for all carries a packet for one"
        ),
        "ip daddr 127.0.0.0/8 ip daddr . meta l4proto . th dport"
        " != { 127.0.0.11 . 6 . 53, 127.0.0.11 . 17 . 53 } drop": LOOPBACK,
    },
    "entering": {"": TO_INTERNAL, "ct state invalid drop": UNKNOWN},
    "leaving": {
        "": ELSEWHERE,
        "ct state invalid drop": UNKNOWN,
        "iifname @internal drop": FROM_INTERNAL,
        f"{GOING_ON} drop": ENDED,
    },
    "between": {"iifname @internal drop": FROM_INTERNAL, "oifname @internal drop": TO_INTERNAL},
    "strangers": {"": "the host forwards nothing that is no container's business (`router: true`)"},
    "direct": {
        "": ELSEWHERE,
        f"iifgroup {GROUP} drop": "they are on no network together",
        "drop": "nothing publishes that port of the container",
    },
    "to_host": {"": SERVICES, "ip daddr 127.0.0.0/8 drop": "no container answers for names there"},
    "asked": {
        "": "a container has so many connections with who answers for names already",
        "ct status & dnat == 0 drop": "who answers for names is asked by port 53 of the gateway alone",
    },
    "refused": {"": "a policy of the one or of the other does not list it (`egress`, `ingress`, `metadata`)"},
    "midway": {"": ENDED},
    **{
        f"limited{end}": {"": "who asks may not use that port (`allow_from`, `host_if`, `hours`)"}
        for end in DOORS
    },
    "limits_inbound": {"": "it says that it comes from the host itself, and comes from elsewhere"},
    **{f"paced{end}": {"": "so many have come already (`rate`, `max_conns`)"} for end in DOORS},
    "quoting": {"": "an error is about a connection of others"},
    "errors": {"": "an error is about a connection that this host does not know"},
    "elsewhere": {"": "it says that it comes from another host's containers, and comes by another link"},
    "mesh_between": {"": "hosts carry to one another what is for a replica, and nothing else"},
    "mesh_redirects": {"": "clients are not told of another way"},
    "pairs": {"": OWN_ADDRESSES},
    "bgp": {"": "only the other hosts may speak BGP with this one"},
    "tunnel_from": {"": TUNNEL},
    "tunnel_to": {"": TUNNEL},
    "tunnels_through": {"": "what carries networks between hosts is not forwarded"},
    # of a sandbox
    "refuse": {"": "no replica of this service is there"},
    # of bridge
    "guard": {"": OWN_ADDRESSES},
    "loopback": {"": LOOPBACK},
    "own_arp": {"": OWN_ADDRESSES},
    "tagged": {"": "the container's port is not in that VLAN"},
    "tagged_ipv4": {"": OWN_ADDRESSES},
    "tagged_ipv6": {"": OWN_ADDRESSES},
    "tagged_arp": {"": OWN_ADDRESSES},
    "tagged_claim": {"": OWN_ADDRESSES},
    "said_ipv4": {"": "routers and servers of DHCP are nothing that a container may be"},
    "said_behind": {"": "what hides behind IPv6's extension headers cannot be judged"},
    "said_udp": {"": "servers of DHCP are nothing that a container may be"},
    "said_icmpv6": {"": "a router is nothing that a container may be"},
    "said_discovery": {"": DISCOVERY},
    "flood": {"": "so many frames for all are sent already"},
    "deaf": {"": "not all of the network may reach the container, and so no group does"},
    "apart": {"": "`icc: false`: a container speaks to its gateway alone"},
    "apart_all": {
        f"iifname @apart oifname @apart {GROUP_BIT} drop": "`icc: false`: nobody hears a neighbour"
    },
}


# Why a packet was led to `refused`, by the chain that did.
METADATA = "what a cloud tells its machines of themselves is told to no container that does not list it"
LED = {
    "policed": METADATA,
    "policed_in": METADATA,
    "sending": "its `egress` does not list it",
    "unnamed": "its `egress` does not list it",
    "to_outside": "it is neither `outside` nor a name in `egress`, but a container's, a group's or a cloud's",
    "receiving": "the `ingress` of whom it is for does not list it",
    "asking": "its `egress` does not list `host` at that port",
    "calling": "the `ingress` of whom it is for does not list `host`",
}


def reason(chain: str, rule: str, led_by: str = "") -> str:
    """In words; "" where nobody has found any.  `led_by` is the chain that it was come from."""
    known = REASONS.get(chain, {})
    return (LED.get(led_by, "") if chain == "refused" else "") or known.get(rule) or known.get("", "")


# What elements of these maps grant, in words, by how the map's name begins.
GRANTS: Mapping[str, str] = {
    "servers": "the service has an address of its own",
    "backends": "the service's address leads to a replica",
    "first": "the service's address leads to a replica",
    "publish": "published on the host",
    "reachable": "published at its own address",
    "same_network": "they are on one network",
    "unprotected": "the network is open on every port (`gateway_mode: nat-unprotected`)",
    "routed": "the network is routed, and answers pings",
    "remote_of": "the network goes over several hosts",
    "host_open": "the network may use the host (`host_access: all`)",
    "host_users": "the container may use the host (`extra_hosts: host-gateway`)",
    "view": "the gateway answers for names",
    "snat": "it leaves by an address that is written",
    "masquerade": "it leaves by the host's own address",
    "mesh": "it leads to a replica on another host",
    "egress": "a policy allows it (`egress`)",
    "named": "a policy allows it by its name (`egress`)",
    "ingress": "a policy allows it (`ingress`)",
    "opened": "a policy opens the way from one network to the other",
    "allow_": "the port is for who asks (`allow_from`, `host_if`)",
}


def grant(name: str) -> str:
    """What an element of this map grants; "" where it decides nothing by itself."""
    return next((words for begin, words in GRANTS.items() if name.startswith(begin)), "")

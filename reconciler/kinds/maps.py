"""What the maps of the firewall are for, by their names, where others than the firewall must know."""

PROJECTS = "projects"  # the set of the projects that stand
# What maps are for that tell how containers' packets leave: by these their sources are changed, within these
# kept, and into these others may come unasked; each name ends in a family, but for the last, which holds the
# interfaces that are open on all ports.
OUT, INSIDE, OPEN = ("masquerade", "snat"), ("subnets", "remote"), "direct"
UNPROTECTED = "unprotected"
# Which containers may have no connections but those that policies allow, and these; also with a family.
BOUND = ("bound_out", "bound_in")
ALLOWING = tuple(f"{way}{end}" for way in ("egress", "ingress") for end in ("", "_outside", "_host"))
OPENED = "opened"  # what may begin from one network to another, as above
BY_PEER = ("egress", "ingress")  # whose elements begin with the peer, and the container comes next
NO_METADATA = "no_metadata"  # the set of the interfaces by which nobody asks these
NO_GROUPS = "no_groups"  # the set of the ports at which no frame for several is heard
# Where clouds tell a machine its keys: Alibaba's, AWS' and others'; AWS' and GCP's by IPv6.
METADATA = ("100.100.100.200/32", "169.254.169.254/32", "fd00:ec2::254/128", "fd20:ce::254/128")
# What is on own networks alone, and so nothing that names of the outside lead to: RFC 6890, RFC 6598, and of
# IPv6 RFC 4193, RFC 3879, what stands for IPv4, and the same behind a NAT64 (RFC 6052, 2.1 and 3.1).
PRIVATE = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "::/80", "fc00::/7", "fe80::/9", "64:ff9b::/104", "64:ff9b::a00:0/104"),
    *("64:ff9b::6440:0/106", "64:ff9b::7f00:0/104", "64:ff9b::a9fe:0/112", "64:ff9b::ac10:0/108"),
    "64:ff9b::c0a8:0/112",
)
LOGGED = "logged"  # of whom it is told what is refused; with a family
RESOLVERS = "resolvers"  # the set of the ports of who answers for names
KEEPING_OUT = (  # sets that only forbid, are about errors, or say of whom something is told
    *("internal", "unrouted", NO_METADATA, NO_GROUPS),
    *(
        f"{name}{number}"
        for name in (*BOUND, LOGGED, "held", "subnets_of", "own_errors")
        for number in (4, 6)
    ),
)
HAS_PORTS = "has_ports"  # the set of those that publish ports, each with what the name of their map ends in

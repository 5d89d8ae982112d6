"""How what is ours is told from what is not, and how a place is named.  Numbers here are on
the wire; never renumber."""

from hashlib import sha256
from ipaddress import IPv6Network
from typing import Any

from ..core.resource import Stage

HOST = "host"  # the namespace that reconcile runs in; no sandbox may have this name
GROUP = 0x7265636F  # IFLA_GROUP of every link of ours: "reco", far from the groups people number by hand
TO_DELETE = GROUP + 1  # links on their way out are regrouped here and leave with one request
OUTER = GROUP + 2  # of links of the host that stand on a LAN: to the firewall they are outside, like its NIC
# IFLA_BRPORT_COST ("re") of a link that is lent to a bridge of ours: it goes with the port, and without
# STP it means nothing.  A port without it is somebody else's, as a virtual machine's.
LENT = 0x7265
NFLOG_GROUP = 0x7265  # where the firewall tells what it refuses; ulogd and others take small numbers
PROTOCOL = (
    109  # of our addresses, routes and rules; iproute2's rt_protos has 186 and above for routing daemons
)
PRIORITY = 1090  # of our first routing rule; before main (32766), after local (0)
INTERNAL = str(PRIORITY - 1)  # from an internal network, to nowhere
INSIDE = str(PRIORITY - 2)  # from a network to its own subnets by way of the host
OPENED = str(PRIORITY - 3)  # from an internal network that policies open, for what they let pass
MEMORY = str(PRIORITY + 4)  # of the rule that remembers that the host was no router
# How the names of host ends begin: ports of bridges, and those of pairs without one.
PORT, PAIR = "ve", "vp"
IFB = "vi"  # and those of links beside them, through which what comes in is led
ALIAS = "reconciler"  # first word of every alias of ours
TABLE = "reconciler"  # of both nftables tables of ours, inet and bridge
TABLE_PREFIX = "reconciler-"  # of those of before 0.3, two for each project
DOCKER_RESOLVER = "127.0.0.11"  # where it answers, and so what many a configuration names
SHARED = "host"  # the implicit project of what all share; it goes with the last one
# Of what several share each has an interval of these numbers, one of which is drawn for a connection, or told
# by its client's address: then it is of as many that come behind.  Where no seed is said, Linux has another
# for each rule that is made.
WHOLE, SEED = 1 << 16, 1
NUMBER = "@nh,0,32"  # such a number in the key of a map: as a part of a packet, since nft has no other name
TASKS = "tasks."  # before a service's name, which may tell one address for all replicas: the names of these
FILE_MARK = "# reconciler: generated, edits are undone"


def wireguard_prefix(project: str) -> IPv6Network:
    """The /64 that is a project's own (RFC 4193): no two agree on one, and it tells whose a route is."""
    return IPv6Network((b"\xfd" + sha256(f"wireguard\0{project}".encode()).digest()[:7] + bytes(8), 64))


def place(resource: Any) -> str:
    """`place` of every kind that has an `ns`: the sandbox's name, "" on the host."""
    return "" if resource.ns == HOST else resource.ns


def stage(resource: Any) -> int:
    """`stage` of what may stand on the host's end of a pair without a bridge, and then comes after that."""
    return Stage.ENDS if resource.ns == HOST and resource.link.startswith(PAIR) else Stage.WIRING


def alias(*words: str) -> str:
    """The text that marks an object as ours, and tells people whose it is: `reconciler/shop/front`."""
    return "/".join((ALIAS, *words))


def owner(text: str) -> str:
    """The project that an alias names; "" where the alias is not ours."""
    words = text.split("/")
    return words[1] if len(words) > 1 and words[0] == ALIAS else ""


def inside(ns: str, command: str) -> str:
    """A command of iproute2 (ip, bridge, tc), as typed on the host for the namespace `ns`."""
    tool, _, rest = command.partition(" ")
    return command if ns == HOST else f"{tool} -n {ns} {rest}"

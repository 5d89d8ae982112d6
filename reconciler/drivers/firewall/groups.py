"""What is sent to a group comes to no container that not everybody on its network may reach.

It is said of ports, by the bridge: who hears a group is in no address.  Neighbours still find each other.
"""

from collections.abc import Iterable, Iterator

from ...cnm.bounds import Deaf
from ...core.resource import Origin, Resource
from ...kinds.maps import NO_GROUPS
from .apart import GROUP_BIT
from .policies import DISCOVERY
from .ruleset import MapType, Ruleset, filtering

GROUPS = Ruleset(
    "bridge",
    {NO_GROUPS: MapType("ifname")},
    {
        "to_several": (filtering("forward"), f"oifname @{NO_GROUPS} {GROUP_BIT} goto deaf"),
        # With its protocol named: see guard.py.
        "deaf": ("", "meta protocol arp accept", f"meta protocol ip6 {DISCOVERY} accept", "drop"),
    },
)


def lower(ports: Iterable[Deaf]) -> Iterator[Resource]:
    for one in ports:
        yield from GROUPS.skeleton()
        yield GROUPS.element(one.project, Origin(one.where, "firewall"), NO_GROUPS, one.link)

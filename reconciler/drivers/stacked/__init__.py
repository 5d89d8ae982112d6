"""macvlan and ipvlan: containers as machines of a LAN, on a link of the host or on one that leads nowhere."""

from collections.abc import Iterator, Sequence

from ...cnm.driver import Driver, Wanted
from ...cnm.topology import Network
from ...core.resource import Resource
from ...errors import ManifestError
from ...inventory.facts import Facts
from ...manifest.options import COMMON, PARENT, Option
from . import ipvlan, macvlan
from .parents import Parent, conflicts, parent_of


class Stacked(Driver):
    """What both have alike: the parent, and whom it is shared with."""

    def carrier(self, wanted: Wanted, facts: Facts) -> Parent:
        return parent_of(wanted, facts)

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
        return conflicts(networks, facts, self.name)


class MacvlanDriver(Stacked):
    """Each container has a MAC of its own on the LAN."""

    name = "macvlan"
    options = (*COMMON, PARENT, Option("mode", "bridge, private, vepa or passthru", ("macvlan_mode",)))

    def lower(self, network: Network) -> Iterator[Resource]:
        return macvlan.lower(network)


class IpvlanDriver(Stacked):
    """Containers share the MAC of the parent."""

    name = "ipvlan"
    options = (
        *COMMON,
        PARENT,
        Option("mode", "l2, l3 or l3s", ("ipvlan_mode",)),
        Option("flag", "bridge, private or vepa", ("ipvlan_flag",)),
    )

    def lower(self, network: Network) -> Iterator[Resource]:
        return ipvlan.lower(network)

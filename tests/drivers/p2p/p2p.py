"""p2p: a veth pair for every container and no bridge; the host has the gateway and a route to each."""

from collections.abc import Iterator

from reconciler.cnm.carrier import Carrier
from reconciler.cnm.driver import Driver, Wanted, mtu_of
from reconciler.cnm.topology import Network
from reconciler.core.resource import Resource
from reconciler.drivers import pair
from reconciler.errors import ManifestError
from reconciler.inventory.facts import Facts
from reconciler.manifest.options import COMMON, Option


class PointToPoint(Driver):
    """What containers say to one another goes through the host's routing."""

    api, name = 1, "p2p"
    options = (*COMMON, Option("sources", "own, or any: the addresses that a container may send from"))

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        if wanted.spec.options.get("sources", "own") not in ("own", "any"):
            raise ManifestError("`sources` is own or any", "leave it out for own", wanted.spec.where)
        return Carrier(mtu=mtu_of(wanted.spec, facts), paired=True)

    def lower(self, network: Network) -> Iterator[Resource]:
        return pair.lower(network, spoofing=network.spec.options.get("sources") == "any")

"""`icc: false`: a container speaks to the host alone, and by what the host publishes to its neighbours.

With br_netfilter a bridge sends a frame for a published port of the host, once that is translated, straight
on to the neighbour's port (br_nf_pre_routing_finish), and from one isolated port to another none passes.  So
ports that are published are not isolated, and are kept apart here: by whom a frame is for as it comes in,
before br_netfilter sees it.
"""

from collections.abc import Iterator

from ...cnm.topology import Network
from ...core.resource import Origin, Resource
from .ruleset import MapType, Ruleset, filtering

GROUP_BIT = "ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00"  # for several, or for all

APART = Ruleset(
    "bridge",
    {"apart": MapType("ifname"), "gateway_of": MapType("ifname . ether_addr")},
    {
        "apart": (
            filtering("prerouting", -290),
            "iifname != @apart accept",
            "iifname . ether daddr @gateway_of accept",
            f"{GROUP_BIT} accept",
            "drop",
        ),
        "apart_all": (filtering("forward"), f"iifname @apart oifname @apart {GROUP_BIT} drop"),
    },
)


def lower(network: Network) -> Iterator[Resource]:
    """Every port of such a network, with the MAC of its bridge; what comes from other hosts is a port too."""
    ports = [(endpoint.host_link, endpoint.where) for endpoint in network.endpoints]
    ports += [(network.carrier.uplink, network.spec.where)] if network.carrier.uplink else []
    if ports:
        yield from APART.skeleton()
    for link, where in ports:
        for name, item in (("apart", link), ("gateway_of", f"{link} . {network.mac}")):
            yield APART.element(network.project, Origin(where, "firewall"), name, item)

"""Addresses that nobody is given unasked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..inventory.facts import Facts
from ..manifest.reserved import first_free
from ..manifest.spec import SubnetSpec
from .topology import Network, Subnet
from .vips import service_key

if TYPE_CHECKING:
    from .endpoint import Attachments


def of_the_lan(network: Network, spec: SubnetSpec, subnet: Subnet, facts: Facts) -> list[str]:
    """What nobody is given unasked: on a LAN the host's own, and what its router has if nobody says which."""
    if not network.carrier.on_lan:
        return []
    likely = [first_free(spec)] if not subnet.gateway else []
    return likely + [ip for ip, link in facts.addresses.items() if link == network.carrier.segment]


def had_by_others(network: Network, attachments: "Attachments", facts: Facts) -> Iterator[str]:
    """What containers and services of projects that are not in this run have there."""
    mine = {service_key(one).lower() for one, _ in attachments}
    for (sandbox, home), ips in facts.leases.items() if facts.sandboxes else ():
        if home == network.home and sandbox in facts.sandboxes:
            yield from ips
    for (name, service), ips in facts.vips.items():
        if name == network.name and service not in mine:
            yield from ips

"""Addresses that nobody is given unasked."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ..errors import ManifestError
from ..inventory.facts import Facts
from ..manifest.reserved import first_free
from ..manifest.spec import SubnetSpec
from ..mistakes import AddressTaken
from .ipam import Request
from .topology import Network, Subnet
from .vips import service_key

if TYPE_CHECKING:
    from .endpoint import Attachments


LOCKED = "end the other one first, or write another address: addresses.lock has this one"


def of_the_lan(network: Network, spec: SubnetSpec, subnet: Subnet, facts: Facts) -> list[str]:
    """What nobody is given unasked: on a LAN the host's own, and what its router has if nobody says which."""
    if not network.carrier.on_lan:
        return []
    likely = [first_free(spec)] if not subnet.gateway else []
    return likely + [ip for ip, link in facts.addresses.items() if link == network.carrier.segment]


def had_by_others(network: Network, attachments: "Attachments", facts: Facts) -> dict[str, str]:
    """What containers and services of projects that are not in this run have there, and who they are."""
    mine, here = {service_key(one).lower() for one, _ in attachments}, network.home
    there = [(name, ips) for (name, home), ips in facts.leases.items() if home == here]
    whose = [(name, project, ips) for name, ips in there if (project := facts.sandboxes.get(name))]
    found = {ip: f"{name} of project {project}" for name, project, ips in whose for ip in ips}
    for (name, service), ips in facts.vips.items():
        if name == network.name and service not in mine:
            found |= dict.fromkeys(ips, f"service {service}")
    return found


def taken(others: Mapping[str, str], requests: Iterable[Request]) -> Iterator[ManifestError]:
    """What is written or locked, and had by others; who has it already keeps it."""
    for one in requests:
        wanted, hint = one.held, LOCKED
        if one.written:
            wanted, hint = (one.written,), "take another, or write none"
        for ip in wanted:
            if ip in others and ip not in one.stands:
                yield AddressTaken(f"{ip} is taken: {others[ip]} has it", hint, one.where)

"""Addresses of the host, and ports that are published on one that it has not: that may come later, with a
lease or a virtual address of several hosts, and the port is open as soon as it is there."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network

from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec
from .ports import ANY, Targets, homes_of
from .topology import Network


def absent_addresses(
    published: Iterable[tuple[ContainerSpec, Targets]], networks: Sequence[Network], facts: Facts
) -> Iterator[str]:
    """Told once of a port, however many replicas it leads to."""
    if not facts.addresses:  # nobody has read them: a host has those of its loopback
        return
    gateways = {subnet.gateway for network in networks for subnet in network.subnets}
    ours = {*facts.held, *gateways, *(ip for network in networks for ip in network.carrier.addresses)}
    each = (
        (spec, port, home) for spec, to in published for port in spec.ports for home in homes_of(port, to)
    )
    for spec, port, (_, ip, _, routed) in each:
        if not (routed or ip in ANY or ip in ours or is_local(ip, facts)):
            what = f"port {port.target[0]}/{port.protocol} of {spec.name}"
            yield f"{port.where}: {what} is not reached on {ip} yet: the host has no such address"


def is_local(ip: str, facts: Facts) -> bool:
    """Whether what is sent there stays on this host."""
    one = ip_address(ip)
    return one.is_loopback or ip in facts.addresses or any(one in ip_network(cidr) for cidr in facts.local())

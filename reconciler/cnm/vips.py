"""Virtual addresses: which services have one on a network, and how it is chosen."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..family import family
from ..inventory.facts import Facts
from ..manifest.spec import ContainerSpec
from .ipam import Request
from .topology import Network

if TYPE_CHECKING:
    from .endpoint import Attachments, SandboxSpec


def vip_requests(
    network: Network, attachments: "Attachments", facts: Facts, number: int
) -> Iterator[Request]:
    """One for each service that has several replicas there."""
    for one, _ in attachments:
        if has_vip(network, one.spec):
            name = service_key(one)
            stands = facts.vips.get((network.name, name.lower()), ())
            held = facts.locked.get((network.name, name)) or stands
            mine = tuple(ip for ip in held if family(ip) == number)
            yield Request(name, held=mine, stands=stands, where=one.spec.where)


def is_replicated(spec: ContainerSpec) -> bool:
    """Whether it may stand several times."""
    return spec.is_service and (
        spec.replicas > 1 or (spec.placement is not None and spec.placement.everywhere)
    )


def has_vip(network: Network, spec: ContainerSpec) -> bool:
    """Whether clients on this network are told one address for all of its replicas; on a LAN, whose addresses
    are others' too, they are told all."""
    return network.inner and is_replicated(spec) and spec.endpoint_mode == "vip"


def service_key(one: "SandboxSpec") -> str:
    """What the address of all replicas is held under: no sandbox has a slash in its name."""
    return f"{one.project.name}/{one.spec.name}"

"""VLANs of a bridge's ports: it keeps them apart as soon as one endpoint names one."""

from dataclasses import replace

from ..errors import ManifestError
from ..inventory.facts import Facts
from .endpoint import Joined
from .parents import require
from .topology import Network


def refuse_vlans(network: Network, joined: Joined, facts: Facts) -> None:
    """Endpoints in VLANs of a network that has none."""
    for _, end in joined:
        if not (end.vlan or end.trunk):
            continue
        if network.spec.driver != "bridge":
            raise ManifestError(
                f"network {network.name} has no VLANs of its own",
                "leave `vlan` and `trunk` out; for a tagged LAN use macvlan with `parent: LINK.TAG`",
                end.where,
            )
        require("vlan filtering", end.where, facts)
        if not network.filterable:
            raise ManifestError(
                f"{network.bridge} of network {network.name} is somebody else's and keeps no VLANs apart",
                f"its owner can: ip link set {network.bridge} type bridge vlan_filtering 1",
                end.where,
            )


def settled(network: Network, joined: Joined, facts: Facts) -> Network:
    """The network with the VLANs that somebody is in: those of other projects stay apart too."""
    here = {tag for _, end in joined for tag in (end.vlan, *end.trunk) if tag}
    return replace(network, vlans=tuple(sorted(here | facts.vlans.get(network.bridge, frozenset()))))

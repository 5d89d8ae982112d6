"""VLANs of a bridge's ports: it keeps them apart as soon as one endpoint names one."""

from dataclasses import replace

from ...cnm.endpoint import Attachments
from ...cnm.topology import Network
from ...errors import ManifestError
from ...inventory.facts import Facts


def refuse_vlans(network: Network, attachments: Attachments, facts: Facts) -> None:
    """Raise where an endpoint is in a VLAN and the bridge cannot keep any apart."""
    for _, end in attachments:
        if not (end.vlan or end.trunk):
            continue
        facts.require("vlan filtering", end.where)
        if not network.carrier.filters:
            raise ManifestError(
                f"{network.bridge} of network {network.name} is somebody else's and keeps no VLANs apart",
                f"its owner can: ip link set {network.bridge} type bridge vlan_filtering 1",
                end.where,
            )


def with_vlans(network: Network, attachments: Attachments, facts: Facts) -> Network:
    """The network with the VLANs that somebody is in: those of other projects stay apart too."""
    here = {tag for _, end in attachments for tag in (end.vlan, *end.trunk) if tag}
    return replace(network, vlans=tuple(sorted(here | facts.vlans.get(network.bridge, frozenset()))))

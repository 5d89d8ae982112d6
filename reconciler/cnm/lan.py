"""Bridges that stand on a LAN: ours with a link of the host as its port, or somebody else's.

Their containers are machines of that LAN: its router is their gateway, and none of our firewall is between.
"""

from collections.abc import Iterator, Sequence

from ..errors import ManifestError
from ..inventory.facts import Device, Facts
from ..manifest.spec import NetworkSpec
from .ipam import Range
from .parents import choice, placed, require, shim_addresses
from .topology import Network, Parent

MODES = ("managed", "unmanaged")  # netavark's words


def parent_of(spec: NetworkSpec, facts: Facts) -> Parent | None:
    """What the bridge stands on; None where it lies behind the host, as most do."""
    parent = None
    if choice(spec, "mode", MODES) == "unmanaged":
        own = sorted(addresses(spec.bridge_name, facts))
        parent = Parent(link=somebodys(spec, facts), mode="unmanaged", host=tuple(own))
    elif written := spec.options.get("parent"):
        link, base, tag = placed(written, spec.where, facts)
        if tag:
            require("vlan", spec.where, facts)
        parent = Parent(link=link, base=base, tag=tag, mode="port", host=shim_addresses(spec))
    if parent:
        refuse_unwritten(spec, parent)
    return parent


def somebodys(spec: NetworkSpec, facts: Facts) -> str:
    bridge, at = spec.bridge_name, spec.where
    if not bridge:
        raise ManifestError("an unmanaged bridge is one that stands", "say which: `bridge_name`", at)
    if spec.options.get("parent") or spec.host_access:
        hint = "its ports and its addresses are its owner's: leave `parent` and `host_access` out"
        raise ManifestError(f"{bridge} is unmanaged", hint, at)
    if facts.links and facts.links.get(bridge, Device()).kind != "bridge":
        known = ", ".join(sorted(name for name, device in facts.links.items() if device.kind == "bridge"))
        raise ManifestError(
            f"the host has no bridge {bridge} of its own", f"there are: {known or 'none'}", at
        )
    return bridge


def is_somebodys(parent: Parent | None) -> bool:
    return parent is not None and parent.mode == "unmanaged"


def filters(parent: Parent | None, facts: Facts) -> bool:
    """Whether the bridge can keep VLANs apart: ours can, and somebody else's if it does already."""
    device = facts.links.get(parent.link) if parent and is_somebodys(parent) else None
    return device is None or device.filtering


def addresses(link: str, facts: Facts) -> Iterator[str]:
    """What the host has there, but for what every IPv6 link has."""
    return (ip for ip, home in facts.addresses.items() if home == link and not ip.startswith("fe80:"))


def refuse_unwritten(spec: NetworkSpec, parent: Parent) -> None:
    """Addresses of a LAN are not ours to invent."""
    for family, enabled in ((4, spec.enable_ipv4), (6, spec.enable_ipv6)):
        if enabled and not any((":" in s.subnet) == (family == 6) for s in spec.subnets):
            raise ManifestError(
                f"network {spec.name} stands on a LAN and has no IPv{family} subnet",
                f"write the LAN's into `ipam`, or `enable_ipv{family}: false`",
                spec.where,
            )
    for ip in parent.host if parent.mode == "port" else ():
        if not any(Range.within(s.subnet, ip) for s in spec.subnets):
            raise ManifestError(
                f"host_access {ip} is in no subnet of the network", "take one of it", spec.where
            )


def conflicts(networks: Sequence[Network], facts: Facts) -> Iterator[ManifestError]:
    """What the host would lose with a link that becomes a port; one that is a port already has lost it."""
    for network in networks:
        parent = network.parent
        if parent is None or parent.mode != "port" or network.standing:
            continue
        device = facts.links.get(parent.link, Device())
        if device.master != network.bridge:
            for loss, hint in losses(parent.link, device, facts):
                yield ManifestError(
                    f"network {network.name} cannot take {parent.link}: {loss}", hint, network.spec.where
                )


def losses(link: str, device: Device, facts: Facts) -> Iterator[tuple[str, str]]:
    if device.kind == "bridge":
        yield "it is a bridge itself", f"`mode: unmanaged` and `bridge_name: {link}` put containers on it"
    hint = "take them off it first (`host_access` gives the host an address on the bridge), or use macvlan"
    if lost := sorted(addresses(link, facts)):
        yield f"the host would lose {', '.join(lost)}", hint
    if link in facts.uplinks:
        yield "the host's default route leaves by it", hint

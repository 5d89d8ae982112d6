"""Bridges that stand on a LAN: ours with a link of the host as its port, or somebody else's.

Their containers are machines of that LAN: its router is their gateway, and none of our firewall is between.
"""

from collections.abc import Iterator, Sequence

from ...cnm.driver import Wanted
from ...cnm.ipam import Range
from ...cnm.topology import Network
from ...errors import Finding, NoLink
from ...family import family
from ...inventory.facts import Device, Facts
from ...manifest.spec import NetworkSpec
from ...mistakes import NetworkLacks, WrongAddress
from ...values import value
from ..stacked.parents import OnLink, choice, link_or_vlan, mtu_above, shim_addresses, tagged_link

MODES = ("managed", "unmanaged")  # netavark's words


@value
class Lan(OnLink):
    """The link is a port of the bridge, or the bridge itself where that is somebody else's."""

    vlans: bool = True

    def __str__(self) -> str:
        how = "unmanaged" if self.external else f"port {self.link}"
        return f"{self.bridge} {how}{self.host_text}"


def lan(wanted: Wanted, facts: Facts) -> Lan | None:
    """What the network stands on; None where it lies behind the host, as most do."""
    spec = wanted.spec
    if choice(spec, "mode", MODES) == "unmanaged":
        found = unmanaged(wanted, facts)
    elif spec.options.get("parent"):
        found = managed(wanted, facts)
    else:
        return None
    refuse_unwritten(spec, found)
    return found


def unmanaged(wanted: Wanted, facts: Facts) -> Lan:
    link = somebodys(wanted.spec, facts)
    device = facts.links.get(link)
    return Lan(
        bridge=link,
        link=link,
        mode="unmanaged",
        external=True,
        addresses=tuple(sorted(addresses(link, facts))),
        routers=facts.gateways.get(link, ()),
        filters=device is None or device.filtering,
        pvid=device.pvid if device else 1,
        mtu=mtu_above(link, wanted, facts),
    )


def managed(wanted: Wanted, facts: Facts) -> Lan:
    spec = wanted.spec
    link, base, tag = link_or_vlan(spec.options["parent"], spec.where, facts)
    if tag:
        facts.require("vlan", spec.where)
    mtu = mtu_above(base or link, wanted, facts)
    return Lan(
        bridge=wanted.bridge,
        link=link,
        mode="port",
        addresses=shim_addresses(spec),
        routers=facts.gateways.get(wanted.bridge, ()),
        tagged=tagged_link((link, base, tag), mtu, facts),
        mtu=mtu,
    )


def somebodys(spec: NetworkSpec, facts: Facts) -> str:
    bridge, at = spec.bridge_name, spec.where
    if not bridge:
        raise NetworkLacks("an unmanaged bridge is one that stands", "say which: `bridge_name`", at)
    if spec.options.get("parent") or spec.host_access:
        hint = "its ports and its addresses are its owner's: leave `parent` and `host_access` out"
        raise NetworkLacks(f"{bridge} is unmanaged", hint, at)
    if facts.links and facts.links.get(bridge, Device()).kind != "bridge":
        known = ", ".join(sorted(name for name, device in facts.links.items() if device.kind == "bridge"))
        hint = f"there are: {known or 'none'}"
        raise NoLink(f"the host has no bridge {bridge} of its own", hint, at, bridge, "bridge")
    return bridge


def addresses(link: str, facts: Facts) -> Iterator[str]:
    """What the host has there, but for what every IPv6 link has."""
    return (ip for ip, home in facts.addresses.items() if home == link and not ip.startswith("fe80:"))


def refuse_unwritten(spec: NetworkSpec, found: Lan) -> None:
    """Addresses of a LAN are not ours to invent."""
    for number, enabled in ((4, spec.enable_ipv4), (6, spec.enable_ipv6)):
        if enabled and not any(family(s.subnet) == number for s in spec.subnets):
            message = f"network {spec.name} stands on a LAN and has no IPv{number} subnet"
            other = spec.enable_ipv6 if number == 4 else spec.enable_ipv4
            hint = "write the LAN's into `ipam`" + f", or `enable_ipv{number}: false`" * other
            raise NetworkLacks(message, hint, spec.where)
    for ip in found.addresses if found.mode == "port" else ():
        if not any(Range.within(s.subnet, ip) for s in spec.subnets):
            hint = "take one of it"
            raise WrongAddress(f"host_access {ip} is in no subnet of the network", hint, spec.where)


def findings(networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
    """What the host would lose with a link that becomes a port; one that is a port has lost it already."""
    for network in networks:
        if not isinstance(network.carrier, Lan):
            continue
        link, at = network.carrier.link, network.spec.where
        device = facts.links.get(link, Device())
        if network.carrier.mode == "port" and not network.external and device.master != network.bridge:
            for loss, hint in losses(link, device, facts):
                yield NetworkLacks(f"network {network.name} cannot take {link}: {loss}", hint, at)
        if network.external and device.filtering:
            yield from in_no_vlan(network, facts)


def in_no_vlan(network: Network, facts: Facts) -> Iterator[Finding]:
    """Whoever says no VLAN is where somebody else's bridge puts a new port, and some put it nowhere."""
    for end in (end for end in network.endpoints if not end.vlan):
        why = f"{network.bridge} puts a new port into none (vlan_default_pvid 0)"
        words = f"{end.sandbox} is in no VLAN: its network says none, and {why}"
        stands = (end.sandbox, network.home) in facts.leases
        yield words if stands else NetworkLacks(words, "write `vlan:` at its network", end.where)


def losses(link: str, device: Device, facts: Facts) -> Iterator[tuple[str, str]]:
    if device.kind == "bridge":
        yield "it is a bridge itself", f"`mode: unmanaged` and `bridge_name: {link}` put containers on it"
    hint = "take them off it first (`host_access` gives the host an address on the bridge), or use macvlan"
    if lost := sorted(addresses(link, facts)):
        yield f"the host would lose {', '.join(lost)}", hint
    if link in facts.uplinks:
        yield "the host's default route leaves by it", hint

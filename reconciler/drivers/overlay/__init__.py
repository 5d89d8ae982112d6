"""overlay: one network over several hosts, by VXLAN; what is elsewhere the manifest tells, or FRR."""

from collections.abc import Iterator, Sequence

from ...cnm.carrier import Carrier
from ...cnm.driver import Driver, Joined, Socket, Wanted, mtu_of
from ...cnm.topology import Network
from ...core.resource import Resource
from ...errors import Finding
from ...inventory.facts import Facts, Listener
from ...manifest.options import COMMON, ICC, MASQUERADE, NETWORK, Option
from . import decide, evpn, wireguard
from .lower import lower
from .model import overlay_here


class OverlayDriver(Driver):
    """In a project of one host it is a bridge."""

    name, scope = "overlay", "swarm"
    options = (
        *COMMON,
        Option("vni", "VXLAN network identifier", (NETWORK + "driver.overlay.vxlanid_list", "vxlanid_list")),
        Option("port", "UDP port, 4789 where nothing is said"),
        Option(
            "encrypted", "traffic between hosts is encrypted", (NETWORK + "driver.overlay.encrypted",), "flag"
        ),
        Option("multicast", "broadcast and multicast reach every member", (), "flag"),
        ICC,
        MASQUERADE,
    )

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier:
        plain = Carrier(bridge=wanted.bridge, mtu=mtu_of(wanted.spec, facts))
        return decide.overlay(wanted, plain.bridge, facts) or plain

    def is_shared(self, wanted: Wanted, family: int) -> bool:
        return bool(wanted.project.hosts)

    def settle(self, networks: Sequence[Network], joined: Joined, facts: Facts) -> Sequence[Network]:
        here = [decide.on_this_host(n, joined.attachments[n.name], joined.given) for n in networks]
        return evpn.with_speaker(joined.projects, here, facts)

    def sockets(self, networks: Sequence[Network]) -> Iterator[Socket]:
        """VXLAN and WireGuard listen on every address."""
        overlays = [(network, overlay) for network in networks if (overlay := overlay_here(network))]
        for network, overlay in overlays:
            listener = Listener("udp", "::", overlay.port, f"network {network.name}")
            yield Socket(listener, listener.holder, decide.PORT_HINT, network.spec.where)
        for tunnel in wireguard.tunnels(networks):
            listener = Listener("udp", "::", tunnel.port, f"WireGuard of project {tunnel.project}")
            yield Socket(listener, "WireGuard", wireguard.PORT_HINT, tunnel.where)
        for speaker in (overlay.speaker for _, overlay in overlays if overlay.speaker):
            listener = Listener("tcp", speaker.address, evpn.PORT, f"BGP of project {speaker.project}")
            yield Socket(listener, "BGP", evpn.PORT_HINT, speaker.where)

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterator[Finding]:
        yield from decide.conflicts(networks, facts)
        yield from wireguard.conflicts(networks, facts)
        yield from decide.listeners(networks, facts)
        for overlay in map(overlay_here, networks):
            yield from evpn.warnings(overlay.speaker) if overlay and overlay.speaker else ()

    def lower(self, network: Network) -> Iterator[Resource]:
        return lower(network)

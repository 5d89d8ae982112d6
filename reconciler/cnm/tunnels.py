"""Ports of the host that tunnels come in by.  Nothing may be published there: DNAT would hand every frame of
every network to the container that publishes, in clear."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import ManifestError, Where
from ..inventory.facts import Claim, Facts, Listener
from . import evpn, wireguard
from .ports import ANY
from .topology import Fabric, Network


class Door(NamedTuple):
    """A socket that a tunnel of this run has, or will have."""

    socket: Listener
    wants: str
    hint: str
    where: Where


def doors(networks: Sequence[Network], fabric: Fabric | None) -> Iterator[Door]:
    """VXLAN and WireGuard listen on every address."""
    for network in networks:
        if network.overlay and not network.standing:
            socket = Listener("udp", "::", network.overlay.port, f"network {network.name}")
            hint = "write another `port` into its driver_opts"
            yield Door(socket, socket.holder, hint, network.spec.where)
    for tunnel in wireguard.tunnels(networks):
        socket = Listener("udp", "::", tunnel.port, f"WireGuard of project {tunnel.project}")
        yield Door(socket, "WireGuard", "write another `wireguard_port` at this host", tunnel.where)
    if fabric:
        socket = Listener("tcp", fabric.address, evpn.PORT, f"BGP of project {fabric.project}")
        yield Door(socket, "BGP", "publish another port there, or use `reachability: static`", fabric.where)


def heard(found: Sequence[Door], facts: Facts) -> Facts:
    """The facts with these sockets too; one tells for all that share a port."""
    every = sorted({*facts.listeners, *(door.socket for door in found)}, reverse=True)
    return replace(facts, listeners=frozenset({one[:3]: one for one in every}.values()))


def conflicts(found: Sequence[Door], facts: Facts) -> Iterator[ManifestError]:
    """What others publish, and for VXLAN also who listens: wireguard.py looks after its own."""
    for door in found:
        holders = {publisher(door.socket, claim) for claim in facts.claims}
        if door.wants.startswith("network"):
            holders |= {holder(door.socket.port, facts)}
        for holder_ in sorted(holders - {""}):
            what = f"{door.socket.protocol.upper()} port {door.socket.port}, which {door.wants} wants,"
            yield ManifestError(f"{what} is taken: {holder_}", door.hint, door.where)


def publisher(socket: Listener, claim: Claim) -> str:
    """Who publishes the port; "" where this claim is none on it."""
    meets = claim.ip in ANY or socket.ip in ANY or claim.ip == socket.ip
    same = claim.protocol == socket.protocol and claim.first <= socket.port <= claim.last
    return f"project {claim.project} publishes it" if same and meets else ""


def holder(port: int, facts: Facts) -> str:
    """Who listens on a port that VXLAN links alone can share."""
    shared = {known for known, _ in facts.tunnels}
    shared |= {device.port for device in facts.links.values() if device.kind == "vxlan"}
    found = (one.holder for one in facts.listeners if (one.protocol, one.port) == ("udp", port))
    return "" if port in shared else next((f"{name} listens on it" for name in sorted(found)), "")

"""What an overlay is made of, decided: a VXLAN tunnel, WireGuard under it, and a BGP speaker beside it."""

from collections.abc import Mapping
from typing import NamedTuple

from ...cnm.carrier import Carrier
from ...cnm.topology import Network
from ...errors import NOWHERE, Where
from ...values import value


class Peer(NamedTuple):
    """Another host, as WireGuard knows it."""

    key: str
    address: str  # in the tunnel
    host: str  # the address by which it is reached
    port: int

    def __str__(self) -> str:
        home = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.key} {self.address} {home}:{self.port}"


@value
class Tunnel:
    """The WireGuard link under all encrypted overlays of a project."""

    link: str
    project: str
    network: str  # the prefix of all addresses in it
    address: str
    port: int
    public_key: str
    peers: tuple[Peer, ...]
    mtu: int
    secret: str  # the file of the private key
    room: int = 0  # what the underlay leaves for it, where that is less than IPv6 needs
    where: Where = NOWHERE


class Station(NamedTuple):
    """An endpoint; `host` is the address by which its host is reached."""

    mac: str
    ips: tuple[str, ...]
    host: str


@value
class EvpnSpeaker:
    """What this host's BGP daemon does for the overlays of a project."""

    project: str
    asn: int
    address: str  # of this host
    hosts: tuple[str, ...]  # all others, where something may be
    peers: tuple[str, ...]  # those of them that it speaks with
    clients: tuple[str, ...]  # those of these that it passes everything on to
    public_key: str = ""  # of this host; "" where it has none
    keys: tuple[tuple[str, str], ...] = ()  # (peer, its public key): whom it takes for nobody else
    vnis: tuple[int, ...]  # what it speaks of
    most: int = 0  # routes that a host can have to tell; 0 is no limit
    where: Where = NOWHERE

    def limit(self, group: str) -> int:
        """Of a session: those of a host, or of all where a reflector tells what it has heard."""
        passed_on = group == "hosts" and (bool(self.clients) or len(self.peers) < len(self.hosts))
        return self.most * (len(self.hosts) if passed_on else 1)

    def group(self, peer: str) -> str:
        return "clients" if peer in self.clients else "hosts"


@value
class Overlay(Carrier):
    """A bridge on each host, and the tunnel between them; `uplink` is its link, and of an encrypted one
    `hosts` have their addresses in WireGuard's."""

    vni: int
    port: int
    tunnel: Tunnel | None = None
    flood: bool = False  # broadcast and multicast reach every host
    remotes: tuple[Station, ...] = ()  # of the other hosts
    evpn: bool = False  # FRR tells of them instead
    speaker: EvpnSpeaker | None = None  # for all of the project: the one with the least VNI has it
    own: tuple[tuple[str, str], ...] = ()  # (address, MAC) of every endpoint on this host

    @property
    def local(self) -> str:
        return dict(self.hosts)[self.host]

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(address for name, address in self.hosts if name != self.host)

    @property
    def prefixes(self) -> tuple[str, ...]:
        return (self.tunnel.network,) if self.tunnel else ()

    @property
    def elsewhere(self) -> tuple[tuple[str, str], ...]:
        names = {address: name for name, address in self.hosts}
        return tuple((remote.mac, names[remote.host]) for remote in self.remotes)

    @property
    def locks(self) -> Mapping[str, tuple[str, ...]]:
        return {"@vni": (str(self.vni),)}

    @property
    def details(self) -> Mapping[str, object]:
        return {"vni": self.vni, "encrypted": bool(self.tunnel)}

    def __str__(self) -> str:
        by = f" by {self.tunnel.link}" if self.tunnel else ""
        return f"{self.bridge} vni {self.vni} on {self.local}{by}"


def overlay_of(network: Network) -> Overlay | None:
    """What carries it between hosts; None where there is one host only."""
    return network.carrier if isinstance(network.carrier, Overlay) else None


def overlay_here(network: Network) -> Overlay | None:
    """The same, of a network that is this run's to make."""
    return None if network.external else overlay_of(network)

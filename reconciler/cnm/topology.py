"""The Container Network Model as frozen values: sandboxes, endpoints, networks and what they publish."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import Where
from ..inventory.facts import Tagged
from ..manifest.spec import NOWHERE, NetworkSpec, SubnetSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    cidr: str
    gateway: str = ""  # the bridge's own address in it; "" where it has none

    @property
    def family(self) -> int:
        return 6 if ":" in self.cidr else 4

    @property
    def prefix(self) -> int:
        return int(self.cidr.partition("/")[2])


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A sandbox's attachment to one network."""

    sandbox: str
    ifname: str
    host_link: str
    mac: str
    addresses: tuple[tuple[str, int], ...] = ()  # (ip, prefix length)
    gateways: tuple[tuple[str, str], ...] = ()  # (default gateway, source address), one a family at most
    routes: tuple[tuple[str, str], ...] = ()  # (prefix, gateway)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    host_access: bool = False  # Compose asks for it: extra_hosts NAME:host-gateway
    published: bool = False  # ports of the host lead here
    vlan: int = 1  # the untagged one
    trunk: tuple[int, ...] = ()  # and those that pass tagged
    where: Where = NOWHERE

    def of_family(self, family: int) -> tuple[str, ...]:
        return tuple(ip for ip, _ in self.addresses if (":" in ip) == (family == 6))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """What a network of a LAN stands on, beside its bridge if it has one."""

    link: str
    base: str = ""  # where `link` is an 802.1Q link that is ours to make: what that stands on
    tag: int = 0
    isolated: bool = False  # `link` leads nowhere
    mode: str
    flag: str = ""
    shim: str = ""  # the host's own link among its children
    host: tuple[str, ...] = ()  # the host's addresses on it, or on the bridge


class Peer(NamedTuple):
    """Another host, as WireGuard knows it."""

    key: str
    address: str  # in the tunnel
    host: str  # the address by which it is reached
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
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
    where: Where = NOWHERE


class Remote(NamedTuple):
    """An endpoint of another host; `host` is the address by which that one is reached."""

    mac: str
    ips: tuple[str, ...]
    host: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """What carries a network between hosts."""

    link: str
    vni: int
    port: int
    host: str  # this one
    hosts: tuple[tuple[str, str], ...]  # (name, address) of all; of an encrypted one, in the tunnel
    tunnel: Tunnel | None = None
    flood: bool = False  # broadcast and multicast reach every host
    remotes: tuple[Remote, ...] = ()
    evpn: bool = False  # FRR tells of them instead
    own: tuple[tuple[str, str], ...] = ()  # (address, MAC) of every endpoint on this host

    @property
    def local(self) -> str:
        return dict(self.hosts)[self.host]

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(address for name, address in self.hosts if name != self.host)


class Slice(NamedTuple):
    """A host's part of a routed network: the way there is via its address, a neighbour's on `link`."""

    host: str
    cidr: str
    via: str
    link: str = ""  # "" where nothing is known of this host


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """How a routed network is divided between hosts."""

    host: str  # this one
    subnets: tuple[str, ...]  # what is divided: one a family
    slices: tuple[Slice, ...]  # of every host

    @property
    def peers(self) -> tuple[Slice, ...]:
        return tuple(one for one in self.slices if one.host != self.host)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fabric:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    project: str
    key: str  # in the manifest's `networks:`
    name: str  # PROJECT_KEY, or as `name:` says
    id: str
    bridge: str  # "" where its links stand on a parent
    parent: Parent | None = None
    overlay: Overlay | None = None
    division: Division | None = None
    mac: str  # of the host's own link
    mtu: int
    ranges: tuple[SubnetSpec, ...]  # as written, or taken from the pools
    subnets: tuple[Subnet, ...]
    endpoints: tuple[Endpoint, ...] = ()
    spec: NetworkSpec
    standing: bool = False  # external or unmanaged: it is somebody else's, only the endpoints are ours
    vlans: tuple[int, ...] = ()  # that its endpoints name: then its bridge keeps VLANs apart
    filterable: bool = True  # it can be told to, or does already

    @property
    def ipv6(self) -> bool:
        return any(subnet.family == 6 for subnet in self.subnets)

    @property
    def inner(self) -> bool:
        """Whether it lies behind the host, which is its router and its firewall."""
        return bool(self.bridge) and self.parent is None

    @property
    def extent(self) -> tuple[str, ...]:
        """Its subnets as a whole, on whichever host."""
        divided = self.division.subnets if self.division else ()
        families = {":" in cidr for cidr in divided}
        return (*divided, *(s.cidr for s in self.subnets if (s.family == 6) not in families))

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """(prefix, gateway) of what a container does not see on its link."""
        gateways = {s.family: s.gateway for s in self.subnets}
        seen = {s.cidr for s in self.subnets}
        divided = self.division.subnets if self.division else ()
        return tuple((cidr, gateways[6 if ":" in cidr else 4]) for cidr in divided if cidr not in seen)

    @property
    def home(self) -> str:
        """What a lease is held in."""
        return self.bridge or self.name

    def mode(self, family: int) -> str:
        return self.spec.gateway_mode if family == 4 else self.spec.gateway_mode_ipv6


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    project: str
    name: str
    hosts: str  # the text of its hosts file
    resolv: str  # the text of its resolv.conf
    sysctls: Mapping[str, str] = field(default_factory=dict)
    where: Where = NOWHERE


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A published port or range, decided: host side and target.  Both ranges have `count` ports."""

    project: str
    sandbox: str
    protocol: str
    host_ip: str  # "" is any address of the family; of a routed one, the container's
    first: int  # likewise its own
    count: int
    ip: str  # of the container
    target: int
    bridge: str
    routed: bool = False  # reached at the container's own address: no port of the host is taken
    where: Where = NOWHERE

    @property
    def family(self) -> int:
        return 6 if ":" in self.ip else 4

    @property
    def last(self) -> int:
        return self.first + self.count - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPolicy:
    """What all projects of the host share: it goes with the last of them."""

    subnets: tuple[str, ...] = ()  # of every network, whosoever's
    internal: tuple[str, ...] = ()  # bridges of internal networks
    inside: tuple[tuple[str, str], ...] = ()  # (bridge, prefix): where the packets of one may go all the same
    forwarding: tuple[int, ...] = ()  # families that must be forwarded
    guards: tuple[int, ...] = ()  # families in which the host was no router before us
    tagged: tuple[Tagged, ...] = ()  # 802.1Q links that are ours
    advertised: tuple[str, ...] = ()  # links whose router advertisements must survive forwarding


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    projects: tuple[str, ...] = ()
    root: str = ""
    networks: tuple[Network, ...] = ()
    sandboxes: tuple[Sandbox, ...] = ()
    ports: tuple[Port, ...] = ()
    policy: HostPolicy = HostPolicy()
    fabric: Fabric | None = None
    ipv6: bool = True  # the host's kernel has it
    lock: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # see overlay.lock_of
    warnings: tuple[str, ...] = ()

"""The Container Network Model as frozen values: sandboxes, endpoints, networks and what they publish."""

from collections.abc import Mapping
from dataclasses import field, replace
from math import inf
from typing import NamedTuple

from ..errors import NOWHERE, Where
from ..family import family
from ..inventory.facts import ForeignNamespace, Tagged
from ..manifest.policy import ExpectSpec
from ..manifest.spec import NetworkSpec, PortSpec, SubnetSpec
from ..manifest.workload import WorkloadSpec
from ..values import slotted, value
from .balanced import BalancedService, VirtualServer
from .bounds import Policies
from .carrier import Carrier
from .entrance import Mesh
from .limits import PortLimits
from .naming import Naming
from .shares import Share

Lock = Mapping[tuple[str, str], tuple[str, ...]]  # (network, name) -> values


@value
class Subnet:
    cidr: str
    gateway: str = ""  # the bridge's own address in it; "" where it has none

    @property
    def family(self) -> int:
        return family(self.cidr)

    @property
    def prefix(self) -> int:
        return int(self.cidr.partition("/")[2])


@slotted
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
    resolver: str = ""  # the gateway that answers for 127.0.0.11
    vlan: int = 1  # the untagged one
    trunk: tuple[int, ...] = ()  # and those that pass tagged
    bandwidth: tuple["RateLimit | None", "RateLimit | None"] = (None, None)  # towards the container, from it
    called: tuple[str, ...] = ()  # what it is called there
    options: Mapping[str, str] = field(default_factory=dict)  # what a plugin is told beside
    ports: tuple[PortSpec, ...] = ()  # of the host, that its network's driver leads here
    handed: bool = False  # its end of the pair goes where somebody takes it, and all that is there is his
    where: Where = NOWHERE

    def of_family(self, number: int) -> tuple[str, ...]:
        return tuple(ip for ip, _ in self.addresses if family(ip) == number)


class RateLimit(NamedTuple):
    """Of what goes one way by an endpoint."""

    rate: int  # bits a second
    burst: int  # bytes that go at once all the same


class HostSubnet(NamedTuple):
    """A host's part of a network: the way there is via its address, a neighbour's on `link`."""

    host: str
    cidr: str
    via: str
    link: str = ""  # "" where nothing is known of this host


@value
class PerHostSubnets:
    """How a network is divided between hosts: each has a subnet of its own, as Kubernetes' nodes do."""

    host: str  # this one
    whole: tuple[str, ...]  # what is divided: one a family
    parts: tuple[HostSubnet, ...]  # of every host

    @property
    def elsewhere(self) -> tuple[HostSubnet, ...]:
        return tuple(one for one in self.parts if one.host != self.host)

    @property
    def here(self) -> Mapping[str, str]:
        """This host's part of each."""
        mine = {family(one.cidr): one.cidr for one in self.parts if one.host == self.host}
        return {cidr: mine[family(cidr)] for cidr in self.whole}


@value
class Network:
    project: str
    key: str  # in the manifest's `networks:`
    name: str  # PROJECT_KEY, or as `name:` says
    id: str
    carrier: Carrier
    per_host: PerHostSubnets | None = None
    mac: str  # of the host's own link
    ranges: tuple[SubnetSpec, ...]  # as written, or taken from the pools
    subnets: tuple[Subnet, ...]
    endpoints: tuple[Endpoint, ...] = ()
    spec: NetworkSpec
    vlans: tuple[int, ...] = ()  # that its endpoints name: then its bridge keeps VLANs apart
    opened: bool = False  # though internal, policies lead from it to other networks, or into it
    filtered: bool = False  # what its containers say to one another passes the firewall of the host

    @property
    def bridge(self) -> str:
        return self.carrier.bridge

    @property
    def mtu(self) -> int:
        return self.carrier.mtu

    @property
    def inner(self) -> bool:
        return self.carrier.inner

    @property
    def external(self) -> bool:
        return self.carrier.external

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The host's own, by which what its containers say comes in."""
        return (self.bridge,) if self.bridge else tuple(end.host_link for end in self.endpoints)

    @property
    def ipv6(self) -> bool:
        return any(subnet.family == 6 for subnet in self.subnets)

    @property
    def extent(self) -> tuple[str, ...]:
        """Its subnets as a whole, on whichever host."""
        divided = self.per_host.whole if self.per_host else ()
        families = {family(cidr) for cidr in divided}
        return (*divided, *(s.cidr for s in self.subnets if s.family not in families))

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """(prefix, gateway) of what a container does not see on its link."""
        divided = self.per_host.whole if self.per_host else ()
        gateways, seen = {s.family: s.gateway for s in self.subnets}, {s.cidr for s in self.subnets}
        return tuple((cidr, gateways[family(cidr)]) for cidr in divided if cidr not in seen)

    @property
    def home(self) -> str:
        """What a lease is held in; pairs without a bridge tell of no network."""
        return "" if self.carrier.paired else self.bridge or self.name

    def mode(self, family: int) -> str:
        return self.spec.gateway_mode if family == 4 else self.spec.gateway_mode_ipv6


@value
class Sandbox:
    project: str
    name: str
    hosts: str  # the text of its hosts file
    resolv: str  # the text of its resolv.conf
    sysctls: Mapping[str, str] = field(default_factory=dict)
    attached: ForeignNamespace | None = None  # to the namespace of somebody else's
    handed: str = ""  # an end of a pair that its maker takes: then nothing in it is ours
    servers: tuple[VirtualServer, ...] = ()  # virtual ones that it reaches
    where: Where = NOWHERE


class Awaited(NamedTuple):
    """What a sandbox is to be attached to, and is not there."""

    project: str
    title: str  # as `docker web`


@value
class Task:
    """What an engine is to run in one sandbox: a container, as Swarm's tasks are."""

    project: str
    name: str  # on this host, as its sandbox is called where it has one of its own
    engine: str
    sandbox: str  # whose network it has; "" is the host's
    image: str
    spec: WorkloadSpec
    environment: Mapping[str, str] = field(default_factory=dict, compare=False)
    hostname: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    rootfs: str = ""
    after: tuple[tuple[str, str], ...] = ()  # (name, condition) of those that it waits for
    where: Where = NOWHERE


@value
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
    share: Share | None = None  # of what comes there: the rest is other replicas'
    by_client: bool = False  # of those who come, not of their connections
    limits: PortLimits | None = None  # None lets everybody in
    where: Where = NOWHERE

    @property
    def family(self) -> int:
        return family(self.ip)

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def door(self) -> tuple[int, str]:
        """Where on the host it is, whichever the number."""
        return self.family, self.host_ip

    @property
    def is_first(self) -> bool:
        """Whether it is the only one behind its door, or the first of those that share it."""
        return not self.share or self.share[0] == 0


class Expected(NamedTuple):
    """A sentence of `expect:`; both sides are sandboxes, or `host` or `outside`, or of the second an
    address that is none of ours."""

    project: str
    spec: ExpectSpec
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@value
class HostPolicy:
    """What all projects of the host share: it goes with the last of them."""

    subnets: tuple[str, ...] = ()  # of every network, whosoever's
    internal: tuple[str, ...] = ()  # bridges of internal networks
    inside: tuple[tuple[str, str], ...] = ()  # (bridge, prefix): where the packets of one may go all the same
    forwarding: tuple[int, ...] = ()  # families that must be forwarded
    forwarders: tuple[str, ...] = ()  # links of ours that IPv4 is forwarded from
    guards: tuple[int, ...] = ()  # families in which the host was no router before us
    tagged: tuple[Tagged, ...] = ()  # 802.1Q links that are ours
    meshed: tuple[int, ...] = ()  # families in which ports lead to replicas on other hosts
    advertised: tuple[str, ...] = ()  # links whose router advertisements must survive forwarding


@value
class Topology:
    projects: tuple[str, ...] = ()
    roots: Mapping[str, str] = field(default_factory=dict)  # by project, the folder that it is remembered by
    networks: tuple[Network, ...] = ()
    sandboxes: tuple[Sandbox, ...] = ()
    tasks: tuple[Task, ...] = ()
    ports: tuple[Port, ...] = ()
    services: tuple[BalancedService, ...] = ()
    mesh: Mesh = Mesh()
    naming: Naming = Naming()
    policies: Policies = Policies()
    expected: tuple[Expected, ...] = ()  # of `expect:`
    policy: HostPolicy = HostPolicy()
    ipv6: bool = True  # the host's kernel has it
    awaited: tuple[Awaited, ...] = ()
    lock: Lock = field(default_factory=dict)  # what all hosts agree on
    own_lock: Lock = field(default_factory=dict)  # and what concerns this one alone
    warnings: tuple[str, ...] = ()

    @property
    def outline(self) -> "Topology":
        """Without what there are many of, which is as large as what it was lowered to."""
        return replace(self, networks=(), sandboxes=(), naming=Naming(), lock={}, own_lock={})

    @property
    def turns(self) -> float:
        """The second, since 1970, from which on it is decided otherwise though nothing else has moved."""
        return min((port.limits.turns for port in self.ports if port.limits), default=inf)

"""What stands already, as far as a decision depends on it: read by the kernel package, never changed."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import field, replace
from typing import NamedTuple, TypeVar

from ..errors import Unsupported, Where
from ..values import by_name, value

K = TypeVar("K")
V = TypeVar("V")

PROCESS, KERNEL = "a process of the host", "the kernel"
USUAL_MTU = 1500  # Ethernet's


class Listener(NamedTuple):
    """A socket of the host that listens; `ip` is 0.0.0.0 or :: for any."""

    protocol: str  # tcp, udp or sctp
    ip: str
    port: int
    holder: str = PROCESS  # or a tunnel


class Blocker(NamedTuple):
    """A base chain of somebody else's that drops what no rule of it accepts."""

    family: str
    table: str
    chain: str
    hook: str  # forward or input
    accepts_dnat: bool  # it has a rule that accepts what was DNATed
    accepts_bridges: bool = False  # and one that accepts whatever comes from bridges of ours

    def __str__(self) -> str:
        return f"chain {self.family} {self.table} {self.chain} (drops what it does not accept)"

    @property
    def passes(self) -> bool:
        """Whether what is ours gets by."""
        return self.accepts_bridges and (self.accepts_dnat or self.hook == "input")


class ForeignNamespace(NamedTuple):
    """A network namespace of somebody else's, or why there is none that a sandbox could be attached to."""

    path: str = ""
    identity: str = ""  # that no other has: Linux' own text; of a process named by its number, with its start
    links: frozenset[str] = frozenset()  # names of those in there
    routed: frozenset[int] = frozenset()  # families in which a default route of others leads out of it
    pid: int = 0  # of whom it was found by
    lack: str = ""  # why there is none now
    wrong: str = ""  # why it cannot be had


class RemotePlugin(NamedTuple):
    """A remote driver of libnetwork, as a plugin of Docker's is found."""

    name: str
    address: str = ""  # unix:///run/docker/plugins/x.sock or tcp://127.0.0.1:5000
    scope: str = ""  # local, or global: a network is the same on every host
    lack: str = ""  # why it cannot be used
    silent: str = ""  # why it does not answer now, though it did before


class LiveNetwork(NamedTuple):
    """A network of ours that stands in the kernel."""

    project: str
    bridge: str  # "" where a plugin has made it
    subnets: tuple[str, ...]  # with the bridge's own address, as 10.1.0.1/24
    internal: bool = False
    inside: tuple[str, ...] = ()  # where the packets of an internal one may go all the same
    filtering: bool = False  # it keeps VLANs apart
    mac: str = ""
    spans_hosts: bool = False  # others give addresses there, which no one knows but who has its manifest


class Device(NamedTuple):
    """A link of the host that is not ours."""

    kind: str = ""  # bridge, vlan, macvlan ...; "" for hardware
    mtu: int = 1500
    parent: str = ""  # the link that it stands on
    master: str = ""  # the link that it is a port of
    vni: int = 0  # of a VXLAN link, 0 where it has its port alone, with
    port: int = 0  # its UDP port
    up: bool = True
    filtering: bool = False  # a bridge that keeps VLANs apart
    pvid: int = 1  # of a bridge: the VLAN that its ports begin in, 0 for none
    forwards: bool = True  # IPv4 that comes in by it
    vlan: str = ""  # that an 802.1Q link is in, as `802.1Q 50`


class StackedNetwork(NamedTuple):
    """A network on a parent link."""

    project: str
    network: str
    parent: str
    driver: str  # macvlan, ipvlan, or bridge where the link is a port of it
    mode: str
    flag: str = ""


class Tagged(NamedTuple):
    """An 802.1Q link of ours."""

    name: str
    parent: str
    tag: int
    mtu: int
    up: bool = True  # its parent is: Linux raises none on one that is down (vlan_dev_open)


class HeldMac(NamedTuple):
    """The MAC of an endpoint, on a bridge or on a parent."""

    segment: str
    mac: str
    sandbox: str
    project: str


class Claim(NamedTuple):
    """Host ports that another project publishes; `ip` is "" for any address."""

    project: str
    family: int
    ip: str
    protocol: str
    first: int
    last: int


def but(known: Mapping[K, V], gone: Iterable[K]) -> Mapping[K, V]:
    """Without these keys: who comes has none of them yet, and then a thousand others are not copied."""
    there = {key for key in gone if key in known}
    return {key: found for key, found in known.items() if key not in there} if there else known


def with_new(known: tuple[V, ...], more: tuple[V, ...], whose: Callable[[V], str]) -> tuple[V, ...]:
    """Both, each once.  Few of the others are of somebody who is known, and only these are looked for."""
    names = {whose(one) for one in known}
    return (*known, *(one for one in dict.fromkeys(more) if whose(one) not in names or one not in known))


@value
class OtherSandboxes:
    """What the sandboxes of others have, where these are not among what stands: as it was known."""

    sandboxes: Mapping[str, str] = field(default_factory=dict)  # as in Facts, all of these
    identities: Mapping[str, str] = field(default_factory=dict)
    leases: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    macs: tuple[HeldMac, ...] = ()

    def at_ports(self, numbers: Set[int]) -> "OtherSandboxes":
        """With who publishes on one of these ports of the host, and nobody else of those who do."""
        claims = (one for one in self.claims if one.first in numbers or one.first < one.last)
        return replace(self, claims=tuple(claims))

    def without(self, name: str) -> "OtherSandboxes":
        """But for the sandbox of this name, which is its own project."""
        return OtherSandboxes(
            sandboxes=but(self.sandboxes, [name]),
            identities=but(self.identities, [name]),
            leases=but(self.leases, [at for at in self.leases if at[0] == name]),
            devices=but(self.devices, [link for link, project in self.devices.items() if project == name]),
            claims=tuple([one for one in self.claims if one.project != name]),
            macs=tuple([one for one in self.macs if one.sandbox != name]),
        )

    def joined(self, more: "OtherSandboxes | Facts") -> "OtherSandboxes":
        return OtherSandboxes(
            sandboxes={**self.sandboxes, **more.sandboxes},
            identities={**self.identities, **more.identities},
            leases={**self.leases, **more.leases},
            devices={**self.devices, **more.devices},
            claims=with_new(self.claims, more.claims, lambda one: one.project),
            macs=with_new(self.macs, more.macs, lambda one: one.sandbox),
        )


@value
class HostFacts:
    """What the kernel and the machine say of the host, without what is ours; unknown and empty for
    `--validate` and for the plan of another host."""

    known: bool = True
    now: Callable[[], float] = float  # seconds since 1970
    name: str = ""
    machine: str = ""  # /etc/machine-id
    routes: frozenset[str] = frozenset()  # prefixes that are the host's own, of every table, without ours
    hops: Mapping[str, str] = field(default_factory=dict)  # next hops of its routes -> their link
    addresses: Mapping[str, str] = field(default_factory=dict)  # the host's own, without ours -> their link
    onlink: Mapping[str, str] = field(default_factory=dict)  # prefixes of neighbours -> their link
    # Links that default routes leave by, ours among them -> via which neighbours
    gateways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, Device] = field(default_factory=dict)  # that are not ours, by name
    namespaces: frozenset[str] = frozenset()  # names in /run/netns that are not ours
    listeners: frozenset[Listener] = frozenset()
    heard: Callable[[], tuple[Listener, ...]] = tuple  # the same with their processes, asked when it matters
    # Prefixes that lead to the host itself by routes, without addresses: likewise
    local: Callable[[], frozenset[str]] = frozenset
    ephemeral: tuple[int, int] = (32768, 60999)  # net.ipv4.ip_local_port_range
    forwarding: tuple[bool, bool] = (False, False)  # IPv4, IPv6
    bridged: bool = False  # br_netfilter shows the chains of IP what a bridge forwards
    nameservers: tuple[str, ...] = ()  # of /etc/resolv.conf, without those on a loopback address
    servers: tuple[str, ...] = ()  # all of them, as the host itself asks them
    blockers: tuple[Blocker, ...] = ()
    mtu: int = USUAL_MTU  # of the link that the default route leaves by; 0 where there is none
    uplinks: frozenset[str] = frozenset()  # every link that a default route leaves by
    router_advertisements: tuple[str, ...] = ()  # links that take RAs now and would cease to when forwarding
    secret: str = ""  # the file with WireGuard's private key of this host, and
    public_key: Callable[[], str] = str  # what it makes public; "" where there is none
    missing: Mapping[str, str] = field(default_factory=dict)  # feature -> what the kernel lacks for it
    # Remote drivers of libnetwork, by name; a KeyError is a name that none has
    plugins: Mapping[str, RemotePlugin] = field(default_factory=dict)
    # What a manifest attaches to, as `docker web`, -> its namespace
    attached: Mapping[str, ForeignNamespace] = field(default_factory=dict)
    others: OtherSandboxes | None = None  # of who is near, where all else that stands is not read


@value
class Facts(HostFacts):
    """All that decisions depend on: the host, and what our own live state and addresses.lock tell."""

    # What engines tell of the containers that they run, by sandbox: healthy, unhealthy or starting where
    # somebody tests that, else "" or how they have ended
    conditions: Mapping[str, str] = field(default_factory=dict)
    # (network, PROJECT/SERVICE) -> virtual addresses
    vips: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    # Likewise -> addresses of its replicas, less who takes nothing new
    backends: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    # (sandbox, bridge) -> addresses
    leases: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    # (sandbox, bridge, or address of a pair) -> what its links there are called, and their ends on the host
    ifnames: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    # The MACs that our links have, by place and name
    stations: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # (sandbox, network) -> the addresses that a plugin has given instead of those that it was asked for
    instead: Mapping[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    # (sandbox, bridge) -> via which neighbours its default routes lead
    ways: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    # By full name; where no alias tells it, by `@` and the bridge's: no name has an `@`.
    networks: Mapping[str, LiveNetwork] = field(default_factory=dict)
    held: frozenset[str] = frozenset()  # addresses of the host on links of ours
    subnets: frozenset[str] = frozenset()  # of this run's networks, as firewall and routing policy know them
    mtus: Mapping[str, int] = field(default_factory=dict)  # of those that stand; 0 where their links differ
    lans: Mapping[str, LiveNetwork] = field(default_factory=dict)  # likewise, of bridges that stand on a LAN
    roots: Mapping[str, str] = field(default_factory=dict)  # project of this run -> the folder it is of
    # Likewise, where it stands from another: that one, and its own.
    elsewhere: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sandboxes: Mapping[str, str] = field(default_factory=dict)  # name -> project, where not of this run
    identities: Mapping[str, str] = field(default_factory=dict)  # of namespaces of others, by our sandbox
    devices: Mapping[str, str] = field(default_factory=dict)  # links of the host that are theirs -> project
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (protocol, "ip . port") -> host port
    published: frozenset[Claim] = frozenset()  # what projects of this run publish already
    bare: frozenset[str] = (
        frozenset()
    )  # those whose sandboxes stand, while somebody flushed their firewall or ports
    claims: tuple[Claim, ...] = ()  # of projects that are not in this run
    children: tuple[StackedNetwork, ...] = ()  # likewise
    macs: tuple[HeldMac, ...] = ()  # likewise
    tagged: tuple[Tagged, ...] = ()  # that others than this run's projects use
    logged: bool = False  # whether it is told what is refused to containers of theirs
    meshed: frozenset[int] = frozenset()  # families in which ports of theirs lead to other hosts
    vlans: Mapping[str, frozenset[int]] = field(default_factory=dict)  # that these name, by bridge
    tunnels: Mapping[tuple[int, int], str] = field(default_factory=dict)  # (port, VNI) -> whose
    wireguard: Mapping[int, str] = field(default_factory=dict)  # UDP port of a link -> its project
    # (project, view) -> port of the host
    resolvers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    router: str = ""  # the project that has EVPN on this host, where that is not of this run
    # What addresses.lock says: (network, name) -> values.
    locked: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    forwards: bool = False  # networks of theirs are made by programs that forward by themselves
    guarded: tuple[bool, bool] = (False, False)  # forwarding was switched on by us: IPv4, IPv6

    @classmethod
    def of(cls, host: HostFacts) -> "Facts":
        """The host's, as if nothing of ours stood."""
        return cls(**by_name(host))

    def with_mtu_of(self, network: str) -> "Facts":
        """As they are to a network: with the MTU that it has, where there is no default route to tell one."""
        return self if self.mtu else replace(self, mtu=self.mtus.get(network) or USUAL_MTU)

    def require(self, feature: str, where: Where) -> None:
        """Raise Unsupported where the kernel lacks it."""
        if lack := self.missing.get(feature):
            raise Unsupported(f"this kernel has no {feature}", lack, where)

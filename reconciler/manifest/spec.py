"""What the user wrote, validated and merged: frozen values with their places.  `...Spec` means as written.

Text becomes these through `models.py` (pydantic, which also makes the schema); everything behind `load` sees
these alone, so that a plan whose manifests are cached never imports pydantic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Where

NOWHERE = Where("")
VNIS = range(1, 1 << 24)  # RFC 7348, 5
LEAST_IPV6_MTU = 1280  # RFC 8200, 5
SECRET = {"secret": True}  # of a field that is never kept on disk: who needs it reads the manifests again


@dataclass(frozen=True, kw_only=True, slots=True)
class PortSpec:
    """One entry of `ports:`.  Both ranges are inclusive; `published` is None for a random host port.

    Where both ranges have the same length they map one to one; where `target` is one port, one is taken out
    of `published`.
    """

    target: tuple[int, int]
    published: tuple[int, int] | None = None
    host_ip: str = ""  # "" is any, in every family that the endpoint has
    protocol: str = "tcp"  # tcp, udp, sctp
    mode: str = "ingress"
    name: str = ""
    host_if: str = ""
    allow_from: tuple[str, ...] = ()
    rate: str = ""
    max_conns: int = 0
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointSpec:
    """A container's place on one network (`services.NAME.networks.NETWORK`)."""

    network: str  # the key in `networks:`
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    interface_name: str = ""
    priority: int = 0  # higher is connected first
    gw_priority: int = 0  # the highest is the default gateway
    driver_opts: Mapping[str, str] = field(default_factory=dict)  # sysctls: net/ipv4/conf/IFNAME/... -> value
    routes: tuple[tuple[str, str], ...] = ()  # (prefix, gateway)
    vlan: int = 0  # untagged VLAN of the port; 0 where nothing is said
    trunk: tuple[int, ...] = ()  # VLANs that pass tagged
    bandwidth: tuple[str, str] = ("", "")  # towards the container, from it
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstraintSpec:
    """One of `constraints:`; what it speaks of is node.hostname, node.ip or node.labels.NAME."""

    attribute: str
    equal: bool  # == or !=
    value: str
    where: Where = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.attribute} {'==' if self.equal else '!='} {self.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacementSpec:
    """Where the replicas of a service may stand, in a project with `hosts:`."""

    everywhere: bool = False  # mode: global
    constraints: tuple[ConstraintSpec, ...] = ()
    spread: tuple[str, ...] = ()  # labels of hosts
    most: int = 0  # on one host; 0 is no limit
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSpec:
    """One entry of `services:` or `containers:`."""

    name: str  # the key
    is_service: bool  # replicas are named NAME-1, NAME-2, ...
    replicas: int = 1
    container_name: str = ""
    network_mode: str = ""  # "", host, none, bridge, service:NAME, container:NAME
    networks: tuple[EndpointSpec, ...] = ()  # in Compose's order: by priority, then by name
    ports: tuple[PortSpec, ...] = ()
    expose: tuple[str, ...] = ()
    hostname: str = ""
    domainname: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()  # (name, address or host-gateway)
    links: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    mac_address: str = ""
    image: str = ""
    host: str = ""  # which of `hosts:`; "" is every host, or this one
    placement: PlacementSpec | None = None
    endpoint_mode: str = "vip"
    labels: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "none"
    rootfs: str = ""
    attach: Mapping[str, str] = field(default_factory=dict)  # docker, podman, pid or netns -> which
    environment: Mapping[str, str] = field(default_factory=dict, compare=False, metadata=SECRET)
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubnetSpec:
    """One entry of `ipam.config`."""

    subnet: str  # canonical prefix, v4 or v6
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSpec:
    """One entry of `networks:`, Docker's `driver_opts` already translated to our own keys."""

    name: str  # the key
    driver: str = "bridge"
    full_name: str = ""  # `name:`; "" is PROJECT_KEY
    external: bool = False
    internal: bool = False
    icc: bool = True
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    mtu: int | str = "auto"  # bytes, or auto: the MTU of the link that the host's default route leaves by
    bridge_name: str = ""
    gateway_mode: str = "nat"  # of IPv4: nat, routed, nat-unprotected, isolated
    gateway_mode_ipv6: str = "nat"
    masquerade: bool = True
    snat: str = ""  # source address of what leaves, instead of the outgoing link's
    snat_ipv6: str = ""
    host_access: str = ""  # "all": its containers may use every service of the host
    host_ip: str = ""  # default of PortSpec.host_ip (com.docker.network.bridge.host_binding_ipv4)
    container_prefix: str = "eth"  # com.docker.network.container_iface_prefix
    subnets: tuple[SubnetSpec, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)  # of drivers other than bridge
    allow_networks: tuple[str, ...] = ()
    attachable: bool = False
    scope: str = "local"
    default: bool = False  # takes the place of docker0
    labels: Mapping[str, str] = field(default_factory=dict)
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostSpec:
    """One entry of `hosts:`."""

    name: str
    address: str = ""
    address6: str = ""
    public_key: str = ""  # in base64: WireGuard's, and what EVPN's passwords follow from
    wireguard_port: int = 51820
    labels: Mapping[str, str] = field(default_factory=dict)
    reflector: bool = False  # of what EVPN tells
    vars: Mapping[str, str] = field(default_factory=dict)
    where: Where = field(default=NOWHERE, compare=False)
    key_where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvpnSpec:
    """`reachability: evpn`, or its long form."""

    asn: int = 65000
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSpec:
    """One entry of `pools:`: networks without a subnet take the next free prefix of length `size` out of
    `base`."""

    base: str
    size: int
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectSpec:
    name: str
    networks: tuple[NetworkSpec, ...] = ()
    containers: tuple[ContainerSpec, ...] = ()  # of `services:` and `containers:`
    hosts: tuple[HostSpec, ...] = ()
    evpn: EvpnSpec | None = None  # None is `reachability: static`
    pools: tuple[PoolSpec, ...] = ()
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Everything that was loaded.  `root` is the directory that is the whole truth for its projects, "" for
    files."""

    projects: tuple[ProjectSpec, ...] = ()
    root: str = ""
    partial: bool = False  # only some of its projects were asked for
    lock: str = ""  # the text of addresses.lock
    notes: tuple[str, ...] = ()  # keys that no part of ours uses, once each, for -v
    digest: str = ""  # sha256 of the inputs
    files: tuple[str, ...] = ()  # every file that was read

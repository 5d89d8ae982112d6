"""What the user wrote, validated and merged: frozen values with their places.  `...Spec` means as written.
A field with a `Key` is said here and nowhere else: where text must be checked, model/ makes pydantic's models
and the schema of it.  All behind `load` sees these alone: a plan of cached manifests imports no pydantic."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

from ..errors import NOWHERE, Where
from ..values import slotted, value
from .key import Key
from .placement import ConstraintSpec, PlacementSpec
from .policy import ExpectSpec, PeerSpec, PolicySpec
from .sources import Source
from .workload import WorkloadSpec

VNIS = range(1, 1 << 24)  # RFC 7348, 5
LEAST_IPV6_MTU = 1280  # RFC 8200, 5
LABEL = 63  # octets between two dots of a name (RFC 1035, 2.3.4)
OFF = "off"  # in place of name servers: there are no names
SECRET = {"secret": True}  # of a field that is never kept on disk: who needs it reads the manifests again


@slotted
class PortSpec:
    """One entry of `ports:`.  Both ranges are inclusive; `published` is None for a random host port.

    Ranges of the same length map one to one; where `target` is one port, one out of `published` is taken.
    """

    target: Annotated[tuple[int, int], Key("Port of the container, or a range as 80-89.", "Target")]
    published: Annotated[
        tuple[int, int] | None,
        Key(
            "Port of the host, or a range; a range for one target means any free one of it."
            " Random where absent.",
            "Published",
        ),
    ] = None
    host_ip: Annotated[str, Key("Address of the host to publish on; any where absent.", "HostIp")] = ""
    protocol: Annotated[str, Key("tcp, udp or sctp.", "Protocol")] = "tcp"
    mode: Annotated[str, Key("ingress: all of `hosts:` answer; host: this one.", "PortMode")] = "ingress"
    meshed: bool = False  # of a service, and `mode: ingress` is written and not taken for granted
    name: Annotated[str, Key("For people.")] = ""
    host_if: Annotated[
        str, Key("Only what comes in by this link of the host; `lo` is the host itself.", "Link")
    ] = ""
    allow_from: Annotated[
        tuple[str, ...], Key("Only these sources, as addresses or prefixes.", "Source", "text")
    ] = ()
    rate: Annotated[str, Key("New connections a time, as 100/second, or 100/minute burst 20.", "Rate")] = ""
    max_conns: Annotated[int, Key("Connections at one time; 0 is no limit.", "Count")] = 0
    hours: Annotated[
        tuple[str, ...],
        Key("When new connections are taken, as Mon-Fri 08:00-18:00 Europe/Berlin.", "Hours", "text"),
    ] = ()
    where: Where = field(default=NOWHERE, compare=False)


@slotted
class EndpointSpec:
    """A container's place on one network (`services.NAME.networks.NETWORK`)."""

    network: str  # the key in `networks:`
    aliases: Annotated[tuple[str, ...], Key("Further names; `*.web` is all that end so.", "Alias")] = ()
    ipv4_address: Annotated[str, Key("Fixed IPv4 address, inside a subnet of `ipam`.", "Address4")] = ""
    ipv6_address: Annotated[str, Key("Fixed IPv6 address, inside a subnet of `ipam`.", "Address6")] = ""
    link_local_ips: Annotated[tuple[str, ...], Key("Further link-local addresses.", "LinkLocal")] = ()
    mac_address: Annotated[str, Key("Fixed MAC address.", "Mac")] = ""
    interface_name: Annotated[
        str, Key("Name of the interface inside the container, instead of eth0, eth1 ...", "Ifname")
    ] = ""
    priority: Annotated[int, Key("Networks with a higher one are connected first.")] = 0
    gw_priority: Annotated[int, Key("The network with the highest one holds the default route.")] = 0
    # Here they are sysctls: net/ipv4/conf/IFNAME/... -> value.
    driver_opts: Annotated[
        Mapping[str, str], Key("Sysctls of the interface, as com.docker.network.endpoint.sysctls.", "Scalar")
    ] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # and these are what a plugin is told beside
    routes: tuple[tuple[str, str], ...] = ()  # (prefix, gateway)
    vlan: int = 0  # untagged VLAN of the port; 0 where nothing is said
    trunk: Annotated[tuple[int, ...], Key("Bridge: further VLANs, that reach it tagged.", "Vlan")] = ()
    bandwidth: tuple[str, str] = ("", "")  # towards the container, from it,
    bursts: tuple[str, str] = ("", "")  # and what goes at once all the same
    where: Where = field(default=NOWHERE, compare=False)
    # Of fixed addresses and routes, by the path that leads there from `where`.
    places: Mapping[str, Where] = field(default_factory=dict, compare=False)

    def at(self, path: str) -> Where:
        return self.places.get(path, self.where)


@value
class ContainerSpec:
    """One entry of `services:` or `containers:`."""

    name: str  # the key
    is_service: bool  # replicas are named NAME-1, NAME-2, ...
    replicas: int = 1
    files_say: int | None = None  # how many, where a person has asked for another number beside them
    container_name: Annotated[str, Key("Name of the sandbox, instead of PROJECT-CONTAINER.", "Name")] = ""
    network_mode: Annotated[
        str, Key("host, none, bridge, service:NAME or container:NAME; instead of `networks`.", "NetworkMode")
    ] = ""
    networks: tuple[EndpointSpec, ...] = ()  # in Compose's order: by priority, then by name
    ports: tuple[PortSpec, ...] = ()
    expose: Annotated[tuple[str, ...], Key("Ports that linked containers use; for people.", "Exposed")] = ()
    hostname: Annotated[str, Key("The container's own name; also in its hosts file.", "HostName")] = ""
    domainname: Annotated[str, Key("Domain behind the hostname.", "HostName")] = ""
    dns: Annotated[tuple[str, ...], Key("Name servers, instead of the host's.", "Server", "text")] = ()
    dns_search: Annotated[tuple[str, ...], Key("Domains to look names up in.", "HostName", "text")] = ()
    dns_opt: Annotated[tuple[str, ...], Key("Resolver options, as ndots:1.", "Word")] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()  # (name, address or host-gateway)
    links: Annotated[tuple[str, ...], Key("Services to reach, as SERVICE or SERVICE:ALIAS.", "Linked")] = ()
    sysctls: Annotated[
        Mapping[str, str], Key("Sysctls of the container's network namespace (net.*).", "Scalar", "list")
    ] = field(default_factory=dict)
    mac_address: Annotated[str, Key("MAC address on the network of the highest priority.", "Mac")] = ""
    image: Annotated[str, Key("Image to run, where `runtime` runs one; otherwise for people.")] = ""
    host: Annotated[str, Key("Which of `hosts:` it stands on.")] = ""  # "" is every host, or this one
    placement: PlacementSpec | None = None
    endpoint_mode: str = "vip"
    affinity: str = ""  # "client": to each its replica
    weights: Mapping[str, int] = field(default_factory=dict)  # by the number of a replica
    host_weights: tuple[tuple[ConstraintSpec, int], ...] = ()  # of those on hosts; else it is 1
    labels: Annotated[Mapping[str, str], Key("Labels, for people and for policies.", "Scalar", "list")] = (
        field(default_factory=dict)
    )
    runtime: str = "none"
    workload: WorkloadSpec | None = None  # what it runs, where the runtime is one that runs something
    rootfs: Annotated[str, Key("Root file system, where `runtime` is oci.")] = ""
    egress: tuple[PeerSpec, ...] | None = None  # what it may reach; None says nothing
    ingress: tuple[PeerSpec, ...] | None = None
    log: Annotated[bool, Key("What is refused to it, and to others by it, is told.")] = False
    attach: str = ""  # to what runs already: docker, podman, pid or netns, and which; or `link NAME`
    environment: Annotated[
        Mapping[str, str], Key("Variables of what runs in the container.", "Scalar", "list")
    ] = field(default_factory=dict, compare=False, metadata=SECRET)
    where: Where = field(default=NOWHERE, compare=False)


@value
class SubnetSpec:
    """One entry of `ipam.config`."""

    subnet: str  # canonical prefix, v4 or v6
    ip_range: Annotated[str, Key("Part of it that addresses are taken from.", "Prefix")] = ""
    gateway: Annotated[
        str, Key("Address of the bridge; the first of the subnet where absent.", "Address")
    ] = ""
    aux_addresses: Annotated[Mapping[str, str], Key("Addresses to leave alone, by name.", "Address")] = field(
        default_factory=dict
    )
    where: Where = field(default=NOWHERE, compare=False)


@value
class NetworkSpec:
    """One entry of `networks:`, Docker's `driver_opts` already translated to our own keys."""

    name: str  # the key
    driver: Annotated[
        str, Key("bridge, overlay, macvlan, ipvlan, cni, host, none, or the name of one that is installed.")
    ] = "bridge"
    full_name: str = ""  # `name:`; "" is PROJECT_KEY
    external: Annotated[bool, Key("It exists already, and is neither made nor removed.")] = False
    internal: Annotated[bool, Key("No way out, and none in.")] = False
    icc: Annotated[bool, Key("Its containers reach each other.")] = True
    enable_ipv4: Annotated[bool, Key("Its containers have IPv4 addresses.")] = True
    enable_ipv6: Annotated[bool, Key("Its containers have IPv6 addresses.")] = False
    mtu: Annotated[int | str, Key("Bytes, or `auto`: that of the default route's link.", "Mtu")] = "auto"
    bridge_name: Annotated[
        str, Key("Name of the bridge, instead of one from the project and the network.", "Ifname")
    ] = ""
    gateway_mode: Annotated[
        str, Key("How packets cross the host: nat, routed, nat-unprotected or isolated.", "GatewayMode")
    ] = "nat"
    gateway_mode_ipv6: str = "nat"
    masquerade: Annotated[bool, Key("What leaves takes an address of the host.")] = True
    snat: Annotated[
        str, Key("Source address of what leaves, instead of the outgoing link's.", "Address4")
    ] = ""
    snat_ipv6: Annotated[str, Key("The same for IPv6.", "Address6")] = ""
    host_access: Annotated[
        str,
        Key(
            "Bridge: `all` lets its containers use every service of the host.  On a LAN: the address by which"
            " the host reaches them, or one of each family with a comma between.",
            "HostAccess",
        ),
    ] = ""
    host_ip: Annotated[str, Key("Address of the host for ports that name none.", "Bindable")] = ""
    container_prefix: str = "eth"  # com.docker.network.container_iface_prefix
    subnets: tuple[SubnetSpec, ...] = ()
    config: str = ""  # of driver cni: the list of its plugins, as JSON
    options: Mapping[str, str] = field(default_factory=dict)  # of drivers other than bridge
    allow_networks: Annotated[
        tuple[str, ...], Key("Networks whose containers may open connections to this one's.")
    ] = ()
    attachable: Annotated[bool, Key("Accepted for Compose's sake: anything may attach.")] = False
    dns: Annotated[tuple[str, ...], Key("Its name servers, or `off`: no names.", "ServerOrOff", "text")] = ()
    scope: str = "local"
    hosts_only: bool = False  # nobody wrote it, and no container is on it
    default: Annotated[bool, Key("It takes the place of docker0.")] = False
    metadata: Annotated[
        str,
        Key(
            "deny: its containers reach no service of the cloud that tells keys of this machine"
            " (169.254.169.254 and the like).",
            "Metadata",
        ),
    ] = ""
    log: Annotated[bool, Key("What is refused to its containers, and to others by it, is told.")] = False
    labels: Annotated[Mapping[str, str], Key("Labels, for people and for policies.", "Scalar", "list")] = (
        field(default_factory=dict)
    )
    where: Where = field(default=NOWHERE, compare=False)


@value
class HostSpec:
    """One entry of `hosts:`."""

    name: str
    address: Annotated[str, Key("Address by which the other hosts reach it.", "Reachable")] = ""
    address6: Annotated[
        str,
        Key("Its IPv6 address, where `address` is IPv4: routed networks with IPv6 go via it.", "Reachable6"),
    ] = ""
    # In base64: WireGuard's, and what EVPN's passwords follow from.
    public_key: Annotated[
        str, Key("Its key, for encrypted overlays and EVPN: `reconcile --key` on it tells.", "PublicKey")
    ] = ""
    wireguard_port: Annotated[int, Key("UDP port that encrypted overlays come in by.", "PortNumber")] = 51820
    labels: Annotated[
        Mapping[str, str], Key("What `node.labels.NAME` in a service's placement means.", "Scalar", "list")
    ] = field(default_factory=dict)
    router: Annotated[
        bool, Key("It forwards packets between links of its own too: there is no router guard on it.")
    ] = False
    reflector: Annotated[
        bool, Key("With `reachability: evpn`: it passes on to every host what it hears from one.")
    ] = False
    vars: Annotated[
        Mapping[str, str],
        Key("Values of this host: `{host.NAME}` in a network's options stands for one.", "Scalar"),
    ] = field(default_factory=dict)
    where: Where = field(default=NOWHERE, compare=False)
    key_where: Where = field(default=NOWHERE, compare=False)


@value
class EvpnSpec:
    """`reachability: evpn`, or its long form."""

    asn: Annotated[int, Key("The AS number that all hosts are in.", "Asn")] = 65000
    where: Where = field(default=NOWHERE, compare=False)


@value
class PoolSpec:
    """One entry of `pools:`: networks without a subnet take the next free prefix of this size in `base`."""

    base: Annotated[str, Key("The prefix that is divided, as 10.0.0.0/8.", "Subnet")]
    size: Annotated[int, Key("Length of each subnet, as 24.", "PrefixLength")]
    where: Where = field(default=NOWHERE, compare=False)


@value
class ProjectSpec:
    name: str
    networks: tuple[NetworkSpec, ...] = ()
    containers: tuple[ContainerSpec, ...] = ()  # of `services:` and `containers:`
    hosts: tuple[HostSpec, ...] = ()
    evpn: EvpnSpec | None = None  # None is `reachability: static`
    pools: tuple[PoolSpec, ...] = ()
    policies: tuple[PolicySpec, ...] = ()
    expect: tuple[ExpectSpec, ...] = ()
    router: bool = False  # likewise every host of it
    path: str = ""  # of the source that it is from
    names: bool = True  # `dns: off` says that its networks have none
    host_names: bool = False  # the host asks for them too
    metadata: str = ""  # of networks that say nothing of it: allow or deny
    accept_removals: str = ""  # the digest of what may go, however much that is
    where: Where = field(default=NOWHERE, compare=False)


@value
class Manifest:
    """All that was loaded."""

    projects: tuple[ProjectSpec, ...] = ()
    root: str = ""  # the folder that was named alone; all that revisions of 0.2 tell of sources
    sources: tuple[Source, ...] = ()
    partial: bool = False  # only some of its projects were asked for
    lock: str = ""  # the text of addresses.lock
    notes: tuple[str, ...] = ()  # keys that no part of ours uses, once each, for -v
    warnings: tuple[str, ...] = ()  # what is probably a slip, for everybody
    digest: str = ""  # sha256 of the inputs
    files: tuple[str, ...] = ()  # every file that was read

"""What a manifest may say: the types that check it, and the schema that editors complete and explain from."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from ..compose.ignored_keys import TOP
from .fields import (
    Address,
    Address4,
    Address6,
    Bindable,
    HostAccess,
    Ifname,
    Mtu,
    Name,
    Prefix,
    PublicKey,
    Reachable,
    Scalar,
    Subnet,
    reachable,
)
from .record import Also, Is, Record, Texts
from .service import Container, Service

GatewayMode = Literal["nat", "routed", "nat-unprotected", "isolated"]


class IpamConfig(Record):
    """One subnet of a network."""

    subnet: Annotated[Subnet, Also({"type": "null"})] = Is(
        "The subnet, as 10.1.0.0/24 or fd00:1::/64.", default=""
    )
    ip_range: Prefix = Is("Part of it that addresses are taken from.", default="")
    gateway: Address = Is("Address of the bridge; the first of the subnet where absent.", default="")
    aux_addresses: dict[str, Address] = Is("Addresses to leave alone, by name.", default_factory=dict)


class Ipam(Record):
    """How a network's addresses are given out."""

    driver: str = Is("`default` is the only one.", default="default")
    config: list[IpamConfig] = Is("The subnets; one from the pools where absent.", default_factory=list)
    options: dict[str, Scalar] = Is("Accepted and not used.", default_factory=dict)
    nested = {"config": ("list", IpamConfig)}


class Network(Record):
    """A network, by Compose's keys and ours."""

    driver: str = Is(
        "bridge, overlay, macvlan, ipvlan, host, none, or the name of one that is installed.",
        default="bridge",
    )
    name: Name = Is("Full name, instead of PROJECT_NETWORK.", default="")
    external: bool = Is("It exists already, and is neither made nor removed.", default=False)
    internal: bool = Is("No way out, and none in.", default=False)
    icc: bool = Is("Its containers reach each other.", default=True)
    enable_ipv4: bool = Is("Its containers have IPv4 addresses.", default=True)
    enable_ipv6: bool = Is("Its containers have IPv6 addresses.", default=False)
    mtu: Mtu = Is("Bytes, or `auto`: that of the link with the host's default route.", default="auto")
    bridge_name: Ifname = Is(
        "Name of the bridge, instead of one from the project and the network.", default=""
    )
    gateway_mode: GatewayMode = Is(
        "How packets cross the host: nat, routed, nat-unprotected or isolated.", default="nat"
    )
    gateway_mode_ipv6: GatewayMode | None = Is("The same for IPv6, where it differs.", default=None)
    masquerade: bool = Is("What leaves takes an address of the host.", default=True)
    snat: Address4 = Is("Source address of what leaves, instead of the outgoing link's.", default="")
    snat_ipv6: Address6 = Is("The same for IPv6.", default="")
    host_access: HostAccess = Is(
        "Bridge: `all` lets its containers use every service of the host.  On a LAN: the address by which"
        " the host reaches them, or one of each family with a comma between.",
        default="",
    )
    host_ip: Bindable = Is("Address of the host for ports that name none.", default="")
    parent: Ifname = Is(
        "Link of the host that macvlan and ipvlan stand on, and a bridge takes as a port: eth0 or eth0.50.",
        default="",
    )
    encrypted: bool = Is("Overlay: traffic between hosts is encrypted.", default=False)
    multicast: bool = Is("Overlay: broadcast and multicast reach every member.", default=False)
    driver_opts: dict[str, Scalar] = Is(
        "Options of the driver, by our names or Docker's.", default_factory=dict
    )
    ipam: Ipam | None = Is("Subnets and addresses.", default=None)
    allow_networks: list[str] = Is(
        "Networks whose containers may open connections to this one's.", default_factory=list
    )
    attachable: bool = Is("Accepted for Compose's sake: anything may attach.", default=False)
    scope: Literal["local", "swarm"] | None = Is(
        "local: one host's own; swarm: the same on every host.", default=None
    )
    labels: Texts = Is("Labels, for people and for policies.", default_factory=dict)
    default: bool = Is("It takes the place of docker0.", default=False)
    nested = {"ipam": ("one", Ipam)}


class Host(Record):
    """A machine."""

    address: Reachable = Is("Address by which the other hosts reach it.", default="")
    address6: Annotated[Address6, AfterValidator(reachable)] = Is(
        "Its IPv6 address, where `address` is IPv4: routed networks with IPv6 go via it.", default=""
    )
    public_key: PublicKey = Is(
        "Its key, for encrypted overlays and EVPN: `reconcile --key` on it tells.", default=""
    )
    wireguard_port: int = Is("UDP port that encrypted overlays come in by.", default=51820, ge=1, le=65535)
    labels: Texts = Is("What `node.labels.NAME` in a service's placement means.", default_factory=dict)
    reflector: bool = Is(
        "With `reachability: evpn`: it passes on to every host what it hears from one.", default=False
    )
    vars: dict[str, Scalar] = Is(
        "Values of this host: `{host.NAME}` in a network's options stands for one.", default_factory=dict
    )


class Evpn(Record):
    """EVPN by FRR."""

    asn: int = Is("The AS number that all hosts are in.", default=65000, ge=1, le=65534)


class Reachability(Record):
    """Who tells the hosts of each other's containers."""

    evpn: Evpn | None = Is("FRR, with these settings.", default=None)
    nested = {"evpn": ("one", Evpn)}


class Pool(Record):
    """Where networks without a subnet take theirs from."""

    base: Subnet = Is("The prefix that is divided, as 10.0.0.0/8.")
    size: int = Is("Length of each subnet, as 24.", ge=1, le=126)


class Include(Record):
    """Another manifest that becomes part of this one."""

    path: Annotated[list[str], Also({"type": "string"})] = Is("The file; further ones are laid on top of it.")
    project_directory: str = Is("Where its relative paths start.", default="")
    env_file: Annotated[list[str], Also({"type": "string"})] = Is(
        "Files of variables for it, instead of its `.env`.", default_factory=list
    )


class Top(Record):
    """A manifest: a Compose file is one already."""

    name: str = Is("The project; the folder's name where absent.", default="")
    include: list[Annotated[Include, Also({"type": "string"})]] = Is(
        "Other manifests that become part of this one.", default_factory=list
    )
    networks: dict[str, Annotated[Network, Also({"type": "null"})]] = Is(
        "The networks, by name.", default_factory=dict
    )
    services: dict[str, Service] = Is("Services: any number of equal containers each.", default_factory=dict)
    containers: dict[str, Annotated[Container, Also({"type": "null"})]] = Is(
        "Single containers, with a service's keys less the replicas.", default_factory=dict
    )
    hosts: dict[str, Annotated[Host, Also({"type": "null"})]] = Is(
        "The machines that share this manifest.", default_factory=dict
    )
    reachability: Annotated[Reachability | None, Also({"enum": ["static", "evpn"]})] = Is(
        "Who tells the hosts of each other's containers: `static`, the manifest; `evpn`, FRR.", default=None
    )
    pools: list[Pool] = Is("Prefixes that networks without a subnet take theirs from.", default_factory=list)
    policies: Any = Is(
        "Rules between containers; this version does not enforce any yet and refuses them.", default=None
    )
    expect: Any = Is(
        "What must and must not be reachable; this version checks none yet and refuses them.", default=None
    )
    runtime: Literal["none", "systemd", "oci", "podman"] = Is(
        "What runs in the sandboxes; `none` leaves them to anybody.", default="none"
    )
    unused = TOP

"""What a manifest may say: the types that check it, and the JSON Schema that editors complete and explain from.

Values come here with one spelling for everything (merge.py), so that a field has one type; the other spellings are
added to the schema alone, by `Also`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue

from . import ports as syntax
from .compose_keys import DEPLOY, NOTHING, SERVICE, TOP
from .fields import (
    Address, Address4, Address6, HostName, Ifname, Mac, Mtu, Name, Prefix, Rate, Scalar, Source, Word,
)

TEXTS: JsonSchemaValue = {"type": "array", "items": {"type": "string"}}
GatewayMode = Literal["nat", "routed", "nat-unprotected", "isolated"]


class Also:
    """Another spelling that the schema allows; merge.py has turned it into the first before anything is checked."""

    def __init__(self, other: JsonSchemaValue):
        self.other = other

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core), self.other]}


class Record(BaseModel):
    """A mapping with known keys; `x-` keys are anybody's, and `unused` are Compose's that no part of ours uses."""

    # Built when first used: a run needs two or three of these models, and each costs some milliseconds.
    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, protected_namespaces=(), defer_build=True
    )
    unused: ClassVar[frozenset[str]] = NOTHING
    nested: ClassVar[dict[str, tuple[str, "type[Record]"]]] = {}  # key -> (one, map or list; of what)


def Is(description: str, **more: Any) -> Any:
    return Field(description=description, **more)


Texts = Annotated[dict[str, Scalar], Also(TEXTS)]
List = Annotated[list[Word], Also({"type": "string"})]


class Port(Record):
    """A published port; the short form is `[[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/PROTOCOL]`."""

    target: Annotated[
        tuple[int, int], BeforeValidator(syntax.target, json_schema_input_type=int | str)
    ] = Is("Port of the container, or a range as 80-89.")
    published: Annotated[
        tuple[int, int] | None, BeforeValidator(syntax.published, json_schema_input_type=int | str | None)
    ] = Is("Port of the host, or a range; a range for one target means any free one of it. Random where absent.", default=None)
    host_ip: Annotated[str, BeforeValidator(syntax.host_ip, json_schema_input_type=str)] = Is(
        "Address of the host to publish on; any where absent.", default=""
    )
    protocol: Annotated[str, BeforeValidator(syntax.protocol, json_schema_input_type=str)] = Is(
        "tcp, udp or sctp.", default="tcp", json_schema_extra={"enum": list(syntax.PROTOCOLS)}
    )
    mode: Literal["ingress", "host"] = Is("ingress: every host of a cluster answers; host: this one.", default="ingress")
    name: str = Is("For people.", default="")
    app_protocol: str = Is("What is spoken on the port; for people.", default="")
    host_if: Ifname = Is("Only what comes in by this link of the host.", default="")
    allow_from: Annotated[list[Source], Also({"type": "string"})] = Is(
        "Only these sources, as addresses or prefixes.", default_factory=list
    )
    rate: Rate = Is("New connections a time, as 100/second.", default="")
    max_conns: int = Is("Connections at one time; 0 is no limit.", default=0, ge=0)

    @model_validator(mode="after")
    def ranges_match(self) -> "Port":
        syntax.same_length(self.target, self.published)
        return self


class Bandwidth(Record):
    """What an endpoint may send and receive."""

    ingress: str = Is("Towards the container, as 100mbit.", default="")
    egress: str = Is("From the container, as 100mbit.", default="")


class RouteItem(Record):
    """A route of one endpoint."""

    to: Prefix = Is("Where it leads, as 10.0.0.0/8.")
    via: Address = Is("The gateway.")


class Endpoint(Record):
    """A container's place on one network."""

    aliases: list[HostName] = Is("Further names on this network.", default_factory=list)
    ipv4_address: Address4 = Is("Fixed IPv4 address, inside a subnet of `ipam`.", default="")
    ipv6_address: Address6 = Is("Fixed IPv6 address, inside a subnet of `ipam`.", default="")
    link_local_ips: list[Address] = Is("Further link-local addresses.", default_factory=list)
    mac_address: Mac = Is("Fixed MAC address.", default="")
    interface_name: Ifname = Is("Name of the interface inside the container, instead of eth0, eth1 ...", default="")
    priority: float = Is("Networks with a higher one are connected first.", default=0)
    gw_priority: float = Is("The network with the highest one holds the default route.", default=0)
    driver_opts: dict[str, Scalar] = Is("Sysctls of the interface, as com.docker.network.endpoint.sysctls.", default_factory=dict)
    routes: list[RouteItem] = Is("Routes by this network, beside the default one.", default_factory=list)
    vlan: int = Is("VLAN of the port (untagged).", default=0, ge=0, le=4094)
    trunk: list[int] = Is("VLANs that pass tagged.", default_factory=list)
    bandwidth: Bandwidth | None = Is("Limits of what is sent and received.", default=None)
    nested = {"routes": ("list", RouteItem), "bandwidth": ("one", Bandwidth)}


class Deploy(Record):
    """How many replicas of a service there are, and how they are reached."""

    mode: Literal["replicated", "global", "replicated-job", "global-job"] = Is("How replicas are spread.", default="replicated")
    replicas: int | None = Is("Number of equal containers.", default=None, ge=0, le=65536)
    endpoint_mode: Literal["vip", "dnsrr"] = Is("One virtual address, or every replica's by DNS.", default="vip")
    unused = DEPLOY


class Attach(Record):
    """Something that runs already, whose namespace is taken over."""

    docker: str = Is("Name of a Docker container.", default="")
    podman: str = Is("Name of a podman container.", default="")
    pid: int = Is("A process.", default=0, ge=0)
    netns: str = Is("Path of a network namespace.", default="")


class EnvFile(Record):
    """A file of variables."""

    path: str = Is("The file, relative to this one.")
    required: bool = Is("It is a mistake when the file is missing.", default=True)
    format: str = Is("`raw` takes every value as it stands.", default="")


class Dependency(Record):
    """What a service waits for."""

    condition: str = Is("service_started, service_healthy or service_completed_successfully.", default="service_started")
    required: bool = Is("It is a mistake when the service is missing.", default=True)
    restart: bool = Is("Restarted together with it.", default=False)


class Container(Record):
    """A container, by Compose's keys."""

    image: str = Is("Image to run, where `runtime` runs one; otherwise for people.", default="")
    container_name: str = Is("Name of the sandbox, instead of PROJECT-CONTAINER.", default="")
    network_mode: str = Is("host, none, bridge, service:NAME or container:NAME; instead of `networks`.", default="")
    networks: Annotated[dict[str, Endpoint], Also(TEXTS)] = Is(
        "Networks to join; `default` where absent.", default_factory=dict
    )
    ports: list[Annotated[Port, BeforeValidator(syntax.short, json_schema_input_type=str | int | Port)]] = Is(
        "Ports of the host that lead to this container.", default_factory=list
    )
    expose: list[Annotated[str, BeforeValidator(syntax.exposed, json_schema_input_type=str | int)]] = Is(
        "Ports that linked containers use; for people.", default_factory=list
    )
    hostname: HostName = Is("The container's own name; also in its hosts file.", default="")
    domainname: HostName = Is("Domain behind the hostname.", default="")
    dns: List = Is("Name servers, instead of the host's.", default_factory=list)
    dns_search: Annotated[list[HostName], Also({"type": "string"})] = Is("Domains to look names up in.", default_factory=list)
    dns_opt: list[Word] = Is("Resolver options, as ndots:1.", default_factory=list)
    extra_hosts: Annotated[dict[str, list[str]], Also(TEXTS), Also({"type": "object"})] = Is(
        "Lines for the hosts file, NAME=ADDRESS; the address may be `host-gateway`.", default_factory=dict
    )
    links: list[str] = Is("Services to reach by name or by alias (SERVICE:ALIAS).", default_factory=list)
    external_links: list[str] = Is("Containers outside to reach by name or by alias (CONTAINER:ALIAS).", default_factory=list)
    depends_on: Annotated[dict[str, Dependency], Also(TEXTS)] = Is("Services that this one needs.", default_factory=dict)
    sysctls: Texts = Is("Sysctls of the container's network namespace (net.*).", default_factory=dict)
    mac_address: Mac = Is("MAC address on the network of the highest priority.", default="")
    environment: Texts = Is("Variables of what runs in the container.", default_factory=dict)
    env_file: Annotated[
        list[Annotated[EnvFile, BeforeValidator(lambda v: {"path": v} if isinstance(v, str) else v, json_schema_input_type=str | EnvFile)]],
        Also({"type": "string"}),
    ] = Is("Files with such variables.", default_factory=list)
    labels: Texts = Is("Labels, for people and for policies.", default_factory=dict)
    profiles: list[str] = Is("Only part of the project when one of these is active (COMPOSE_PROFILES).", default_factory=list)
    provider: dict[str, Any] | None = Is("Something else provides this service: it has no container.", default=None)
    extends: Annotated[str, Also({"type": "object"})] = Is("Another service whose keys this one starts from.", default="")
    host: str = Is("Which of `hosts:` it stands on.", default="")
    runtime: str = Is("none, systemd, oci or podman: what runs in the sandbox; Compose's own values change nothing.", default="")
    rootfs: str = Is("Root file system, where `runtime` is oci.", default="")
    attach: Attach | None = Is("Take over the namespace of what runs already.", default=None)
    unused = SERVICE
    nested = {
        "networks": ("map", Endpoint),
        "ports": ("list", Port),
        "deploy": ("one", Deploy),
        "depends_on": ("map", Dependency),
        "env_file": ("list", EnvFile),
        "attach": ("one", Attach),
    }


class Service(Container):
    """A service: equal containers, by Compose's keys."""

    scale: int | None = Is("Number of equal containers.", default=None, ge=0, le=65536)
    deploy: Deploy | None = Is("Replicas and how they are reached.", default=None)


class IpamConfig(Record):
    """One subnet of a network."""

    subnet: Annotated[Prefix, Also({"type": "null"})] = Is("The subnet, as 10.1.0.0/24 or fd00:1::/64.", default="")
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

    driver: str = Is("bridge, overlay, macvlan, ipvlan, host, none, cni, or a plugin's name.", default="bridge")
    name: Name = Is("Full name, instead of PROJECT_NETWORK.", default="")
    external: bool = Is("It exists already, and is neither made nor removed.", default=False)
    internal: bool = Is("No way out, and none in.", default=False)
    icc: bool = Is("Its containers reach each other.", default=True)
    enable_ipv4: bool = Is("Its containers have IPv4 addresses.", default=True)
    enable_ipv6: bool = Is("Its containers have IPv6 addresses.", default=False)
    mtu: Mtu = Is("Bytes, or `auto`: that of the link with the host's default route.", default="auto")
    bridge_name: Ifname = Is("Name of the bridge, instead of one from the project and the network.", default="")
    gateway_mode: GatewayMode = Is("How packets cross the host: nat, routed, nat-unprotected or isolated.", default="nat")
    gateway_mode_ipv6: GatewayMode | None = Is("The same for IPv6, where it differs.", default=None)
    masquerade: bool = Is("What leaves takes an address of the host.", default=True)
    snat: Address4 = Is("Source address of what leaves, instead of the outgoing link's.", default="")
    snat_ipv6: Address6 = Is("The same for IPv6.", default="")
    host_access: Literal["", "all"] = Is("`all`: its containers may use every service of the host.", default="")
    host_ip: Address = Is("Address of the host for ports that name none.", default="")
    parent: str = Is("Link of the host that macvlan and ipvlan stand on, as eth0 or eth0.50.", default="")
    encrypted: bool = Is("Overlay: traffic between hosts is encrypted.", default=False)
    multicast: bool = Is("Overlay: broadcast and multicast reach every member.", default=False)
    driver_opts: dict[str, Scalar] = Is("Options of the driver, by our names or Docker's.", default_factory=dict)
    ipam: Ipam | None = Is("Subnets and addresses.", default=None)
    allow_networks: list[str] = Is("Networks whose containers may open connections to this one's.", default_factory=list)
    attachable: bool = Is("Accepted for Compose's sake: anything may attach.", default=False)
    scope: Literal["local", "swarm"] | None = Is("local: one host's own; swarm: the same on every host.", default=None)
    labels: Texts = Is("Labels, for people and for policies.", default_factory=dict)
    default: bool = Is("It takes the place of docker0.", default=False)
    nested = {"ipam": ("one", Ipam)}


class Host(Record):
    """A machine."""

    address: Address = Is("Address by which the other hosts reach it.", default="")
    vars: dict[str, Scalar] = Is("Values of this host, for people and plugins.", default_factory=dict)


class Pool(Record):
    """Where networks without a subnet take theirs from."""

    base: Prefix = Is("The prefix that is divided, as 10.0.0.0/8.")
    size: int = Is("Length of each subnet, as 24.", ge=1, le=126)


class Include(Record):
    """Another manifest that becomes part of this one."""

    path: Annotated[list[str], Also({"type": "string"})] = Is("The file; further ones are laid on top of it.")
    project_directory: str = Is("Where its relative paths start.", default="")
    env_file: Annotated[list[str], Also({"type": "string"})] = Is("Files of variables for it, instead of its `.env`.", default_factory=list)


class Top(Record):
    """A manifest: a Compose file is one already."""

    name: str = Is("The project; the folder's name where absent.", default="")
    include: list[Annotated[Include, Also({"type": "string"})]] = Is("Other manifests that become part of this one.", default_factory=list)
    networks: dict[str, Annotated[Network, Also({"type": "null"})]] = Is("The networks, by name.", default_factory=dict)
    services: dict[str, Service] = Is("Services: any number of equal containers each.", default_factory=dict)
    containers: dict[str, Annotated[Container, Also({"type": "null"})]] = Is("Single containers, with a service's keys less the replicas.", default_factory=dict)
    hosts: dict[str, Annotated[Host, Also({"type": "null"})]] = Is("The machines that share this manifest.", default_factory=dict)
    pools: list[Pool] = Is("Prefixes that networks without a subnet take theirs from.", default_factory=list)
    policies: Any = Is("Rules between containers; this version does not enforce any yet and refuses them.", default=None)
    expect: Any = Is("What must and must not be reachable; this version checks none yet and refuses them.", default=None)
    runtime: Literal["none", "systemd", "oci", "podman"] = Is("What runs in the sandboxes; `none` leaves them to anybody.", default="none")
    unused = TOP



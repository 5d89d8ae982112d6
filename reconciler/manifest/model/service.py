"""What a manifest may say of services and containers."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from ..compose.ignored_keys import DEPLOY, SERVICE
from . import port_syntax as syntax
from .fields import (
    Address4,
    Address6,
    Bits,
    HostName,
    Ifname,
    Link,
    LinkLocal,
    Mac,
    Name,
    Prefix,
    Rate,
    Scalar,
    Server,
    Source,
    Unicast,
    Vlan,
    Word,
)
from .record import TEXTS, Also, Is, Record, Texts


class Port(Record):
    """A published port; the short form is `[[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/PROTOCOL]`."""

    target: Annotated[tuple[int, int], BeforeValidator(syntax.target, json_schema_input_type=int | str)] = Is(
        "Port of the container, or a range as 80-89."
    )
    published: Annotated[
        tuple[int, int] | None, BeforeValidator(syntax.published, json_schema_input_type=int | str | None)
    ] = Is(
        "Port of the host, or a range; a range for one target means any free one of it. Random where absent.",
        default=None,
    )
    host_ip: Annotated[str, BeforeValidator(syntax.host_ip, json_schema_input_type=str)] = Is(
        "Address of the host to publish on; any where absent.", default=""
    )
    protocol: Annotated[str, BeforeValidator(syntax.protocol, json_schema_input_type=str)] = Is(
        "tcp, udp or sctp.", default="tcp", json_schema_extra={"enum": list(syntax.PROTOCOLS)}
    )
    mode: Literal["ingress", "host"] = Is(
        "ingress: every host of a cluster answers; host: this one.", default="ingress"
    )
    name: str = Is("For people.", default="")
    app_protocol: str = Is("What is spoken on the port; for people.", default="")
    host_if: Link = Is("Only what comes in by this link of the host.", default="")
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

    ingress: Bits = Is("Towards the container, as 100mbit.", default="")
    egress: Bits = Is("From the container, as 100mbit.", default="")


class RouteItem(Record):
    """A route of one endpoint."""

    to: Prefix = Is("Where it leads, as 10.0.0.0/8.")
    via: Unicast = Is("The gateway.")


class Endpoint(Record):
    """A container's place on one network."""

    aliases: list[HostName] = Is("Further names on this network.", default_factory=list)
    ipv4_address: Address4 = Is("Fixed IPv4 address, inside a subnet of `ipam`.", default="")
    ipv6_address: Address6 = Is("Fixed IPv6 address, inside a subnet of `ipam`.", default="")
    link_local_ips: list[LinkLocal] = Is("Further link-local addresses.", default_factory=list)
    mac_address: Mac = Is("Fixed MAC address.", default="")
    interface_name: Ifname = Is(
        "Name of the interface inside the container, instead of eth0, eth1 ...", default=""
    )
    priority: int = Is("Networks with a higher one are connected first.", default=0)
    gw_priority: int = Is("The network with the highest one holds the default route.", default=0)
    driver_opts: dict[str, Scalar] = Is(
        "Sysctls of the interface, as com.docker.network.endpoint.sysctls.", default_factory=dict
    )
    routes: list[RouteItem] = Is("Routes by this network, beside the default one.", default_factory=list)
    vlan: Vlan | None = Is("Bridge: the VLAN that it is in, untagged; 1 where nothing is said.", default=None)
    trunk: list[Vlan] = Is("Bridge: further VLANs, that reach it tagged.", default_factory=list)
    bandwidth: Bandwidth | None = Is("Limits of what is sent and received.", default=None)
    nested = {"routes": ("list", RouteItem), "bandwidth": ("one", Bandwidth)}


class Preference(Record):
    """What replicas are spread over evenly."""

    spread: str = Is("`node.labels.NAME`: the values that the hosts have of it.")


class Placement(Record):
    """Which of `hosts:` the replicas of a service stand on; without `hosts:` it concerns nothing."""

    constraints: list[str] = Is(
        "Of node.hostname, node.ip or node.labels.NAME, as `node.labels.zone != east`; all must hold.",
        default_factory=list,
    )
    preferences: list[Preference] = Is("What the replicas are spread over.", default_factory=list)
    max_replicas_per_node: int = Is("At most as many on one host; 0 is no limit.", default=0, ge=0)
    nested = {"preferences": ("list", Preference)}


class Deploy(Record):
    """How many replicas of a service there are, where they stand, and how they are reached."""

    mode: Literal["replicated", "global", "replicated-job", "global-job"] = Is(
        "replicated: the hosts take them in turn; global: one on every host.", default="replicated"
    )
    replicas: int | None = Is("Number of equal containers.", default=None, ge=0, le=65536)
    endpoint_mode: Literal["vip", "dnsrr"] = Is(
        "One virtual address, or every replica's by DNS.", default="vip"
    )
    placement: Placement | None = Is("On which hosts.", default=None)
    unused = DEPLOY
    nested = {"placement": ("one", Placement)}


class Attach(Record):
    """Something that runs already, whose namespace is taken over."""

    docker: str = Is("Name of a Docker container.", default="")
    podman: str = Is("Name of a podman container.", default="")
    pid: int = Is("A process.", default=0, ge=0)
    netns: str = Is("Path of a network namespace.", default="")


def attachment(value: Any) -> Any:
    """Compose's `attach` is about logs: true, false, or a text that means one of them."""
    return None if isinstance(value, bool | str) else value


class EnvFile(Record):
    """A file of variables."""

    path: str = Is("The file, relative to this one.")
    required: bool = Is("It is a mistake when the file is missing.", default=True)
    format: Literal["", "raw"] = Is("`raw` takes every value as it stands.", default="")


class Dependency(Record):
    """What a service waits for."""

    condition: str = Is(
        "service_started, service_healthy or service_completed_successfully.", default="service_started"
    )
    required: bool = Is("It is a mistake when the service is missing.", default=True)
    restart: bool = Is("Restarted together with it.", default=False)


class Container(Record):
    """A container, by Compose's keys."""

    image: str = Is("Image to run, where `runtime` runs one; otherwise for people.", default="")
    container_name: Name = Is("Name of the sandbox, instead of PROJECT-CONTAINER.", default="")
    network_mode: str = Is(
        "host, none, bridge, service:NAME or container:NAME; instead of `networks`.", default=""
    )
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
    dns: Annotated[list[Server], Also({"type": "string"})] = Is(
        "Name servers, instead of the host's.", default_factory=list
    )
    dns_search: Annotated[list[HostName], Also({"type": "string"})] = Is(
        "Domains to look names up in.", default_factory=list
    )
    dns_opt: list[Word] = Is("Resolver options, as ndots:1.", default_factory=list)
    extra_hosts: Annotated[dict[str, list[str]], Also(TEXTS), Also({"type": "object"})] = Is(
        "Lines for the hosts file, NAME=ADDRESS; the address may be `host-gateway`.", default_factory=dict
    )
    links: list[str] = Is("Services to reach by name or by alias (SERVICE:ALIAS).", default_factory=list)
    external_links: list[str] = Is(
        "Containers outside to reach by name or by alias (CONTAINER:ALIAS).", default_factory=list
    )
    depends_on: Annotated[dict[str, Dependency], Also(TEXTS)] = Is(
        "Services that this one needs.", default_factory=dict
    )
    sysctls: Texts = Is("Sysctls of the container's network namespace (net.*).", default_factory=dict)
    mac_address: Mac = Is("MAC address on the network of the highest priority.", default="")
    environment: Texts = Is("Variables of what runs in the container.", default_factory=dict)
    env_file: Annotated[
        list[
            Annotated[
                EnvFile,
                BeforeValidator(
                    lambda v: {"path": v} if isinstance(v, str) else v, json_schema_input_type=str | EnvFile
                ),
            ]
        ],
        Also({"type": "string"}),
    ] = Is("Files with such variables.", default_factory=list)
    labels: Texts = Is("Labels, for people and for policies.", default_factory=dict)
    profiles: list[str] = Is(
        "Only part of the project when one of these is active (COMPOSE_PROFILES).", default_factory=list
    )
    provider: dict[str, Any] | None = Is(
        "Something else provides this service: it has no container.", default=None
    )
    extends: Annotated[str, Also({"type": "object"})] = Is(
        "Another service whose keys this one starts from.", default=""
    )
    host: str = Is("Which of `hosts:` it stands on.", default="")
    runtime: str = Is(
        "none, systemd, oci or podman: what runs in the sandbox; Compose's own values change nothing.",
        default="",
    )
    rootfs: str = Is("Root file system, where `runtime` is oci.", default="")
    attach: Annotated[
        Attach | None, BeforeValidator(attachment, json_schema_input_type=Attach | bool | None)
    ] = Is(
        "Take over the namespace of what runs already; Compose's own true and false change nothing.",
        default=None,
    )
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

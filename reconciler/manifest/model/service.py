"""What a manifest may say of services and containers."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from ..compose.ignored_keys import DEPLOY, SERVICE
from ..spec import ContainerSpec, EndpointSpec, PortSpec
from . import fields, limits, port_syntax
from .checks import Bits, Natural, Prefix, Replicas, Unicast, Vlan, Weight, WeightKey
from .record import ALSO, Also, Is, Record, of


@of(PortSpec)
class PortRecord(Record):
    """A published port; the short form is `[[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/PROTOCOL]`."""

    app_protocol: str = Is("What is spoken on the port; for people.", default="")

    ranges_match = model_validator(mode="after")(port_syntax.matching_ranges)
    limits_said = model_validator(mode="after")(limits.limits_said)


class Bandwidth(Record):
    """What an endpoint may send and receive."""

    ingress: Bits = Is("Bits a second towards the container, as 100mbit.", default="")
    ingress_burst: Bits = Is("Bits that go there at once all the same, as 8mbit.", default="")
    egress: Bits = Is("Bits a second from the container, as 100mbit.", default="")
    egress_burst: Bits = Is("Bits that come from there at once all the same, as 8mbit.", default="")


class RouteItem(Record):
    """A route of one endpoint."""

    to: Prefix = Is("Where it leads, as 10.0.0.0/8.")
    via: Unicast = Is("The gateway.")


@of(EndpointSpec)
class EndpointRecord(Record):
    """A container's place on one network."""

    routes: list[RouteItem] = Is("Routes by this network, beside the default one.", default_factory=list)
    vlan: Vlan | None = Is("Bridge: the VLAN that it is in, untagged; 1 where nothing is said.", default=None)
    bandwidth: Bandwidth | None = Is("Limits of what is sent and received.", default=None)


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
    max_replicas_per_node: Natural = Is("At most as many on one host; 0 is no limit.", default=0)


class Deploy(Record):
    """How many replicas of a service there are, where they stand, and how they are reached."""

    mode: Literal["replicated", "global", "replicated-job", "global-job"] = Is(
        "replicated: the hosts take them in turn; global: one on every host.", default="replicated"
    )
    replicas: Replicas | None = Is("Number of equal containers.", default=None)
    endpoint_mode: Literal["vip", "dnsrr"] = Is(
        "One virtual address, or every replica's by DNS.", default="vip"
    )
    placement: Placement | None = Is("On which hosts.", default=None)
    unused = DEPLOY


class Attach(Record):
    """Something that runs already, whose namespace is taken over; or a link for whoever takes it."""

    docker: str = Is("Name of a Docker container.", default="")
    podman: str = Is("Name of a podman container.", default="")
    pid: Natural = Is("A process.", default=0)
    netns: str = Is("Path of a network namespace.", default="")
    link: str = Is("What an end of a pair is called on the host, until somebody takes it.", default="")


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


@of(ContainerSpec)
class Container(Record):
    """A container, by Compose's keys."""

    networks: Annotated[dict[str, EndpointRecord], ALSO["list"]] = Is(
        "Networks to join; `default` where absent.", default_factory=dict
    )
    ports: list[
        Annotated[
            PortRecord, BeforeValidator(port_syntax.short, json_schema_input_type=str | int | PortRecord)
        ]
    ] = Is("Ports of the host that lead to this container.", default_factory=list)
    extra_hosts: Annotated[dict[str, list[str]], ALSO["list"], Also({"type": "object"})] = Is(
        "Lines for the hosts file, NAME=ADDRESS; the address may be `host-gateway`.", default_factory=dict
    )
    depends_on: Annotated[dict[str, Dependency], ALSO["list"]] = Is(
        "Services that this one needs.", default_factory=dict
    )
    egress: list[str] | None = Is(
        "What it may reach, and nothing else: each PEER[:PORTS][/PROTOCOL], where a peer is a service, a"
        " container, network/NAME, label:K=V, host, outside or a prefix.",
        default=None,
    )
    ingress: list[str] | None = Is("Who may reach it, at its own ports, and nobody else.", default=None)
    env_file: Annotated[
        list[Annotated[EnvFile, BeforeValidator(fields.file, json_schema_input_type=str | EnvFile)],],
        ALSO["text"],
    ] = Is("Files with such variables.", default_factory=list)
    profiles: list[str] = Is(
        "Only part of the project when one of these is active (COMPOSE_PROFILES).", default_factory=list
    )
    provider: dict[str, Any] | None = Is(
        "Something else provides this service: it has no container.", default=None
    )
    extends: Annotated[str, Also({"type": "object"})] = Is(
        "Another service whose keys this one starts from.", default=""
    )
    runtime: str = Is(
        "none, systemd, oci or podman: what runs in the sandbox; Compose's own values change nothing.",
        default="",
    )
    attach: Annotated[
        Attach | None, BeforeValidator(fields.attachment, json_schema_input_type=Attach | bool | None)
    ] = Is(
        "Take over the namespace of what runs already; Compose's own true and false change nothing.",
        default=None,
    )
    unused = SERVICE


class Service(Container):
    """A service: equal containers, by Compose's keys."""

    scale: Replicas | None = Is("Number of equal containers.", default=None)
    deploy: Deploy | None = Is("Replicas and how they are reached.", default=None)
    weights: dict[WeightKey, Weight] = Is(
        "By the number of a replica, its part beside others', as {1: 3}, or by its host, in the words of"
        " placement constraints (`node.labels.size == big`): the number goes before these, and of these the"
        " first that is so; 1 where nothing is said.  With 0 it gets no new connections, and keeps its own.",
        default_factory=dict,
    )
    affinity: Literal["client"] | None = Is(
        "client: who came once, by the address, comes to the same replica, while there are as many.",
        default=None,
    )

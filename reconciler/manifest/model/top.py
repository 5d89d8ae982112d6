"""What a manifest may say: the types that check it, and the schema that editors complete and explain from."""

from typing import Annotated, Any, Literal

from ..compose.ignored_keys import TOP
from ..spec import EvpnSpec, HostSpec, NetworkSpec, PoolSpec, SubnetSpec
from .checks import GatewayMode, Ifname, Metadata, Name, Scalar, Subnet
from .fields import ACCEPTED
from .record import ALSO, Also, Is, Record, of
from .service import Container, Service


@of(SubnetSpec)
class IpamConfig(Record):
    """One subnet of a network."""

    subnet: Annotated[Subnet, Also({"type": "null"})] = Is(
        "The subnet, as 10.1.0.0/24 or fd00:1::/64.", default=""
    )


class Ipam(Record):
    """How a network's addresses are given out."""

    driver: str = Is("`default` is the only one.", default="default")
    config: list[IpamConfig] = Is("The subnets; one from the pools where absent.", default_factory=list)
    options: dict[str, Scalar] = Is("Accepted and not used.", default_factory=dict)


@of(NetworkSpec)
class NetworkRecord(Record):
    """A network, by Compose's keys and ours."""

    name: Name = Is("Full name, instead of PROJECT_NETWORK.", default="")
    gateway_mode_ipv6: GatewayMode | None = Is("The same for IPv6, where it differs.", default=None)
    parent: Ifname = Is(
        "Link of the host that macvlan and ipvlan stand on, and a bridge takes as a port: eth0 or eth0.50.",
        default="",
    )
    encrypted: bool = Is("Overlay: traffic between hosts is encrypted.", default=False)
    multicast: bool = Is("Overlay: broadcast and multicast reach every member.", default=False)
    driver_opts: dict[str, Scalar] = Is(
        "Options of the driver, by our names or Docker's.", default_factory=dict
    )
    config: dict[str, Any] | str | None = Is(
        "cni: a configuration list of CNI, or the path of a file with one, as lan.conflist.", default=None
    )
    ipam: Ipam | None = Is("Subnets and addresses.", default=None)
    scope: Literal["local", "swarm"] | None = Is(
        "local: one host's own; swarm: the same on every host.", default=None
    )


@of(HostSpec)
class HostRecord(Record):
    """A machine."""


@of(EvpnSpec)
class Evpn(Record):
    """EVPN by FRR."""


class Reachability(Record):
    """Who tells the hosts of each other's containers."""

    evpn: Evpn | None = Is("FRR, with these settings.", default=None)


@of(PoolSpec)
class Pool(Record):
    """Where networks without a subnet take theirs from."""


class Policy(Record):
    """Who may reach whom; what several policies allow adds up, and there is no order."""

    selected: list[str] = Is(
        "The containers that it is for, as services, containers, label:K=V or network/NAME.",
        default_factory=list,
        alias="for",
    )
    egress: list[str] | None = Is("What they may reach, and nothing else, as of a service.", default=None)
    ingress: list[str] | None = Is("Who may reach them, at their own ports, and nobody else.", default=None)
    log: bool = Is("What is refused to them, and to others by them, is told.", default=False)


class Include(Record):
    """Another manifest that becomes part of this one."""

    path: Annotated[list[str], ALSO["text"]] = Is("The file; further ones are laid on top of it.")
    project_directory: str = Is("Where its relative paths start.", default="")
    env_file: Annotated[list[str], ALSO["text"]] = Is(
        "Files of variables for it, instead of its `.env`.", default_factory=list
    )


class Top(Record):
    """A manifest: a Compose file is one already."""

    name: str = Is("The project; the folder's name where absent.", default="")
    include: list[Annotated[Include, Also({"type": "string"})]] = Is(
        "Other manifests that become part of this one.", default_factory=list
    )
    networks: dict[str, Annotated[NetworkRecord, Also({"type": "null"})]] = Is(
        "The networks, by name.", default_factory=dict
    )
    services: dict[str, Annotated[Service, Also({"type": "null"})]] = Is(
        "Services: any number of equal containers each.", default_factory=dict
    )
    containers: dict[str, Annotated[Container, Also({"type": "null"})]] = Is(
        "Single containers, with a service's keys less the replicas.", default_factory=dict
    )
    hosts: dict[str, Annotated[HostRecord, Also({"type": "null"})]] = Is(
        "The machines that share this manifest.", default_factory=dict
    )
    reachability: Annotated[Reachability | None, Also({"enum": ["static", "evpn"]})] = Is(
        "Who tells the hosts of each other's containers: `static`, the manifest; `evpn`, FRR.", default=None
    )
    pools: list[Pool] = Is("Prefixes that networks without a subnet take theirs from.", default_factory=list)
    router: bool = Is(
        "The host forwards packets between links of its own too: there is no router guard on it.",
        default=False,
    )
    dns: Literal["on", "off"] = Is("Whether containers find each other by name.", default="on")
    host_names: bool = Is(
        "The host itself asks for NAME.PROJECT.internal: systemd-resolved is told who answers.", default=False
    )
    policies: dict[str, Policy] = Is("Who may reach whom, by name.", default_factory=dict)
    metadata: Metadata = Is("Of all its networks that say nothing themselves.", default="")
    expect: list[str] = Is(
        "What must and must not be reachable, as `app reaches db:5432` or `web does not reach db`: a plan"
        " that breaks one is refused.",
        default_factory=list,
    )
    runtime: Literal["none", "systemd", "oci", "podman"] = Is(
        "What runs in the sandboxes; `none` leaves them to anybody.", default="none"
    )
    accept_removals: str = Is(
        "What may go although --max-removals holds it: the digest that the refusal tells.",
        default="",
        alias="accept-removals",
        pattern=f"^{ACCEPTED.pattern}$",
    )
    unused = TOP

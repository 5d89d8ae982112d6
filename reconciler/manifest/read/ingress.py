"""The network by which ports of all hosts lead to replicas on routed networks, as Swarm's `ingress`: hosts
alone are on it, and each knows by the sender's MAC by which other one a connection came."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...mistakes import NameTaken
from ..spec import OFF, ContainerSpec, NetworkSpec, ProjectSpec

if TYPE_CHECKING:
    from .project import ProjectReading

INGRESS = "ingress"


def with_ingress(project: ProjectSpec, reading: "ProjectReading") -> ProjectSpec:
    """The project with that network, where it needs one."""
    reached = reached_networks(project) if project.hosts[1:] else []
    if not reached:
        return project
    if INGRESS in reading.names("networks"):
        message = f"the network by which hosts lead to replicas on {reached[0].name} is called {INGRESS}"
        at = reading.at("networks", INGRESS)
        reading.mistakes.extend([NameTaken(message, "rename this one", at)])
    network = NetworkSpec(
        name=INGRESS,
        driver="overlay",
        hosts_only=True,
        enable_ipv4=any(spec.enable_ipv4 and spec.gateway_mode == "routed" for spec in reached),
        enable_ipv6=any(spec.enable_ipv6 and spec.gateway_mode_ipv6 == "routed" for spec in reached),
        masquerade=False,
        dns=(OFF,),
        scope="swarm",
        where=reached[0].where,
    )
    return replace(project, networks=(*project.networks, network))


def reached_networks(project: ProjectSpec) -> list[NetworkSpec]:
    """Those routed ones that a service is on whose ports are of all hosts."""
    meshed = [one for one in project.containers if any(port.meshed for port in one.ports)]
    keys = {key for one in meshed for key in network_keys(one, project.networks)}
    routed = (n for n in project.networks if "routed" in (n.gateway_mode, n.gateway_mode_ipv6))
    return [network for network in routed if network.name in keys]


def network_keys(spec: ContainerSpec, networks: Sequence[NetworkSpec]) -> Iterator[str]:
    """Of the networks that it may be on."""
    if spec.networks:
        yield from (end.network for end in spec.networks)
    else:
        yield from ("default", *(network.name for network in networks if network.default))

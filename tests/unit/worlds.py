"""Small manifests as values, for tests that need no YAML."""

from functools import partial

from reconciler.cnm import build as decisions
from reconciler.drivers import DRIVERS
from reconciler.manifest.spec import ContainerSpec, EndpointSpec, Manifest, NetworkSpec, PortSpec, ProjectSpec

build = partial(decisions.build, drivers=DRIVERS)


def container(name: str, *networks: str | EndpointSpec, **more) -> ContainerSpec:
    ends = tuple(n if isinstance(n, EndpointSpec) else EndpointSpec(network=n) for n in networks)
    return ContainerSpec(name=name, is_service=more.pop("is_service", False), networks=ends, **more)


def port(target: int, published: int | None = None, count: int = 1, **more) -> PortSpec:
    host = None if published is None else (published, published + count - 1)
    return PortSpec(target=(target, target + count - 1), published=host, **more)


def project(name: str, *items: ContainerSpec | NetworkSpec, **more) -> ProjectSpec:
    return ProjectSpec(
        name=name,
        networks=tuple(item for item in items if isinstance(item, NetworkSpec)),
        containers=tuple(item for item in items if isinstance(item, ContainerSpec)),
        **more,
    )


def manifest(*projects: ProjectSpec) -> Manifest:
    return Manifest(projects=projects)


def shop(count: int) -> Manifest:
    """`count` containers on one dual-stack network, one published port each."""
    boxes = [container(f"web{i}", "front", ports=(port(80, 8000 + i),)) for i in range(count)]
    return manifest(project("shop", NetworkSpec(name="front", enable_ipv6=True), *boxes))

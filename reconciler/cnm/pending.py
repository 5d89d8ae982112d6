"""Keys of the manifest language that nothing acts on yet: refused, since a limit that is ignored is worse
than none."""

from collections.abc import Iterator

from ..errors import ManifestError, Where
from ..manifest.spec import ContainerSpec, Manifest, ProjectSpec

DRIVERS = ("bridge", "macvlan", "ipvlan", "overlay", "host", "none")
OF_PORTS = ("host_if", "allow_from", "rate", "max_conns")
OF_CONTAINERS = ("attach", "rootfs")


def pending(manifest: Manifest) -> list[ManifestError]:
    found = (key for project in manifest.projects for key in written(project))
    return [ManifestError(f"`{name}` is not supported yet", "remove it", where) for name, where in found]


def written(project: ProjectSpec) -> Iterator[tuple[str, Where]]:
    for network in project.networks:
        if network.driver not in DRIVERS:
            yield f"driver: {network.driver}", network.where
        if network.allow_networks:
            yield "allow_networks", network.where
    for container in project.containers:
        yield from of_container(container)


def of_container(container: ContainerSpec) -> Iterator[tuple[str, Where]]:
    yield from ((name, container.where) for name in OF_CONTAINERS if getattr(container, name))
    if container.runtime != "none":
        yield "runtime", container.where
    for port in container.ports:
        yield from ((name, port.where) for name in OF_PORTS if getattr(port, name))
    for end in container.networks:
        if any(end.bandwidth):
            yield "bandwidth", end.where

"""Keys of the manifest language that nothing acts on yet: refused, since a limit that is ignored is
worse than none."""

from collections.abc import Container, Iterator

from ..errors import ManifestError, Where
from ..manifest.spec import Manifest, ProjectSpec

OF_PORTS = ("host_if", "allow_from", "rate", "max_conns")
OF_CONTAINERS = ("attach", "rootfs")


def pending(manifest: Manifest, drivers: Container[str]) -> Iterator[ManifestError]:
    """What nothing here acts on; a driver may be missing that was installed when the manifest was read."""
    for project in manifest.projects:
        for name, where in written(project):
            yield ManifestError(f"`{name}` is not supported yet", "remove it", where)
        for network in project.networks:
            if network.driver not in drivers:
                hint = "install the package that it came with, or choose another"
                yield ManifestError(f"no driver {network.driver} is installed", hint, network.where)


def written(project: ProjectSpec) -> Iterator[tuple[str, Where]]:
    for network in project.networks:
        if network.allow_networks:
            yield "allow_networks", network.where
    for container in project.containers:
        yield from ((name, container.where) for name in OF_CONTAINERS if getattr(container, name))
        if container.runtime != "none":
            yield "runtime", container.where
        for port in container.ports:
            yield from ((name, port.where) for name in OF_PORTS if getattr(port, name))
        yield from (("bandwidth", end.where) for end in container.networks if any(end.bandwidth))

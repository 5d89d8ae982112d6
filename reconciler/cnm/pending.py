"""Keys of the manifest language that nothing acts on yet: refused, since a limit that is ignored is
worse than none."""

from collections.abc import Iterator

from ..errors import ManifestError, NoDriver, Where
from ..manifest.options import Drivers, lack
from ..manifest.spec import Manifest, ProjectSpec
from ..mistakes import NotYet


def pending(manifest: Manifest) -> Iterator[ManifestError]:
    for project in manifest.projects:
        for name, where in written(project):
            yield NotYet(f"`{name}` is not supported yet", "remove it", where)


def undriven(manifest: Manifest, drivers: Drivers) -> Iterator[NoDriver]:
    """The networks whose driver nobody has here, or that cannot be used."""
    networks = [network for project in manifest.projects for network in project.networks]
    reasons = {name: lack(drivers, name) for name in {network.driver for network in networks}}
    for network in networks:
        message, hint = reasons[network.driver]
        if message:
            yield NoDriver(message, hint, network.where)


def written(project: ProjectSpec) -> Iterator[tuple[str, Where]]:
    for container in project.containers:
        yield from (("bandwidth", end.where) for end in container.networks if any(end.bandwidth))

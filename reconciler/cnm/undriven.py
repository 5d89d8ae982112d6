"""Networks whose driver nobody has here."""

from collections.abc import Iterator

from ..errors import NoDriver
from ..manifest.options import Drivers, lack
from ..manifest.spec import Manifest


def undriven(manifest: Manifest, drivers: Drivers) -> Iterator[NoDriver]:
    """The networks whose driver nobody has here, or that cannot be used."""
    networks = [network for project in manifest.projects for network in project.networks]
    reasons = {name: lack(drivers, name) for name in {network.driver for network in networks}}
    for network in networks:
        message, hint = reasons[network.driver]
        if message:
            yield NoDriver(message, hint, network.where)

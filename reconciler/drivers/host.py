"""host: containers in the host's own namespace, which have no sandbox."""

from ..cnm.driver import Driver


class HostNetwork(Driver):
    """Whoever is on it shares all that the host has, and no network is made."""

    name = "host"
    options = ()

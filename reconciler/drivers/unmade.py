"""host and none: words that stand where a network's driver does, and no network is made."""

from ..cnm.driver import Driver


class HostNetwork(Driver):
    """Containers in the host's own namespace, which have no sandbox."""

    name = "host"
    options = ()


class NoNetwork(Driver):
    """Containers with no network but their own loopback; the name is Compose's."""

    name = "none"
    options = ()

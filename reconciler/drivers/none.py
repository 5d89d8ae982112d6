"""none: containers with no network but their own loopback."""

from ..cnm.driver import Driver


class NoNetwork(Driver):
    """Compose's name for it is written where a network's driver stands, and no network is made."""

    name = "none"
    options = ()

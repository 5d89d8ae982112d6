"""What `network_mode` may say (Compose): a network of its own or none, the host's, or another container's."""

MODES = ("host", "none", "bridge")
JOINS = ("service:", "container:")  # before the name of whose it is


def is_borrowed(mode: str) -> bool:
    """Whether the network is somebody else's."""
    return mode == "host" or mode.startswith(JOINS)

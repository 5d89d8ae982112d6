"""What a person calls what a resource is part of: a container, a network, a published port."""

import re
from collections.abc import Mapping
from typing import NamedTuple

# In the order in which they are told.
CONTAINER, NETWORK, PORT, SERVICES, NAMES, FIREWALL, SETTINGS = KINDS = (
    "container",
    "network",
    "port",
    "services",
    "names",
    "firewall",
    "host settings",
)
NAMED = (CONTAINER, NETWORK, PORT)  # that a project has several of
NUMBER = re.compile(r"([0-9]+)")
Part = tuple[str, str]  # of these kinds, and its name; "" of what a project has one of


def as_counted(name: str) -> tuple[str | int, ...]:
    """By which names are sorted as people count: web-2 before web-10."""
    return tuple(int(part) if place % 2 else part for place, part in enumerate(NUMBER.split(name)))


class Subject(NamedTuple):
    """Of which project, which of the kinds, and its name."""

    project: str
    kind: str
    name: str


class Places(NamedTuple):
    """Whose the links of the host are, the addresses of sandboxes, and the subnets of networks."""

    links: Mapping[str, Part]
    addresses: Mapping[str, Part]
    subnets: Mapping[str, Part]

    def by_link(self, *names: str) -> Part:
        """That which one of these links is of, or the host itself."""
        return next((self.links[name] for name in names if name in self.links), (SETTINGS, ""))

"""What a network stands on, as far as every stage asks: who hears whom, and what the host has of it."""

from collections.abc import Mapping
from typing import NamedTuple

from ..inventory.facts import Tagged
from ..values import value


class HostLink(NamedTuple):
    """A link of the host that a network needs beside its bridge."""

    name: str
    what: str  # equal where it is one link for several networks


@value
class Carrier:
    """A bridge of this host, if nothing else is said; a driver that decides more has a class of its own."""

    mtu: int
    room: int = 0  # what lies below lets through at once, where that is less than the network has to have
    bridge: str = ""  # "" where the network has none: then nothing of its names one
    paired: bool = False  # without a bridge: the host has an end of each endpoint's pair, and routes to it
    inner: bool = True  # it lies behind the host, which is its router and its firewall
    external: bool = False  # it is somebody else's, and only the endpoints are ours
    isolated: bool = False  # it leads nowhere, whatever the manifest says
    own_macs: bool = True  # each container has a MAC of its own
    vlans: bool = False  # its endpoints may be in VLANs of the bridge, and
    filters: bool = True  # it can keep them apart, or does already
    pvid: int = 1  # the VLAN of whoever says none; 0 where that is none
    host: str = ""  # this one, on a network that counts the endpoints of every host, and
    hosts: tuple[tuple[str, str], ...] = ()  # (name, address) of them all: each has a gateway of its own
    one_gateway: bool = False  # the same on all of them
    addresses: tuple[str, ...] = ()  # of the host, where it is one more machine of a LAN
    # There its router is the gateway: those that the host itself has there.  None: none is to be found.
    routers: tuple[str, ...] | None = None
    uplink: str = ""  # the port of the bridge by which other hosts' frames come
    links: tuple[HostLink, ...] = ()
    tagged: Tagged | None = None  # the 802.1Q link that it needs
    publishes: bool = False  # its driver leads ports of the host to its containers by means of its own
    forwards: bool = False  # and forwards what they send: then the host is a router, whatever we think

    @property
    def everywhere(self) -> bool:
        return bool(self.host)

    @property
    def on_lan(self) -> bool:
        """Whether its containers are machines of a LAN among others."""
        return self.routers is not None

    @property
    def segment(self) -> str:
        """The link on which all that hear one another stand."""
        return self.bridge

    @property
    def own_link(self) -> str:
        """The host's link there, which bears the network's MAC; "" where it has none."""
        return self.bridge

    @property
    def unreached(self) -> str:
        """What it is, that no port of the host leads there, where it does not lie behind it."""
        return "a LAN, where it is reached at its own address"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Routes of the host that are the network's beside its subnets."""
        return ()

    @property
    def elsewhere(self) -> tuple[tuple[str, str], ...]:
        """(MAC, host) of every endpoint of another host."""
        return ()

    @property
    def locks(self) -> Mapping[str, tuple[str, ...]]:
        """What hosts must agree on beside addresses, as lines of addresses.lock; the names begin with `@`."""
        return {}

    @property
    def details(self) -> Mapping[str, object]:
        """What `--show -o json` tells of it."""
        return {}

    def __str__(self) -> str:
        return self.bridge

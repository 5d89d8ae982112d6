"""Whom the ports of several hosts lead to, as values: what one host has to know of the others."""

from typing import NamedTuple

from ..values import value


class Departure(NamedTuple):
    """To a replica on another host."""

    bridge: str  # of the network that it goes over
    ip: str  # of the replica
    via: str  # of its host
    hosts: tuple[str, ...]  # the addresses of all hosts, whose own connections are answered on the segment


class Entrance(NamedTuple):
    """Another host, by whose ports connections come to replicas on this one."""

    bridge: str  # of the network that they come over
    number: int  # the host's among `hosts:`
    mac: str  # of its bridge
    gateways: tuple[str, ...]  # its addresses there
    mark: int  # of connections that came by it, and the number of the table by which answers go back


@value
class Mesh:
    """What a host has to know of the others whose ports lead to each other's replicas."""

    ways: tuple[Departure, ...] = ()
    entrances: tuple[Entrance, ...] = ()

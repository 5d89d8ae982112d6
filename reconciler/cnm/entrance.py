"""Whom the ports of several hosts lead to, as values: what one host has to know of the others."""

from typing import NamedTuple

from ..values import value


class Departure(NamedTuple):
    """To a replica on another host."""

    bridge: str  # that it goes over, of the network or of that of the hosts alone
    ip: str  # of the replica
    via: str  # of its host
    hosts: tuple[str, ...]  # the addresses of all hosts, whose own connections are answered on the segment


class Entrance(NamedTuple):
    """Another host, by whose ports connections come to replicas on this one."""

    bridge: str  # that they come over
    homes: tuple[str, ...]  # the bridges of the replicas, by which answers come in
    number: int  # the host's among `hosts:`
    mac: str  # of its bridge
    gateways: tuple[str, ...]  # its addresses there
    mark: int  # of connections that came by it, and the number of the table by which answers go back


class Door(NamedTuple):
    """What may be asked of a replica here by another bridge than its own."""

    bridge: str  # that it comes over
    home: str  # the replica's
    ip: str
    protocol: str
    ports: tuple[int, int]  # the first and the last


@value
class Mesh:
    """What a host has to know of the others whose ports lead to each other's replicas."""

    ways: tuple[Departure, ...] = ()
    entrances: tuple[Entrance, ...] = ()
    doors: tuple[Door, ...] = ()

"""Names as they are decided: values alone (see zones.py)."""

from dataclasses import field

from ..errors import NOWHERE, Finding, Where
from ..kinds.ownership import HOST
from ..values import value


@value
class Zone:
    """What the containers that a project has on a network are called there."""

    network: str  # its full name
    project: str
    entries: tuple[tuple[str, tuple[str, ...]], ...]  # (address, names)
    wildcards: tuple[tuple[str, str], ...] = ()  # (domain, address) of whatever ends in it
    where: Where = field(default=NOWHERE, compare=False)


@value
class Listed:
    """Names of the outside that may be reached, and how: one, what is below it, or both.  Resolvers write
    what they tell of them into one set; they know names apart by their ends alone."""

    name: str
    itself: bool
    below: bool
    ports: tuple[tuple[int, tuple[int, int]], ...]  # by the protocol of IP, both ends inclusive
    where: Where = field(default=NOWHERE, compare=False)


@value
class DnsView:
    """What some sandboxes of a project are told, by whom, and which questions that one is asked."""

    project: str
    name: str
    ns: str = HOST  # where it answers: a sandbox that has no neighbour in the host has an own one
    port: int = 0
    networks: tuple[str, ...] = ()  # whose zones it knows, in full
    interfaces: tuple[str, ...] = ()  # that it answers on
    bridges: tuple[str, ...] = ()  # all that comes in by these asks it; by others only these sandboxes do
    servers: tuple[str, ...] = ()  # that it asks what it does not know
    subnets: tuple[str, ...] = ()  # whose addresses mean nothing to others
    wildcards: tuple[tuple[str, str], ...] = ()
    listed: tuple[Listed, ...] | None = None  # of the outside these alone; None is all that there is
    sandboxes: tuple[str, ...] = ()
    link: str = ""  # of the host, by which it asks itself
    ip: str = ""  # and the address there
    # The project whose resolver of the same name answers these, as it does all on its network.
    lender: str = ""
    where: Where = field(default=NOWHERE, compare=False)


@value
class Naming:
    """Who is called what, and who answers."""

    zones: tuple[Zone, ...] = ()
    views: tuple[DnsView, ...] = ()
    linked: tuple[Zone, ...] = ()  # those that links may tell of, also where nobody answers
    lack: tuple[Finding, ...] = ()  # why nobody is answered on this host

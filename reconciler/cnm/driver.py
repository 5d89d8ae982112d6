"""What a driver is asked: the model decides what is alike in all networks, and each driver what is its own.

A driver is one room or one file of `drivers/`, or in a package of somebody else's, with an entry point in the
group `reconciler.drivers`.  A simple one overrides `carrier` and `lower`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.resource import Resource
from ..errors import Finding, Where
from ..inventory.facts import Facts, Listener
from ..kinds import names
from ..manifest.options import COMMON, Option
from ..manifest.spec import NetworkSpec, ProjectSpec, SubnetSpec
from .carrier import Carrier
from .endpoint import Addresses, Attachments
from .topology import Network, PerHostSubnets

API = 1  # of this contract: a driver of another number is refused


class Wanted(NamedTuple):
    """A network as it is written, and what follows from that alone."""

    project: ProjectSpec
    spec: NetworkSpec
    name: str  # in full
    ident: str

    @property
    def bridge(self) -> str:
        """What a bridge of it would be called were it alone; see cnm/ownership.py."""
        return self.spec.bridge_name or names.bridges(self.project.name, self.spec.name, self.ident)[0]


class Joined(NamedTuple):
    """Who is on the networks."""

    projects: Sequence[ProjectSpec]
    attachments: Mapping[str, Attachments]  # by the network's full name
    given: Addresses
    resting: frozenset[str] = frozenset()  # replicas that take nothing new


class Socket(NamedTuple):
    """A socket of the host that a tunnel of this run has, or will have, or a port that programs of others
    lead to a container: such a one is nobody else's (`alone`)."""

    listener: Listener
    wants: str
    hint: str
    where: Where
    alone: bool = False


class Driver:
    """One way to build networks, which as it is makes none.  All methods are pure: equal
    arguments, equal answers."""

    api = 0  # an installed driver says `api = 1`
    name = ""
    configured = False  # whether its networks have a `config`
    pools = True  # whether one without a subnet takes one from the pools
    scope = "local"  # or swarm: a network is the same on every host
    options: tuple[Option, ...] = COMMON  # of `driver_opts`: schema, errors and translation follow from them

    def carrier(self, wanted: Wanted, facts: Facts) -> Carrier | None:
        """What the network stands on; None makes no network.  Raises what is wrong with the options, and what
        the kernel lacks."""
        return None

    def is_shared(self, wanted: Wanted, family: int) -> bool:
        """Whether all hosts must come to one subnet of this family, whatever stands on each."""
        return False

    def per_host(self, wanted: Wanted, ranges: Sequence[SubnetSpec], facts: Facts) -> PerHostSubnets | None:
        """How the subnets are divided between the hosts; None where every host has all of them."""
        return None

    def settle(self, networks: Sequence[Network], joined: Joined, facts: Facts) -> Sequence[Network]:
        """Its networks, each with what follows from who is on it, or is one for several of them."""
        return networks

    def sockets(self, networks: Sequence[Network]) -> Iterable[Socket]:
        """Where its tunnels listen on the host, or what it has led away: nobody may publish a port there."""
        return ()

    def findings(self, networks: Sequence[Network], facts: Facts) -> Iterable[Finding]:
        """What its networks cannot share with others, and as text what is no mistake and a person should know
        of them; `networks` are those of every driver."""
        return ()

    def lower(self, network: Network) -> Iterator[Resource]:
        """Everything that the network and its endpoints need of the kernel, in any order.

        It stands in the sandboxes of the endpoints, or on the host under names that the carrier has told.
        """
        return iter(())


def mtu_of(spec: NetworkSpec, facts: Facts) -> int:
    """As written, or that of the link which the host's default route leaves by."""
    return facts.mtu if spec.mtu == "auto" else int(spec.mtu)


def by_driver(networks: Iterable[Network], drivers: Mapping[str, Driver]) -> dict[Driver, list[Network]]:
    """The networks of each driver, in the order of the drivers' names."""
    found: dict[str, list[Network]] = {}
    for network in networks:
        found.setdefault(network.spec.driver, []).append(network)
    return {drivers[name]: found[name] for name in sorted(found)}

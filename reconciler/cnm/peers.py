"""Peers of policies, as they are seen from the networks of who is bound."""

from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from typing import NamedTuple

from ..family import family
from ..manifest.policy import PeerSpec
from ..manifest.spec import ProjectSpec
from .bounds import is_meant
from .driver import Joined
from .endpoint import SandboxSpec
from .opened import speaking
from .prefixes import alone
from .topology import Network

Homes = list[tuple[Network, list[str]]]


class Prefix(NamedTuple):
    """Where peers are; `opens` is their network where nothing else leads there."""

    cidr: str
    opens: Network | None = None


class ProjectPeers:
    """What the peers of one project are, by address."""

    def __init__(self, project: ProjectSpec, networks: Iterable[Network], joined: Joined):
        self.project, self.joined = project, joined
        own = {one.key: one for one in networks if one.project == project.name}
        self.networks = {key: one for key, one in own.items() if one.inner}
        self.lans = {key: one for key, one in own.items() if not one.inner}

    def let_in(self) -> Iterator[tuple[Network, Network]]:
        """The networks with those whose containers may come, as far as their packets pass here."""
        for network in self.networks.values():
            others = (self.networks.get(key) for key in network.spec.allow_networks)
            yield from ((network, other) for other in others if other)

    @cached_property
    def sandboxes(self) -> list[tuple[SandboxSpec, Homes]]:
        """Those of all hosts, with their networks and addresses there."""
        homes: dict[str, tuple[SandboxSpec, Homes]] = {}
        for network in self.networks.values():
            for one, ips in self.those_on(network):
                homes.setdefault(one.name, (one, []))[1].append((network, ips))
        return [*homes.values()]

    @cached_property
    def on_lans(self) -> list[tuple[SandboxSpec, list[str]]]:
        """Those whose packets do not pass here: to the rest of the project they are outside."""
        return [found for network in self.lans.values() for found in self.those_on(network)]

    def those_on(self, network: Network) -> Iterator[tuple[SandboxSpec, list[str]]]:
        for one, _ in self.joined.attachments[network.name]:
            ips = [ip for ip, _ in self.joined.given.get((network.name, one.name), ())]
            if one.project is self.project and ips:
                yield one, ips

    def prefixes(self, peer: PeerSpec, on: Network, own: Set[str], version: int) -> Iterator[Prefix]:
        """As they are seen from an address on this network; `own` are all that one is on."""
        match peer.kind:
            case "host" | "outside":
                yield Prefix(peer.kind)
            case "prefix":
                yield from (Prefix(cidr) for cidr in (peer.name,) if family(cidr) == version)
            case "network":
                if lan := self.lans.get(peer.name):
                    yield from (Prefix(cidr) for cidr in lan.extent if family(cidr) == version)
                other = self.networks.get(peer.name)
                if other and (other.name == on.name or other.name not in own):
                    near = [cidr for cidr in other.extent if family(cidr) == version]
                    yield from (Prefix(cidr, None if other.name in own else other) for cidr in near)
            case _:
                yield from self.of_containers(peer, on, own, version)

    def of_containers(self, peer: PeerSpec, on: Network, own: Set[str], version: int) -> Iterator[Prefix]:
        for one, homes in self.sandboxes:
            apart = own.isdisjoint(home.name for home, _ in homes)
            by = {home.name for home in speaking(home for home, _ in homes)} if apart else {on.name}
            for home, ips in homes if is_meant(peer, one.spec, ()) else ():
                if home.name in by:
                    yield from (
                        Prefix(alone(ip), home if apart else None) for ip in ips if family(ip) == version
                    )
        for one, ips in self.on_lans:
            if is_meant(peer, one.spec, ()):
                yield from (Prefix(alone(ip)) for ip in ips if family(ip) == version)

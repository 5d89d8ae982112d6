"""Egress by name: of what containers list, which names of the outside those who answer them may tell.

Resolvers write down what addresses they told of a name, in the set of the longest of the listed names that it
ends in: so what is listed below something else must have the same ports, and then is no more to tell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import chain, groupby
from typing import NamedTuple

from ..errors import Finding, ManifestError, Where
from ..manifest.policy import PeerSpec
from ..mistakes import Contradiction, NetworkLacks
from .bounds import EGRESS, sides
from .endpoint import SandboxSpec
from .naming import DnsView, Listed
from .spans import ANY_PORT, PROTOCOLS

HTTPS = (443, 443)
BELOW = "*."
Dotted = Mapping[str, frozenset[str]]  # names of containers, by project
Ways = frozenset[tuple[int, tuple[int, int]]]


class NameEntry(NamedTuple):
    """A name, or what is below it, and by which ways it is reached, one entry for all that say so."""

    name: str
    below: bool
    ways: Ways
    where: Where

    def __str__(self) -> str:
        return BELOW * self.below + self.name

    def has_below(self, other: "NameEntry") -> bool:
        return self.below and other.name.endswith(f".{self.name}")


def egress(one: SandboxSpec, networks: Sequence[str]) -> tuple[PeerSpec, ...] | None:
    """What it may reach; None where it is free."""
    said = sides(one.spec, one.project.policies, networks)
    return next((peers for direction, peers in said if direction == EGRESS), None)


def names_with_dots(here: Iterable[SandboxSpec]) -> Dotted:
    """Of containers, by their project: these are no names of the outside."""
    projects = {one.project.name: one.project for one in here}
    return {
        name: frozenset(spec.name for spec in project.containers if "." in spec.name)
        for name, project in projects.items()
    }


def of_outside(peers: Iterable[PeerSpec], own: Set[str]) -> list[PeerSpec]:
    """Those that are names, and of no container."""
    return [one for one in peers if one.kind == "name" and one.name not in own]


def listed(peers: tuple[PeerSpec, ...], own: frozenset[str]) -> tuple[Listed, ...]:
    """Replicas say the same, one after another, and at the same lines."""
    return listed_at(tuple(one.where for one in peers), peers, own)


@lru_cache(maxsize=16)
def listed_at(_: tuple[Where, ...], peers: tuple[PeerSpec, ...], own: frozenset[str]) -> tuple[Listed, ...]:
    return tuple(one_listed(entries) for entries in by_name(entries_of(peers, own)))


def entries_of(peers: Iterable[PeerSpec], own: Set[str]) -> list[NameEntry]:
    found: dict[tuple[str, bool], NameEntry] = {}
    for peer in of_outside(peers, own):
        text = peer.name.lower().removesuffix(".")
        key = text.removeprefix(BELOW), text.startswith(BELOW)
        before = found.get(key, NameEntry(*key, frozenset(), peer.where))
        found[key] = before._replace(ways=before.ways | ways(peer))
    return [found[key] for key in sorted(found)]


def ways(peer: PeerSpec) -> Ways:
    """What has no ports of its own is reached as the web is; 0 stands for ICMP of the address's family."""
    protocol = peer.protocol or "tcp"
    if protocol == "icmp":
        return frozenset([(0, ANY_PORT)])
    return frozenset((PROTOCOLS[protocol][0], ports) for ports in peer.ports or (HTTPS,))


def by_name(entries: Sequence[NameEntry]) -> Iterator[list[NameEntry]]:
    """Those of each name, but for what something above it has already."""
    ups = [one for one in entries if one.below]
    told = [one for one in entries if not any(up.has_below(one) and one.ways <= up.ways for up in ups)]
    yield from (list(group) for _, group in groupby(told, key=lambda one: one.name))


def one_listed(entries: Sequence[NameEntry]) -> Listed:
    below, itself = any(one.below for one in entries), not all(one.below for one in entries)
    name, where = entries[0].name, entries[0].where
    return Listed(
        name=name,
        itself=itself,
        below=below,
        ports=tuple(merged(chain.from_iterable(one.ways for one in entries))),
        where=where,
    )


def merged(said: Iterable[tuple[int, tuple[int, int]]]) -> list[tuple[int, tuple[int, int]]]:
    """In order, and none within or at the end of another."""
    found: list[tuple[int, tuple[int, int]]] = []
    for protocol, (first, last) in sorted(said):
        before, (low, high) = found[-1] if found else (-1, (0, 0))
        if before == protocol and first <= high + 1:
            found[-1] = protocol, (low, max(high, last))
        else:
            found.append((protocol, (first, last)))
    return found


def confused(entries: Sequence[NameEntry]) -> Iterator[ManifestError]:
    """What has other ports than what nobody can tell it from."""
    if not any(one.below for one in entries):
        return
    for group in by_name(entries):
        for one in group:
            beside = (other for other in group if other.ways != one.ways)
            above = (up for up in entries if up.has_below(one))
            if other := next(chain(above, beside), None):
                message = (
                    f"`{one}` and `{other}` have other ports: who answers for names cannot tell them apart"
                )
                hint = "give both the same ports, or list the names that are meant one by one"
                yield Contradiction(message, hint, one.where, (other.where, "the other"))
                break


def findings(
    here: Sequence[SandboxSpec], keys: Mapping[str, Sequence[str]], views: Iterable[DnsView], lack: str
) -> Iterator[Finding]:
    """What keeps containers from what they list by name; `lack` is why nobody answers on this host, and
    `keys` are the networks that each is on."""
    answered = {name: view for view in views for name in view.sandboxes}
    own = names_with_dots(here)
    for one in here:
        peers = of_outside(egress(one, keys[one.name]) or (), own[one.project.name])
        if not peers:
            continue
        yield from confused(entries_of(peers, own[one.project.name]))
        view = answered.get(one.name)
        if lack:
            yield f"{one.name} reaches nothing that its `egress` names: {lack}"
        elif view is None or not view.listed:
            message = f"{one.spec.name} reaches nothing by name: no network of it has names and leads out"
            hint = "list addresses, or put it on a network that is not internal and has no `dns: off`"
            yield NetworkLacks(message, hint, peers[0].where)
        elif not view.servers:
            yield f"{one.name} reaches nothing that its `egress` names: this host knows no name server to ask"

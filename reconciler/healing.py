"""What of a project that waits is wanted all the same: all that stands on nothing which this host lacks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from .cnm.build import decided
from .cnm.topology import Network, Topology
from .core.resource import Key, State
from .drivers import DRIVERS, lower, lower_network
from .drivers.host import HostDrivers
from .errors import ManifestError, NoLink, Where
from .inventory.facts import Device, Facts
from .kinds.namespace import Namespace
from .manifest.spec import Manifest
from .manifest.waiting import each, places_in


class Healed(NamedTuple):
    """What is wanted of these projects while they wait."""

    projects: frozenset[str]
    wanted: State


NOTHING_HEALED = Healed(frozenset(), {})


def part(manifest: Manifest, facts: Facts, live: State) -> tuple[Topology, State]:
    """The topology as if nothing were lacking, so that names and addresses are what they will be, and what
    the kernel can hold of it now.  Raises as a decision does where what is lacking is more than a part."""
    topology, wrong = as_if(manifest, facts)
    lacking = [network for network in topology.networks if wrong.keys() & {*places_in(network.spec)}]
    inside = {where for one in manifest.projects for spec in one.containers for where in places_in(spec)}
    inside |= {where for network in lacking for where in places_in(network.spec)}
    if beyond := wrong.keys() - inside:
        raise wrong[min(beyond)]
    wanted = lower(topology)
    lost = {key for key, r in wanted.items() if r.where in wrong}
    lost |= {r.key for network in lacking for r in lower_network(network)}
    lost |= {*halves(lacking, live)}
    return topology, {key: r for key, r in wanted.items() if key not in with_dependents(lost, wanted, live)}


def as_if(manifest: Manifest, facts: Facts) -> tuple[Topology, dict[Where, ManifestError]]:
    """The topology on a host that has each link which is asked for, and what is wrong with it, by place."""
    wrong: dict[Where, ManifestError] = {}
    while True:
        try:
            topology, errors = decided(manifest, facts, HostDrivers(DRIVERS, facts))
        except ManifestError as error:
            lacks = [one for one in each(error) if isinstance(one, NoLink) and one.link not in facts.links]
            if not lacks:
                raise
            wrong |= placed(lacks)
            facts = replace(facts, links={**facts.links, **{one.link: Device(one.kind) for one in lacks}})
            continue
        return topology, wrong | placed(errors)


def placed(errors: Sequence[ManifestError]) -> dict[Where, ManifestError]:
    return {one.where or Where(""): one for one in errors}


def halves(lacking: Sequence[Network], live: State) -> Iterator[Key]:
    """The sandboxes that would be made without one of their networks."""
    keys = {Namespace.at(end.sandbox) for network in lacking for end in network.endpoints}
    yield from keys - live.keys()


def with_dependents(lost: set[Key], wanted: State, live: State) -> set[Key]:
    """With all that cannot be made without what is lost and does not stand."""
    while True:
        absent = lost - live.keys()
        more = {key for key, r in wanted.items() if not absent.isdisjoint((*r.within, *r.refers))} - lost
        if not more:
            return lost
        lost = lost | more

"""Which subnets are in use, and which a network has: what is written, what stands, or one from the pools."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from ..errors import NOWHERE
from ..family import family
from ..inventory.facts import Facts, LiveNetwork
from ..manifest.reserved import Prefix
from ..manifest.spec import PoolSpec, ProjectSpec, SubnetSpec
from .conflicts import Overlap
from .driver import Driver, Wanted
from .ipam import POOLS4, POOLS6, Space
from .prefixes import Prefixes, Span, alone, prefix_of, span


class Taken(NamedTuple):
    """Prefixes that are in use: the host's own routes, its addresses and next hops, and networks of ours."""

    routes: Prefixes
    own: Prefixes
    networks: Prefixes
    shared: Prefixes  # those of this run that every host decides alike
    here: Space  # routes and networks
    everywhere: Space  # those that are shared
    sandboxes: Mapping[str, Collection[str]]  # by network, who is on it
    overlaps: list[Overlap]  # what is written and in use

    @classmethod
    def of(cls, facts: Facts, networks: Iterable[str], sandboxes: Mapping[str, Collection[str]]) -> "Taken":
        host, ours, shared = routes_of(facts.routes), Prefixes(networks), Prefixes()
        own = Prefixes(map(alone, (*facts.addresses, *facts.hops)))
        here, everywhere = Space(own, ours, routes=host), Space(shared, routes=Prefixes())
        return cls(host, own, ours, shared, here, everywhere, sandboxes, [])

    def note(self, written: SubnetSpec, network: str) -> None:
        """Note what forbids the subnet: it may lie inside a wider route of the host, as a VPN's, but not
        hide a narrower, nor an address or a next hop of the host."""
        one = span(written.subnet)
        inside = chain(self.own.inside(one), self.routes.inside(one))
        if found := self.networks.first_met(one):
            self.overlaps.append(Overlap(network, written, found, False))
        elif found := next(inside, None):
            self.overlaps.append(Overlap(network, written, found, True))

    def take(self, subnets: Iterable[str]) -> None:
        for cidr in subnets:
            self.networks.add(cidr)
            self.shared.add(cidr)


@lru_cache(maxsize=1)
def routes_of(routes: frozenset[str]) -> Prefixes:
    """The host's routes, perhaps all of the Internet's: a watcher meets the same again and again."""
    return Prefixes(routes)


def foreign_subnets(projects: Sequence[ProjectSpec], facts: Facts) -> Iterator[str]:
    ours = {project.name for project in projects}
    of_plugins = (one for one in facts.lans.values() if not one.bridge)
    for standing in (*facts.networks.values(), *of_plugins):
        if standing.project not in ours:
            yield from standing.subnets


def subnet_specs(wanted: Wanted, driver: Driver, facts: Facts, taken: Taken) -> Iterator[SubnetSpec]:
    """The written subnets, and one from the pools for each family that is on and has none."""
    project, spec, name, _ = wanted
    yield from spec.subnets
    if not driver.pools:
        return
    families = {4: (spec.enable_ipv4, POOLS4), 6: (spec.enable_ipv6, POOLS6)}
    for number, (enabled, default) in families.items():
        if not enabled or any(family(s.subnet) == number for s in spec.subnets):
            continue
        pools = [pool for pool in project.pools if family(pool.base) == number] or default
        if driver.is_shared(wanted, number):
            written = SubnetSpec(subnet=agreed_subnet(name, number, pools, facts, taken), where=spec.where)
            taken.note(written, name)
            yield written
            continue
        held = locked_subnet(name, number, facts, taken) or standing_subnet(
            facts.networks.get(name) or facts.lans.get(name), pools, taken
        )
        subnet = held or lost_subnet(name, pools, facts, taken) or taken.here.choose(name, pools, spec.where)
        chosen = SubnetSpec(subnet=str(subnet), where=spec.where)
        if name not in facts.lans:  # where a plugin has made it, routes that lead there are its own
            taken.note(chosen, name)
        yield chosen


def locked_subnet(name: str, number: int, facts: Facts, taken: Taken) -> Prefix | None:
    """What addresses.lock has for a network of this host alone, unless another has it."""
    found = (span(cidr) for cidr in facts.locked.get((name, "@subnet"), ()) if family(cidr) == number)
    return next((prefix_of(one) for one in found if not taken.networks.first_met(one)), None)


def agreed_subnet(name: str, number: int, pools: Sequence[PoolSpec], facts: Facts, taken: Taken) -> str:
    """The subnet that every host comes to, whatever stands on it: the locked one, or the first free of the
    pools among what the manifests say."""
    locked = (cidr for cidr in facts.locked.get((name, "@subnet"), ()) if family(cidr) == number)
    return next(locked, "") or str(taken.everywhere.choose(name, pools, NOWHERE))


def standing_subnet(standing: LiveNetwork | None, pools: Sequence[PoolSpec], taken: Taken) -> Prefix | None:
    """The subnet that the network has in the kernel, as long as it still comes from the pools and is no other
    network's; a route that came later is told, and moves nobody."""
    for cidr in standing.subnets if standing else ():
        one, length = span(cidr), int(cidr.partition("/")[2])
        homes = Prefixes(pool.base for pool in pools if pool.size == length)
        if any(homes.around(one)) and not taken.networks.first_met(one):
            return prefix_of(one)
    return None


def lost_subnet(name: str, pools: Sequence[PoolSpec], facts: Facts, taken: Taken) -> Prefix | None:
    """The subnet of a network whose bridge somebody deleted: what its sandboxes have addresses of.  One of
    these may lie: most are believed, and whatever the host itself remembers before any."""
    said: Counter[Span] = Counter()
    for (sandbox, _), ips in facts.leases.items():
        if sandbox in taken.sandboxes.get(name, ()):
            said.update({one for ip in ips for pool in pools if (one := slot_around(ip, pool))})
    kept = set(map(span, facts.subnets))
    # A pair whose bridge is lost looks like a network of its own, by no name.
    others = (one.subnets for key, one in facts.networks.items() if key != name and key[0] != "@")
    theirs = set(map(span, chain.from_iterable(others)))
    free = [one for one in said if one not in theirs and not taken.networks.first_met(one)]
    best = max(free, key=lambda one: (one in kept, said[one], -one[0]), default=None)
    return prefix_of(best) if best else None


def slot_around(ip: str, pool: PoolSpec) -> Span | None:
    """The subnet of a pool that an address lies in."""
    one = span(f"{ip}/{pool.size}") if family(ip) == family(pool.base) else None
    return one if one and any(Prefixes([pool.base]).around(one)) else None

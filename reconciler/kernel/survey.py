"""One look at this machine: everything of ours, each part read when it is first asked for and then kept."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, wraps
from typing import TypeVar

from ..core.resource import Resource
from ..kinds.evpn import Router
from ..kinds.file import File
from ..kinds.link import Veth, Vlans
from ..kinds.marks import GROUP, HOST, OUTER, alias, owner
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Map, Table
from ..kinds.sysctl import Sysctl
from ..kinds.wireguard import Wireguard
from . import bulk, files, links, netns, nft, ports, rtnl, sandbox, wireguard

T = TypeVar("T")
INSIDE = {"view", "project", "tables", "routers"}  # readings that say nothing about the host ends of pairs


def remembered(read: "Callable[[Survey, str], T]") -> "Callable[[Survey, str], T]":
    """A reading of one namespace that is made once a survey."""

    @wraps(read)
    def once(survey: "Survey", ns: str) -> T:
        key = read.__name__, ns
        if key not in survey.kept:
            survey.kept[key] = read(survey, ns)
        return survey.kept[key]

    return once


class Survey:
    """Good until something is executed: whoever changes a place goes on with what is not about it."""

    def __init__(self, frr: Callable[[], Iterable[Router]]) -> None:
        self.frr = frr
        self.kept: dict[tuple[str, str], object] = {}
        self.ruleset: tuple[frozenset[Resource], list[Resource]] | None = None

    def without(self, places: frozenset[str], *, ends: bool) -> "Survey":
        """This survey, as far as it is not about these places ("" is the host), nor about `ends` of links
        there."""
        gone, fresh = {place or HOST for place in places}, Survey(self.frr)
        kept = {key: r for key, r in self.kept.items() if key[1] not in gone}
        apart = {key: r for key, r in kept.items() if key[0] in INSIDE and key != ("view", HOST)}
        fresh.kept = apart if ends else kept
        fresh.ruleset = None if "" in places else self.ruleset
        return fresh

    @cached_property
    def names(self) -> list[str]:
        return netns.names()

    @cached_property
    def sandboxes(self) -> list[str]:
        return [name for name in self.names if self.project(name)]

    @remembered
    def view(self, ns: str) -> sandbox.View:
        with netns.kept():
            if ns != HOST:
                netns.enter(ns)
            return sandbox.look(ns)

    @remembered
    def project(self, ns: str) -> str:
        """Whose sandbox it is, by the alias of its lo; "" for somebody else's, or a second name of ours."""
        try:
            lo = self.view(ns).links.get(1)
        except FileNotFoundError:  # gone since it was listed
            return ""
        project = owner(lo.alias) if lo else ""
        return project if lo and lo.alias == alias(project, ns) else ""

    def strangers(self, named: list[Resource]) -> set[str]:
        """The names of wanted sandboxes that somebody else's namespaces have, or what is none: a directory, a
        pipe."""
        wanted = {r.name for r in named if isinstance(r, Namespace)}
        odd = {name for name in wanted.difference(self.names) if netns.occupied(name)}
        return odd | {name for name in wanted.intersection(self.names) if not self.project(name)}

    @remembered
    def box(self, name: str) -> list[Resource]:
        """Everything of ours in one sandbox."""
        view, outside = self.view(name), self.view(HOST).names
        lo = Namespace(name=name, project=self.project(name), up=view.links[1].up)
        pairs = [self.pair(name, pair) for pair in self.pairs(name)]
        ours = (seen for seen in view.links.values() if seen.group == GROUP)
        stacked = filter(None, (links.link_of(name, seen, outside) for seen in ours))
        return [lo, *pairs, *stacked, *view.addresses, *view.routes, *files.of(name)]

    def pair(self, ns: str, pair: rtnl.Pair) -> Veth:
        inner, outer = pair
        vlans = self.vlans(HOST).get(outer.index, ())
        master = self.view(HOST).links.get(outer.number(rtnl.MASTER))
        tags = ports.tags(vlans) if master and master.filtering else [0]
        station = bulk.station(outer.index, inner.mac, tags) if master else ""
        return rtnl.veth_of(ns, pair, self.view(HOST).names, vlans, station=station)

    @remembered
    def pairs(self, ns: str) -> list[rtnl.Pair]:
        """The veths of a sandbox with their host ends; found by each other's index, whatever their names."""
        found = []
        for inner in self.view(ns).links.values():
            outer = self.view(HOST).links.get(inner.number(rtnl.LINK)) if inner.kind == "veth" else None
            mutual = outer and outer.group == GROUP and outer.number(rtnl.LINK) == inner.index
            if mutual and self.joined(ns, inner, outer):
                found.append((inner, outer))
        return found

    def joined(self, ns: str, inner: rtnl.Seen, outer: rtnl.Seen) -> bool:
        """Indexes hold for one namespace: unless the alias tells, the kernel must: is it the host's."""
        if outer.alias == alias(self.project(ns), ns, inner.name):
            return True
        with netns.kept() as home:
            netns.enter(ns)
            return inner.number(rtnl.NETNSID) == sandbox.number_of(home)

    def hosts_own(self, named: list[Resource], *, strays: bool) -> Iterator[Resource]:
        view = self.view(HOST)
        wanted = {r.name: r for r in named if isinstance(r, Wireguard)}
        homes = [pair for name in self.sandboxes for pair in self.pairs(name)] if strays else []
        paired = {outer.index for _, outer in homes}
        for seen in view.links.values():
            if seen.group in (GROUP, OUTER) and seen.kind == "bridge":
                yield rtnl.bridge_of(seen)
            elif seen.group == GROUP and seen.kind == "wireguard":
                yield wireguard.read(seen, wanted.get(seen.name))
            elif seen.group in (GROUP, OUTER) and (link := links.link_of(HOST, seen, view.names)):
                yield link
            elif seen.ours and strays and seen.index not in paired:
                yield rtnl.stray_of(seen)
        yield from ports.lent(view.links, self.vlans(HOST))
        yield from self.tables(HOST)
        yield from self.routers(HOST)
        yield from view.addresses
        yield from view.routes
        yield from view.rules

    @remembered
    def vlans(self, ns: str) -> dict[int, Vlans]:
        """Of bridge ports; where no bridge filters there is nothing to ask for."""
        return ports.read() if any(seen.filtering for seen in self.view(ns).links.values()) else {}

    @remembered
    def tables(self, ns: str) -> list[Resource]:
        """What our tunnels know of other hosts, and our bridges of neighbours."""
        links = self.view(ns).links
        read = (bulk.read(links, seen, told=self.is_told(seen)) for seen in self.tunnels())
        ours = (seen for seen in links.values() if seen.group == GROUP and seen.kind == "bridge")
        known = bulk.neighbours({seen.index: seen.name for seen in ours}, self.view(ns).addresses)
        return [*(table for tables in read for table in tables), *known]

    def tunnels(self) -> list[rtnl.Seen]:
        links = self.view(HOST).links.values()
        return [seen for seen in links if seen.group == GROUP and seen.kind == "vxlan"]

    def is_told(self, tunnel: rtnl.Seen) -> bool:
        """Whether FRR tells what is behind it; if no alias says, FRR's entries are not taken for ours."""
        projects = {r.project for r in self.routers(HOST)}
        return bool(projects) and owner(tunnel.alias) in projects | {""}

    @remembered
    def routers(self, _: str) -> list[Router]:
        return list(self.frr())

    def firewall(self, named: list[Resource]) -> list[Resource]:
        """Read again only when chains are asked about that were not asked about before."""
        asked = frozenset(r for r in named if isinstance(r, Table | Map | Chain))
        if self.ruleset is None or not asked <= self.ruleset[0]:
            self.ruleset = asked, nft.read(None, asked)
        return self.ruleset[1]

    def settings(self, named: list[Resource], places: set[str]) -> Iterator[Sysctl]:
        """The sysctls that are asked for: most come with the dump of their link, the rest is read on the
        spot."""
        spots: dict[str, list[Sysctl]] = defaultdict(list)
        for r in named:
            if isinstance(r, Sysctl) and r.ns in places:
                if found := self.view(r.ns).setting(r):
                    yield found
                else:
                    spots[r.ns].append(r)
        with netns.kept() as home:
            for ns, sysctls in spots.items():
                netns.enter(ns) if ns != HOST else netns.back(home)
                yield from filter(None, map(sandbox.read, sysctls))

    def resources(self, named: list[Resource], places: frozenset[str] | None) -> Iterator[Resource]:
        boxes = [name for name in self.names if (places is None or name in places) and self.project(name)]
        for name in boxes:
            yield from self.box(name)
        wanted = {r.path for r in named if isinstance(r, File)}
        yield from (file for file in files.orphans(self.names, places) if file.path not in wanted)
        if places is None or "" in places:
            yield from self.hosts_own(named, strays=places is None)
            yield from self.firewall(named)
        yield from self.settings(named, {HOST, *boxes} if places is None or "" in places else set(boxes))

"""One look at this machine: everything of ours, each part read when it is first asked for and then kept."""

import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from functools import cached_property, wraps
from typing import Any, TypeVar

from ...core.resource import Resource
from ...errors import foreseen
from ...kinds.address import Address
from ...kinds.evpn import Router
from ...kinds.file import File
from ...kinds.link import Intruder, Link, Veth, Vlans
from ...kinds.namespace import Closed, Namespace
from ...kinds.nft import Chain, Map, Table
from ...kinds.ownership import ALIAS, GROUP, HOST, OUTER, alias, owner
from ...kinds.sysctl import Sysctl
from ...kinds.wireguard import Wireguard
from .. import files, netns, nft, records
from ..netlink import bridge_ports, fdb_neighbours, stacked_links, wireguard
from ..netlink import links as rtnl
from ..netlink.socket import open_socket
from . import namespace

T = TypeVar("T")
INSIDE = {"view", "record", "project", "tables", "routers"}  # readings that tell nothing of pairs' host ends


def remembered(read: "Callable[[Survey, str], T]") -> "Callable[[Survey, str], T]":
    """A reading of one namespace that is made once a survey."""

    @wraps(read)
    def once(survey: "Survey", ns: str) -> T:
        key = read.__name__, ns
        if key not in survey.kept:
            survey.kept[key] = read(survey, ns)
        kept: T = survey.kept[key]
        return kept

    return once


class Survey:
    """Good until something is executed: whoever changes a place goes on with what is not about it."""

    host: socket.socket  # while `resources` are read; one for each pair would cost twice what it asks

    def __init__(self, frr: Callable[[], Iterable[Router]]) -> None:
        self.frr = frr
        self.kept: dict[tuple[str, str], Any] = {}
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
    def view(self, ns: str) -> namespace.View:
        with netns.kept() as home:
            if ns != HOST:
                netns.enter(ns)
            return namespace.look(ns, home)

    def record(self, ns: str) -> str:
        """The project that the name's own record tells; all that are not known yet are read at once."""
        if ("record", ns) not in self.kept:
            unread = [name for name in self.names if ("record", name) not in self.kept]
            self.kept |= {("record", name): project for name, project in records.read(unread).items()}
        return str(self.kept.get(("record", ns), ""))

    @remembered
    def project(self, ns: str) -> str:
        """Whose sandbox it is; "" for somebody else's, or a second name of ours.  Where there is no record,
        as of version 0.1.0, the alias of its lo tells, if files of ours bear it out: who is root in another's
        namespace can write that alias."""
        if project := self.record(ns):
            return project
        if next(files.of(ns), None) is None:
            return ""
        try:
            lo = self.view(ns).links[1]
        except OSError:  # gone since it was listed, or cannot be read
            return ""
        project = owner(lo.alias)
        return project if lo.alias == alias(project, ns) else ""

    def strangers(self, named: list[Resource]) -> set[str]:
        """The names of wanted sandboxes that somebody else's namespaces have, or what is none: a directory, a
        pipe."""
        wanted = {r.name for r in named if isinstance(r, Namespace)}
        odd = {name for name in wanted.difference(self.names) if netns.occupied(name)}
        return odd | {name for name in wanted.intersection(self.names) if not self.project(name)}

    @remembered
    def box(self, name: str) -> list[Resource]:
        """Everything of ours in one sandbox."""
        try:
            return [*self.inside(name), *files.of(name)]
        except PermissionError:
            raise
        except Exception as error:  # who is root there chooses what is read
            return [self.closed(name, error), *self.ends(name), *files.of(name)]

    def inside(self, name: str) -> Iterator[Resource]:
        view, outside, project = self.view(name), self.view(HOST).names, self.project(name)
        lo = view.links[1]
        marked = self.record(name) == project and lo.alias == alias(project, name)
        yield Namespace(name=name, project=project, up=lo.up, unmarked=not marked)
        yield from (self.pair(name, pair) for pair in self.pairs(name))
        ours = (seen for seen in view.links.values() if seen.group == GROUP and view.leads_out(seen))
        yield from filter(None, (stacked_links.child_of(name, project, seen, outside) for seen in ours))
        yield from view.addresses
        yield from view.routes

    def pair(self, ns: str, pair: rtnl.Pair) -> Veth:
        inner, outer = pair
        vlans = self.vlans(HOST).get(outer.index, ())
        master = self.view(HOST).links.get(outer.number(rtnl.MASTER))
        tags = bridge_ports.tags(vlans) if master and master.filtering else [0]
        station = fdb_neighbours.station(self.host, outer.index, inner.mac, tags) if master else ""
        return rtnl.veth_of(ns, pair, self.view(HOST).names, vlans, station=station)

    def closed(self, name: str, error: Exception) -> Closed:
        trouble = None if isinstance(error, OSError) else foreseen(error)
        why = trouble.message if trouble else getattr(error, "strerror", "") or str(error)
        return Closed(name=name, project=self.project(name), why=why, trouble=trouble)

    def ends(self, name: str) -> Iterator[Veth]:
        """The pairs of a sandbox that cannot be looked into, as their ends on the host say."""
        for outer in self.view(HOST).links.values():
            project, _, inner = outer.alias.removeprefix(f"{ALIAS}/").partition(f"/{name}/")
            if outer.kind == "veth" and outer.group == GROUP and outer.alias == alias(project, name, inner):
                yield Veth(ns=name, name=inner, project=project, host_name=outer.name, mac="")

    @remembered
    def pairs(self, ns: str) -> list[rtnl.Pair]:
        """The veths of a sandbox with their host ends, whatever their names: the kernel tells of each where
        its other end is."""
        view, outside = self.view(ns), self.view(HOST).links
        leading = [seen for seen in view.links.values() if seen.kind == "veth" and view.leads_out(seen)]
        ends = ((inner, outside.get(inner.number(rtnl.LINK))) for inner in leading)
        return [(inner, outer) for inner, outer in ends if outer and outer.group == GROUP]

    def hosts_own(self, named: list[Resource], *, strays: bool) -> Iterator[Resource]:
        view = self.view(HOST)
        wanted = {r.name: r for r in named if isinstance(r, Wireguard)}
        boxes = [self.box(name) for name in self.sandboxes] if strays else []
        paired = {r.host_name for box in boxes for r in box if isinstance(r, Veth)}
        for seen in view.links.values():
            if seen.group in (GROUP, OUTER) and seen.kind == "bridge":
                yield rtnl.bridge_of(seen)
            elif seen.group == GROUP and seen.kind == "wireguard":
                yield wireguard.read(seen, wanted.get(seen.name))
            elif seen.group in (GROUP, OUTER) and (link := stacked_links.link_of(HOST, seen, view.names)):
                yield link
            elif seen.ours and strays and seen.name not in paired:
                yield rtnl.stray_of(seen)
        yield from bridge_ports.lent(view.links, self.vlans(HOST))
        yield from self.tables(HOST)
        yield from self.routers(HOST)
        yield from view.addresses
        yield from view.routes
        yield from view.rules

    @remembered
    def vlans(self, ns: str) -> dict[int, Vlans]:
        """Of bridge ports; where no bridge filters there is nothing to ask for."""
        return bridge_ports.read() if any(seen.filtering for seen in self.view(ns).links.values()) else {}

    @remembered
    def tables(self, ns: str) -> list[Resource]:
        """What our tunnels know of other hosts, and our bridges of neighbours."""
        stacked_links = self.view(ns).links
        read = (fdb_neighbours.read(stacked_links, seen, told=self.is_told(seen)) for seen in self.tunnels())
        ours = (seen for seen in stacked_links.values() if seen.group == GROUP and seen.kind == "bridge")
        known = fdb_neighbours.neighbours({seen.index: seen.name for seen in ours}, self.view(ns).addresses)
        return [*(table for tables in read for table in tables), *known]

    def tunnels(self) -> list[rtnl.Seen]:
        stacked_links = self.view(HOST).links.values()
        return [seen for seen in stacked_links if seen.group == GROUP and seen.kind == "vxlan"]

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
                yield from filter(None, map(namespace.read, sysctls))

    def intruders(self, named: list[Resource], boxes: Set[str]) -> Iterator[Resource]:
        """What else stands in these sandboxes at the names of what is wanted there: it is in the way."""
        ours = {r.key for name in boxes for r in self.box(name)}
        for r in named:
            if r.place in boxes and r.key not in ours:
                view = self.view(r.place)
                if isinstance(r, Link) and (seen := view.by_name.get(r.name)):
                    yield Intruder(ns=r.ns, name=r.name, mtu=seen.mtu, up=seen.up)
                elif isinstance(r, Address):  # IPv6 never changes the prefix of an address that stands
                    yield from (a for a in view.strange if a.key == r.key and a.prefix != r.prefix)

    def resources(self, named: list[Resource], places: frozenset[str] | None) -> Iterator[Resource]:
        with open_socket() as self.host:
            yield from self.parts(named, places)

    def parts(self, named: list[Resource], places: frozenset[str] | None) -> Iterator[Resource]:
        boxes = [name for name in self.names if (places is None or name in places) and self.project(name)]
        for name in boxes:
            yield from self.box(name)
        opened = {name for name in boxes if not any(r.closed for r in self.box(name))}
        yield from self.intruders(named, opened)
        wanted = {r.path for r in named if isinstance(r, File)}
        yield from (file for file in files.orphans(self.names, places) if file.path not in wanted)
        if places is None or "" in places:
            yield from self.hosts_own(named, strays=places is None)
            yield from self.firewall(named)
        yield from self.settings(named, opened | ({HOST} if places is None or "" in places else set()))

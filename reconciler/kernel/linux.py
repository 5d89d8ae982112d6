"""The live host as a Kernel: what is ours in it, and what a step does to it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..core.plan import Step
from ..core.resource import Resource, Stage, State
from ..errors import Foreign
from ..facts import Facts
from ..kinds.file import File
from ..kinds.marks import GROUP, HOST, owner
from ..kinds.namespace import Namespace
from ..kinds.nft import Chain, Map, Table
from ..kinds.sysctl import Sysctl
from . import bulk, files, host, links, netns, nft, rtnl, sandbox, wiring


class Linux:
    """core.reconcile.Kernel on this machine.  What it has read is kept until it executes something."""

    def __init__(self, name: str = "") -> None:
        self.name = name  # of this host, where it is not its hostname
        self.views: dict[str, sandbox.View] = {}  # by namespace; HOST for the host's own
        self.boxes: dict[str, list[Resource]] = {}  # what stands in each of our sandboxes
        self.ruleset: tuple[frozenset[Resource], list[Resource]] | None = None
        self.tunnelled: list[Resource] | None = None

    def facts(self) -> Facts:
        seen = host.facts(self.view(HOST), [name for name in netns.names() if not self.project(name)])
        return replace(seen, name=self.name or seen.name)

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        named = list(named)
        refuse_foreign(named, self.view(HOST))
        return {r.key: r for r in self.resources(named, places)}

    def execute(self, batch: Sequence[Step]) -> None:
        self.forget()
        if batch[0].resource.stage == Stage.FIREWALL:
            nft.execute(batch)
        else:
            wiring.carry_out(batch)

    def forget(self) -> None:
        """Whatever is asked next is read anew."""
        self.views.clear()
        self.boxes.clear()
        self.ruleset = self.tunnelled = None

    def resources(self, named: list[Resource], places: frozenset[str] | None) -> Iterator[Resource]:
        boxes = [name for name in netns.names() if (places is None or name in places) and self.project(name)]
        for name in boxes:
            yield from self.box(name)
        if places is None or "" in places:
            yield from self.hosts_own(strays=places is None)
            yield from self.firewall(named)
        yield from self.settings(named, {HOST, *boxes} if places is None or "" in places else set(boxes))

    def view(self, ns: str) -> sandbox.View:
        if ns not in self.views:
            with netns.kept():
                if ns != HOST:
                    netns.enter(ns)
                self.views[ns] = sandbox.look(ns)
        return self.views[ns]

    def project(self, ns: str) -> str:
        """Whose sandbox it is, by the alias of its lo; "" for somebody else's namespace."""
        lo = self.view(ns).links.get(1)
        return owner(lo.alias) if lo else ""

    def box(self, name: str) -> list[Resource]:
        if name not in self.boxes:
            view = self.view(name)
            lo = Namespace(name=name, project=self.project(name), up=view.links[1].up)
            pairs = [rtnl.veth_of(name, *pair, self.view(HOST).names) for pair in self.pairs(view)]
            ours = (seen for seen in view.links.values() if seen.group == GROUP)
            stacked = filter(None, (links.link_of(name, seen, self.view(HOST).names) for seen in ours))
            self.boxes[name] = [lo, *pairs, *stacked, *view.addresses, *view.routes, *files.of(name)]
        return self.boxes[name]

    def pairs(self, view: sandbox.View) -> Iterator[tuple[rtnl.Seen, rtnl.Seen]]:
        """The veths of a sandbox with their host ends; found by each other's index, whatever their names."""
        for inner in view.links.values():
            outer = self.view(HOST).links.get(inner.number(rtnl.LINK)) if inner.kind == "veth" else None
            if outer and outer.group == GROUP and outer.number(rtnl.LINK) == inner.index:
                yield inner, outer

    def hosts_own(self, *, strays: bool) -> Iterator[Resource]:
        view = self.view(HOST)
        homes = [pair for name in self.boxes for pair in self.pairs(self.view(name))] if strays else []
        paired = {outer.index for _, outer in homes}
        for seen in view.links.values():
            if seen.group == GROUP and seen.kind == "bridge":
                yield rtnl.bridge_of(seen)
            elif seen.group == GROUP and (link := links.link_of(HOST, seen, view.names)):
                yield link
            elif seen.group == GROUP and strays and seen.index not in paired:
                yield rtnl.stray_of(seen)
        yield from self.tables()
        yield from view.addresses
        yield from view.routes
        yield from view.rules

    def tables(self) -> list[Resource]:
        """What our tunnels know of other hosts."""
        if self.tunnelled is None:
            view = self.view(HOST)
            tunnels = [seen for seen in view.links.values() if seen.group == GROUP and seen.kind == "vxlan"]
            self.tunnelled = [table for seen in tunnels for table in bulk.read(view.links, seen)]
        return self.tunnelled

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


def refuse_foreign(named: list[Resource], hosts: sandbox.View) -> None:
    """What is wanted and stands already, but is not ours, is never taken over."""
    foreign = {seen.name for seen in hosts.links.values() if seen.group != GROUP}
    for r in named:
        if (name := wiring.host_end(r)) in foreign:
            where = r.origin.where if r.origin else None
            raise Foreign(f"the host has a link {name} that is not ours", "rename or remove it", where)
        if isinstance(r, File):
            files.refuse_foreign(r)

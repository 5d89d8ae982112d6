"""One look at this machine: everything of ours, each part read when it is first asked for and then kept."""

from collections.abc import Callable, Iterable, Iterator, Set

from ...core.resource import Resource
from ...errors import foreseen
from ...kinds.evpn import Router
from ...kinds.link import Link
from ...kinds.namespace import Closed, Namespace
from ...kinds.ownership import GROUP, HOST, OUTER
from .. import netns
from ..kinds import KINDS
from ..kinds.link import orphan_of
from ..netlink.links import ALL_LINKS, GETLINK, Seen
from ..netlink.nsid import number_of
from ..netlink.socket import dump, open_socket
from ..transcript import engine_of
from . import ungrouped
from .host_links import HostLinks
from .readings import Readings, View, remembered

TABLE = tuple(KINDS.values())
ON_HOST, IN_SANDBOXES = ([kind for kind in TABLE if kind.stands(place)] for place in (HOST, "sandbox"))
LINKS = {kind.link_kind: kind for kind in TABLE if kind.link_kind}


class Snapshot(Readings):
    """Good until something is executed: whoever changes a place goes on with what is not about it."""

    def __init__(self, frr: Callable[[], Iterable[Router]], host_links: HostLinks | None = None) -> None:
        super().__init__(frr)
        self.host_links = host_links  # where they are kept from one snapshot to the next

    def without(
        self, places: Set[str], *, ends: bool, apart: Set[tuple[str, str]] = frozenset()
    ) -> "Snapshot":
        """This snapshot, as far as it is not about these places ("" is the host, an engine's all it runs),
        nor about `ends` of links there, nor one of these readings, each of one sandbox."""
        gone, fresh = (
            {engine_of(place) or place or HOST for place in places},
            Snapshot(self.frr, self.host_links),
        )
        for (what, ns, of_ends), found in self.kept.items():
            if ns not in gone and not (ends and of_ends) and (what, ns) not in apart:
                fresh.kept[what, ns, of_ends] = found
        fresh.about, fresh.ruleset, fresh.sure = self.about, self.ruleset, self.sure and "" not in places
        return fresh

    def strangers(self, named: Iterable[Resource]) -> set[str]:
        """The names of wanted sandboxes that somebody else's namespaces have, or what is none:
        a directory, a pipe."""
        wanted = {r.name for r in named if isinstance(r, Namespace)}
        odd = {name for name in wanted.difference(self.names) if netns.occupied(name)}
        return odd | {name for name in wanted.intersection(self.names) if not self.project(name)}

    @remembered(ends=True)
    def sandbox(self, name: str) -> list[Resource]:
        """Everything of ours in one sandbox."""
        try:
            return [*self.links(name), *(r for kind in IN_SANDBOXES for r in kind.decode(self, name))]
        except PermissionError:
            raise
        except Exception as error:  # who is root there chooses what is read
            return [self.closed(name, error), *(r for kind in IN_SANDBOXES for r in kind.shut(self, name))]

    def closed(self, name: str, error: Exception) -> Closed:
        trouble = None if isinstance(error, OSError) else foreseen(error)
        why = trouble.message if trouble else getattr(error, "strerror", "") or str(error)
        words = f"it cannot be looked into: {why}"
        return Closed(name=name, project=self.project(name), why=words, trouble=trouble)

    def links(self, ns: str) -> Iterator[Resource]:
        """The links of ours, as their kinds read them; in a sandbox, those that lead to the host."""
        view = self.view(ns)
        for seen in view.links.values():
            kind = LINKS.get(seen.kind) if seen.group in (GROUP, OUTER) else None
            if kind and kind.stands(ns) and (ns == HOST or (seen.group == GROUP and view.leads_out(seen))):
                yield from kind.decode_link(self, ns, seen)

    def orphans(self, known: Iterable[Resource]) -> Iterator[Resource]:
        """The links of ours that are neither one of these nor the host end of any pair; where some places are
        read alone, those that have the name of one that is wanted there: they are in its way."""
        places = self.places
        names = self.sandboxes if places is None else places.intersection(self.sandboxes)
        inside = (r for name in names for r in self.sandbox(name))
        ends = {r.host_end for r in (*known, *inside) if isinstance(r, Link)}
        wanted = {r.host_end for r in self.wanted(Link) if places is not None and r.place in places}
        for seen in self.view(HOST).links.values():
            if seen.ours and seen.name not in ends and (places is None or seen.name in wanted):
                yield orphan_of(seen)

    def hosts_own(self) -> Iterator[Resource]:
        own = [*self.links(HOST), *(r for kind in ON_HOST for r in kind.decode(self, HOST))]
        yield from own
        yield from self.orphans(own)

    def intruders(self, sandboxes: Set[str]) -> Iterator[Resource]:
        """What else stands in these sandboxes at the names of what is wanted there: it is in the way."""
        ours = {r.key for name in sandboxes for r in self.sandbox(name)}
        for r in self.named:
            if r.place in sandboxes and r.key not in ours:
                yield from KINDS[type(r)].in_the_way(self.view(r.place), r)

    def resources(self, named: list[Resource], places: frozenset[str] | None) -> Iterator[Resource]:
        """What stands of ours in these places, and at the keys of what is named."""
        self.named, self.places = named, places
        with open_socket() as self.host:
            yield from self.parts()
        self.named = []  # of whom nobody asks later

    def look(self, ns: str, home: int) -> View:
        """Everything in the namespace that the thread is in; `home` is a descriptor of the host's."""
        with open_socket() as channel:
            view = View(ns, {}, -1 if ns == HOST else number_of(home, channel))
            if ns == HOST and self.host_links:
                view.links.update(self.host_links.now(channel))
            else:
                found = map(Seen, dump(channel, GETLINK, ALL_LINKS, view.most))
                view.links.update((seen.index, seen) for seen in found)
            if ns == HOST:
                ungrouped.mark(view.links.values())
            for kind in ON_HOST if ns == HOST else IN_SANDBOXES:
                view.dumps[kind.of] = kind.dump(view, channel)
        return view

    def parts(self) -> Iterator[Resource]:
        places = self.places
        names = [name for name in self.names if (places is None or name in places) and self.project(name)]
        for name in names:
            yield from self.sandbox(name)
        opened = {name for name in names if not any(r.closed for r in self.sandbox(name))}
        yield from self.intruders({name for name in opened if not self.record(name).attached})
        if places is None or "" in places:
            yield from self.hosts_own()
            opened.add(HOST)
        for kind in TABLE:
            yield from kind.asked(self, opened)

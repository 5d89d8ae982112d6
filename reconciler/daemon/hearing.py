"""Whom a watcher hears: what happens in sandboxes, and the end of processes by which something stands."""

from collections.abc import Callable, Set
from threading import Timer

from ..change import Change
from ..core.resource import Resource, State
from ..kernel import frr, resolvers, workloads
from ..kernel.netlink.events import EVENT, Events
from ..kernel.transcript import engine_of
from ..kinds.balancer import Balancer
from ..kinds.evpn import Router
from ..kinds.link import Veth
from ..kinds.namespace import Namespace
from ..kinds.ownership import HOST
from ..kinds.resolver import Resolver
from ..kinds.workload import Workload
from ..remembered import Dirty
from .arrivals import Arrivals
from .health import HealthTimer

SOON = 2.0  # seconds until an engine has started again what it starts again
LOOKS = 3  # that often at one that does not run


class Hearing:
    """`fire` is called with what has happened, and where, and `note` with what is for the log alone."""

    def __init__(
        self, events: Events, fire: Callable[[str, str, str], object], note: Callable[[str], object]
    ):
        self.events, self.fire, self.note = events, fire, note
        self.wanted: State | None = None  # when it was last followed
        self.missed: dict[str, int] = {}  # by place, how often one did not run when it should
        self.health = HealthTimer(self.tell)
        self.arrivals = Arrivals(lambda title: fire(EVENT, "", title))

    def tell(self, one: Workload, words: str) -> None:
        self.note(f"container {one.name} is {words}")
        self.fire(EVENT, one.place, f"{one.name} is {words}")

    def follow(self, change: Change, dirty: Dirty | None) -> None:
        """What happens in a sandbox is heard as soon as it stands, whoever made it, and so is the end of FRR,
        of who answers for names, and of what engines run."""
        whole = not dirty or dirty.places is None
        made = {step.resource.place for step in change.todo if isinstance(step.resource, Namespace)}
        places = {r.place for r in change.desired.values() if r.place and not r.alone}
        later = frozenset[str]() if whole or made else self.events.unheard(places)
        if whole or made or later:
            self.events.listen(places, places if whole else made)
        for place in later - self.events.unheard(later):  # what happened there since it was read
            self.fire(EVENT, place, "")
        self.follow_attached(change)
        self.follow_wanted(change.desired)
        if Router.at(HOST, "evpn") in change.desired and (pid := frr.watch()):
            self.events.follow([pid])
        if whole or does(change, Resolver):
            for place, pids in resolvers.processes().items():
                self.events.follow(pids, place)
        ended = {place for place in dirty.places if engine_of(place)} if dirty and dirty.places else set()
        told = {step.resource.place for step in change.todo if isinstance(step.resource, Workload)}
        if whole or ended or told:
            self.follow_workloads(
                {r.place for r in change.desired.values() if r.alone and r.place in ended | told}
            )

    def follow_attached(self, change: Change) -> None:
        """Whose namespaces are others', and who is to come."""
        self.events.follow(
            [box.attached.pid for box in change.topology.sandboxes if box.attached and box.attached.pid]
        )
        self.arrivals.follow(one.title for one in change.topology.awaited)

    def follow_wanted(self, wanted: State) -> None:
        """Where links of the host lead, and who has virtual servers: what else is in the tables of sandboxes
        is of who is root there."""
        if wanted is not self.wanted:
            self.wanted = wanted
            self.events.balanced = {r.place for r in wanted.values() if isinstance(r, Balancer)}
            self.events.ends = {r.host_name: r.place for r in wanted.values() if isinstance(r, Veth)}

    def follow_workloads(self, moved: Set[str]) -> None:
        """Those that run.  Who should and does not may have ended before it was heard, or be about to be
        started anew by its engine, and is looked at again, a few times."""
        running = [one for one in workloads.listing() if one.pid]
        for one in running:
            self.events.follow([one.pid], one.place)
        self.health.follow(running)
        missed = moved - {one.place for one in running}
        self.missed = {place: self.missed.get(place, 0) + 1 for place in missed}
        for place in [place for place, times in self.missed.items() if times <= LOOKS]:
            timer = Timer(SOON, self.fire, (EVENT, place, ""))
            timer.daemon = True
            timer.start()


def does(change: Change, kind: type[Resource]) -> bool:
    """Whether it does something to one of these."""
    return any(isinstance(step.resource, kind) for step in change.todo)

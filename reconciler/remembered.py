"""A comparison that was made before, made again with as little asking and deciding as will do."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from .change import Change
from .cnm.part import is_apart, is_beside, joined
from .cnm.vips import is_replicated
from .core.bykind import by_kind
from .core.plan import Plan, plan
from .core.reconcile import Kernel, within
from .core.resource import State
from .errors import ReconcileError
from .expecting import unmet
from .inventory import learn, ownership
from .inventory.balanced import conditions
from .inventory.facts import HostFacts
from .kinds.link import Link
from .lasting import Host, LastingHost
from .manifest.spec import Manifest
from .pipeline import beside, decide
from .truth import around, at_home, empty, source, whole_truth


class Dirty(NamedTuple):
    """What may have changed, as the kernel tells: these places, or all; and the host ends of these pairs.
    What a sweep has found may be about the host's facts too."""

    places: frozenset[str] | None
    ends: frozenset[str] = frozenset()
    swept: bool = False

    @property
    def about_host(self) -> bool:
        return self.places is None or "" in self.places

    def beside(self, places: frozenset[str]) -> "Dirty":
        return self if self.places is None else self._replace(places=self.places | places)

    @property
    def compared(self) -> frozenset[str] | None:
        return None if self.places is None else self.places | self.ends


def look_again(known: Change, dirty: Dirty, manifest: Manifest, host: LastingHost) -> Change | None:
    """The comparison, with only what is dirty read again; None where that will not do."""
    host.forget(dirty.places)
    change = compare_again(known, host, dirty.compared, decided_beside)
    read = dirty.compared
    if (
        change
        and read is not None
        and (more := beyond_ends(change, dirty) | left_behind(change.todo, change.desired) - read)
    ):
        host.forget(more)
        change = compare_again(known, host, read | more, decided_beside)
    if not change or depends_on_facts(change, dirty, host) and not host.facts_stand():
        return None
    if change.todo and change.waiting:  # of who waits all is wanted that can be had just then
        return None
    if tells_of_workloads(dirty) and has_replicas(change) and fare(known) != fare(change):
        return decided_again(change, host.facts()) if change.manifest.digest == manifest.digest else None
    if known.manifest.digest == manifest.digest:
        return change
    return None if change.todo or change.closed else compare_moved(change, manifest, host)


def beyond_ends(change: Change, dirty: Dirty) -> frozenset[str]:
    """The sandboxes of which an end alone was read, and more than links is to be put right."""
    more = frozenset(step.resource.place for step in change.todo if not isinstance(step.resource, Link))
    return more & dirty.ends - (dirty.places or frozenset())


def left_behind(todo: Plan, desired: State) -> frozenset[str]:
    """The places of what sandboxes had that are to be made: where one has lost its name alone, what runs in
    it goes on there, and its end stands on the host."""
    made = {step.resource.key for step in todo if step.op == "+" and step.resource.lasting}
    if not made:
        return frozenset()
    running = (r for r in desired.values() if r.alone and not made.isdisjoint(r.within))
    return frozenset({"", *(r.place for r in running)})


def tells_of_workloads(dirty: Dirty) -> bool:
    """Whether a container of an engine may have moved."""
    return dirty.places is None or bool(containers(dirty.places))


def containers(places: Iterable[str]) -> frozenset[str]:
    """Of these places those of engines' containers, which begin so."""
    return frozenset(place for place in places if place.startswith("/"))


def fare(change: Change) -> Mapping[str, str]:
    """How its containers do."""
    return conditions(by_kind(change.live))


def has_replicas(change: Change) -> bool:
    """Whether it matters how some container does."""
    return any(is_replicated(one) for project in change.manifest.projects for one in project.containers)


def led_again(known: Change, places: frozenset[str], host: LastingHost) -> Change | None:
    """The comparison with how the containers of these places do now, and nothing else of the host; None where
    that is as it was, or takes more to tell."""
    host.forget(places)
    change = compare_again(known, host, places)
    return decided_again(change, known.facts) if change and fare(known) != fare(change) else None


def decided_again(change: Change, host: HostFacts) -> Change | None:
    """The comparison, decided anew, where nothing has moved but how containers do: that is of services."""
    if change.waiting or not change.prune:
        return None
    names = frozenset(project.name for project in change.manifest.projects)
    facts = at_home(learn.know(host, change.live, names), change.manifest, change.live)
    try:
        topology, wanted = decide(change.manifest, facts)
    except ReconcileError:  # it is told of all
        return None
    desired = beside(ownership.of_others(change.live, names), wanted)
    if desired.keys() != change.desired.keys():
        return None
    todo = plan(change.live, desired)
    return replace(change, topology=topology, desired=desired, todo=todo, wanted=wanted)


def depends_on_facts(change: Change, dirty: Dirty, host: LastingHost) -> bool:
    """Whether what the host is otherwise may have decided it differently: before anything is done on the host
    or to a link, and as soon as what somebody waits for may have come."""
    open_ends = change.waiting or change.topology.awaited or is_attached(change)
    if dirty.about_host and (dirty.swept or open_ends or not host.links_stand(stood_on(change))):
        return True
    acts = any(not step.resource.place or isinstance(step.resource, Link) for step in change.todo)
    if acts and not dirty.about_host:
        host.forget(frozenset({""}))
    return acts


def is_attached(change: Change) -> bool:
    """Whether a namespace of others is in it, which may become another."""
    return any(box.attached for box in change.topology.sandboxes)


def stood_on(change: Change) -> frozenset[str]:
    """The links that something of ours stands on: its MTU follows theirs."""
    return frozenset(getattr(r, "parent", "") for r in change.desired.values() if isinstance(r, Link)) - {""}


Otherwise = Callable[[Change, State], Change | None]


def compare_again(
    known: Change, host: Kernel, places: frozenset[str] | None, otherwise: Otherwise = lambda *_: None
) -> Change | None:
    """The comparison made before, decided as it was, with only these places read again; where other projects
    moved, what `otherwise` makes of all that stands."""
    if places is not None and not places:
        return known

    def there(state: State) -> State:
        return state if places is None else {key: r for key, r in state.items() if r.place in places}

    wanted, before = there(known.desired), there(known.live)
    part = host.observe(wanted.values(), places)
    live = {**{key: r for key, r in known.live.items() if key not in before}, **part}
    if others_changed(before, part, known.projects):
        return otherwise(known, live)
    # Nothing on the host is within a sandbox or refers to it: what changes there stays there.
    todo = plan(live, known.desired) if places is None or "" in places else plan(part, wanted)
    return replace(known, live=live, todo=todo)


def decided_beside(known: Change, live: State) -> Change | None:
    """The comparison, decided as it was, where what sandboxes of other projects have to themselves has come
    or gone; None where it may be decided otherwise by that, or something is to be done."""
    open_ends = known.waiting or known.topology.awaited or known.topology.expected
    if open_ends or not (known.wanted and known.prune):
        return None
    if whole_truth(known.manifest, live) != known.manifest:
        return None
    before, now = (learn.know(known.facts, state, known.projects) for state in (known.live, live))
    if not is_beside(known.topology, before, now):
        return None
    desired = beside(ownership.of_others(live, known.projects), known.wanted)
    if plan(live, desired):
        return None
    return replace(known, live=live, desired=desired, todo=Plan())


def compare_moved(known: Change, manifest: Manifest, host: Host) -> Change | None:
    """The comparison, where nothing has changed since `known`, which was in sync, but what some projects say:
    these alone are decided, and the others are what stands.  None where that may concern others too."""
    names = moved(known.manifest, manifest)
    if names is None or not names.isdisjoint(known.waiting):
        return None
    said = {project.name: project for project in manifest.projects}
    part = replace(manifest, projects=tuple(said.get(name) or empty(name) for name in sorted(names)))
    try:
        waiting = [project for project in known.manifest.projects if project.name in known.waiting]
        seen = host.facts()
        facts = around(at_home(learn.know(seen, known.live, names), part, known.live), waiting)
        topology, wanted = decide(part, facts)
    except ReconcileError:  # it is told of all
        return None
    theirs = ownership.of_others(known.live, names)
    mine = {key: r for key, r in known.live.items() if key not in theirs}
    wanted = {**ownership.settings_of_host(known.desired), **wanted}
    parting = ownership.settings_of_parting_links(mine, wanted)
    places = wanted_otherwise({key: r for key, r in known.desired.items() if key not in theirs}, wanted) | {
        ""
    }
    found = host.observe([*(r for r in wanted.values() if r.place in places), *parting], places)
    strange = found.keys() - known.live.keys() - wanted.keys()  # what came meanwhile
    if not is_apart(known.topology, topology) or any(found[key].marked for key in strange):
        return None
    stands = {key: r for key, r in mine.items() if r.place not in places}
    live = {**stands, **{key: r for key, r in found.items() if key not in theirs}, **theirs}
    desired = beside(theirs, wanted)
    if not known.prune:
        desired = {**ownership.without_leftovers(live), **desired}
    old = {project.name: project for project in known.manifest.projects}
    left = (empty(name, old[name].path) for name in sorted(names - said.keys()))
    whole = replace(manifest, projects=(*manifest.projects, *left))
    everybody = frozenset(project.name for project in whole.projects) - known.waiting.keys()
    if unmet(topology.expected, desired, facts):  # likewise
        return None
    both = joined(known.topology, topology)
    todo = plan(live, desired)
    if todo and known.waiting:  # it may be what somebody waits for
        return None
    return Change(whole, both, live, desired, todo, everybody, known.prune, known.waiting, facts=seen)


def moved(before: Manifest, now: Manifest) -> frozenset[str] | None:
    """The projects of which they say different things; None where they differ in more than that."""
    if (before.sources, before.partial, before.lock) != (now.sources, now.partial, now.lock):
        return None
    old, new = ({project.name: project for project in one.projects} for one in (before, now))
    if any(now.partial or not source(before, old[name]).whole for name in old.keys() - new.keys()):
        return None
    return frozenset(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def wanted_otherwise(before: State, now: State) -> frozenset[str]:
    """Where something else is wanted than was: in all other places what stands is as it was read."""
    other = (key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return frozenset((before.get(key) or now[key]).place for key in other)


def others_changed(before: State, now: State, names: frozenset[str]) -> bool:
    """Whether what other projects have is not what it was; what is left over of them is nothing they have."""
    one, other = (ownership.without_leftovers(ownership.of_others(state, names)) for state in (before, now))
    return one != other


def as_it_stands(change: Change, alone: frozenset[str]) -> State:
    """What is wanted, when it has been brought about but in the sandboxes that were left alone: what was so
    before tells more than is compared, as how it does."""
    pairs = ((key, change.live.get(key), new) for key, new in change.desired.items())
    stands = {key: old if old == new and old is not None else new for key, old, new in pairs}
    if not alone:
        return stands
    apart = within(change.desired, alone)
    return {**{key: r for key, r in stands.items() if key not in apart}, **within(change.live, alone)}

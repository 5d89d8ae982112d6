"""The straight line: load, observe, build, lower, plan, apply, verify.

manifests/*.yaml
     | load       text -> Manifest               what the user wrote
     |            observe -> State, Facts        what stands                        [I/O]
     | build      Manifest, Facts -> Topology    the Container Network Model, decided
     | lower      Topology -> State              what this host's kernel should hold
     | plan       live, desired -> Plan          what lies between
     | apply      Plan -> kernel                                                    [I/O]
     | verify     observe again; any difference left -> reconcile with the past
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .change import USUAL, Change, Terms
from .cnm.build import build
from .cnm.stale import refuse_stale
from .cnm.topology import Topology
from .core.bykind import by_kind
from .core.plan import plan
from .core.reconcile import FORWARD, Kernel, apply_and_verify
from .core.resource import State, laid
from .draining import with_rest
from .drivers import DRIVERS, lower
from .drivers.firewall.beside import with_parts
from .drivers.firewall.elements import skeleton
from .drivers.host import HostDrivers
from .errors import DriverFault, ManifestError, ManifestErrors, Unsupported, without_frames
from .expecting import refuse_unmet, unmet
from .healing import NOTHING_HEALED, Healed, part
from .inventory import learn, ownership
from .inventory.facts import Facts, RemotePlugin
from .inventory.scoped import ScopedKernel
from .lasting import Host
from .manifest.parts import host_names
from .manifest.spec import Manifest, ProjectSpec
from .manifest.store import lockfile
from .manifest.waiting import ABOUT_HOST, Waiting, mistake_of, together, troubled, without
from .truth import around, at_home, whole_truth

NO_PLUGINS: Mapping[str, RemotePlugin] = {}


class Decided(NamedTuple):
    """What is wanted of some projects, and the facts that it follows from."""

    topology: Topology
    wanted: State
    projects: frozenset[str]
    facts: Facts

    def on(self, terms: Terms) -> "Decided":
        """What of it is asked for later."""
        return self._replace(topology=self.topology.outline) if terms.outlined else self


def load(
    paths: Sequence[str | Path],
    *,
    environ: Mapping[str, str] = os.environ,
    projects: frozenset[str] | None = None,
    stdin: str | None = None,
    folder: str = "",
) -> Manifest:
    """Everything that the PATHs describe; raises ManifestErrors with all mistakes.

    `paths` are files, directories or `-`, whose text is `stdin` or what the process is given.
    `projects` are the only ones wanted; None wants all.  `folder` is where validated manifests are kept
    for the next run; "" keeps none.
    """
    from .manifest.load import Asked
    from .manifest.load import load as loaded

    asked = Asked(tuple(os.fspath(path) for path in paths), projects, environ, DRIVERS)
    return loaded(asked, stdin=stdin, folder=folder)


def decide(manifest: Manifest, facts: Facts) -> tuple[Topology, State]:
    """The topology, and what this host's kernel should hold: the pure half of the line.

    Raises ManifestErrors for what cannot be decided, Unsupported for what the kernel lacks.
    """
    facts = replace(facts, locked=lockfile.parsed(manifest.lock))
    topology = build(manifest, facts, HostDrivers(DRIVERS, facts))
    return topology, lower(topology)


def decide_alone(manifest: Manifest, facts: Facts) -> Topology:
    """What can be told beside no host; raises as `decide` does, and where it is not as is expected."""
    topology, state = decide(manifest, facts)
    refuse_unmet(topology.expected, state, facts)
    return topology


def decide_everywhere(manifest: Manifest, plugins: Mapping[str, RemotePlugin] = NO_PLUGINS) -> Topology:
    """The topology of the last of its hosts, which have these; raises ManifestErrors with all mistakes."""
    mistakes: list[ManifestError] = []
    for name in host_names(manifest) or [""]:
        try:
            topology = decide_alone(manifest, Facts(known=False, name=name, plugins=plugins))
        except ManifestError as error:
            mistakes.append(error)
    if mistakes:
        raise ManifestErrors(mistakes)
    return topology


def compare(manifest: Manifest, host: Host, terms: Terms = USUAL) -> Change:
    """The change that would bring the manifest about, up to its plan; reads the host and changes nothing.

    Projects that this host has no way for wait, and are left as they stand, while others are decided without
    them; where `strict`, or where none is left, that is raised: ManifestErrors for what cannot be decided,
    Unsupported for what the kernel lacks, Foreign where something that is not ours is in the way.  So are
    mistakes of the manifests alone, and NotPermitted or KernelError where the host cannot be read.
    """
    ours = host.observe(skeleton())
    whole = able = whole_truth(manifest, ours)
    waiting: Waiting = {}
    while True:
        try:
            late = without(whole, {project.name for project in able.projects})
            facts, healed = known_facts(able, ours, host, late.projects), healed_of(late, ours, host)
            facts = replace(facts, elsewhere={}) if terms.adopt else facts
            change = compare_all(able, decide_all(able, facts, healed).on(terms), ours, host)
            change = change if terms.prune else with_leftovers(change)
            change = heeding(change, partial(mistake_in, able, host))
        except ABOUT_HOST as error:
            if not terms.strict and (mistake := mistake_in(able, host)):
                raise together(mistake, error) from None
            more = {} if terms.strict else troubled(error, able, partial(fails, able, ours, host))
            if not more:
                raise
            without_frames(error)
            waiting, able = {**waiting, **more}, without(able, more)
            continue
        return replace(change, manifest=whole, waiting=waiting)


def with_leftovers(change: Change) -> Change:
    desired = {**ownership.without_leftovers(change.live), **change.desired}
    return replace(change, desired=desired, todo=plan(change.live, desired), prune=False)


def heeding(change: Change, mistake: Callable[[], ManifestError | None]) -> Change:
    """The same, of which is expected what will be so.  Raises ManifestErrors where it breaks a sentence, or
    the manifests do alone, whose `mistake` that is; what a host that has changed broke before is told, and
    holds nothing up."""
    broken = unmet(change.topology.expected, change.desired, change.facts)
    if not broken:
        return change
    past = [one for one in broken if one.project in change.standing]
    if len(past) < len(broken) or len(unmet(past, change.live, change.facts)) < len(past):
        raise ManifestErrors(broken.values())
    if error := mistake():
        raise error
    rest = tuple(one for one in change.topology.expected if one not in broken)
    told = (f"{one.where}: {one.message}; it was not before" for one in broken.values())
    topology = replace(change.topology, expected=rest, warnings=(*change.topology.warnings, *told))
    return replace(change, topology=topology)


def mistake_in(manifest: Manifest, host: Host) -> ManifestError | None:
    """Why the manifests cannot be decided wherever it is; which drivers there are is each host's own."""
    names, facts = host_names(manifest), host.facts()
    name = facts.name if facts.name in names or not names else names[0]
    try:
        decide_alone(manifest, Facts(known=False, name=name, plugins=facts.plugins))
    except ManifestError as error:
        return mistake_of(error)
    except (Unsupported, DriverFault):
        pass
    return None


def fails(manifest: Manifest, ours: State, host: Host, project: ProjectSpec) -> bool:
    """Whether one of the projects has trouble here by itself."""
    try:
        alone = replace(manifest, projects=(project,))
        compare_all(alone, decide_all(alone, known_facts(alone, ours, host, ()), NOTHING_HEALED), ours, host)
    except ABOUT_HOST:
        return True
    return False


def known_facts(manifest: Manifest, ours: State, host: Host, waiting: Iterable[ProjectSpec]) -> Facts:
    """All that a decision about these projects depends on, beside others that wait."""
    names = frozenset(project.name for project in manifest.projects)
    return around(at_home(learn.know(host.facts(), ours, names), manifest, ours), waiting)


def decide_all(manifest: Manifest, facts: Facts, healed: Healed) -> Decided:
    """What is wanted of all of these projects, beside what is healed of others."""
    names = frozenset(project.name for project in manifest.projects)
    topology, wanted = decide(manifest, facts)
    refuse_stale(manifest, topology)
    return Decided(topology, by_kind(laid(healed.wanted, wanted)), names | healed.projects, facts)


def compare_all(manifest: Manifest, decided: Decided, ours: State, host: Host) -> Change:
    """The change that brings that about."""
    topology, wanted, mine, facts = decided
    names = frozenset(project.name for project in manifest.projects)
    live = host.observe(chain(wanted.values(), ownership.settings_of_parting_links(ours, wanted)))
    desired = beside(ownership.of_others(live, names), wanted)
    todo = plan(live, desired)
    return Change(manifest, topology, live, desired, todo, mine, host=facts.name, facts=facts, wanted=wanted)


def beside(theirs: State, wanted: State) -> State:
    """What is to stand: what is wanted, and what projects have that this run is not about."""
    return laid(with_parts(theirs, wanted), wanted)


def healed_of(manifest: Manifest, ours: State, host: Host) -> Healed:
    """What is wanted of these projects, which wait, as far as they stand and this host can have it."""
    standing = ownership.ownership(ours).projects if manifest.projects else frozenset()
    some = replace(manifest, projects=tuple(one for one in manifest.projects if one.name in standing))
    while some.projects:
        names = frozenset(project.name for project in some.projects)
        facts = replace(known_facts(some, ours, host, ()), locked=lockfile.parsed(some.lock))
        try:
            topology, wanted = part(some, facts, ours)
            refuse_stale(some, topology)
            host.observe(wanted.values())
        except ABOUT_HOST as error:
            some = without(some, troubled(error, some, partial(fails, some, ours, host)) or names)
            without_frames(error)
            continue
        return Healed(names, wanted)
    return NOTHING_HEALED


def enact(change: Change, host: Kernel, forward: AbstractContextManager[object] = FORWARD) -> None:
    """Apply, verify, and on any failure return to what stood before; a sandbox returns alone.
    `forward` lasts as long as nothing is returned.

    Raises KernelError, NotPermitted, Unsupported or NotConverged when all is as it was; FailedInPart when all
    is done but in some sandboxes, which are as they were; RollbackFailed when the way back failed as well.
    """
    told = (r for r in change.live.values() if r.closed)  # nothing is done there, and why is told
    mine = change.projects & change.touched.union(change.owner(r.key) for r in told)
    theirs = ownership.of_others(change.live, mine).keys() - {step.resource.key for step in change.todo}
    view = ScopedKernel(host, mine, theirs, change.live.keys() | change.desired.keys())
    todo = with_rest(change.todo, change.live, change.desired)
    apply_and_verify(todo, view.mine(change.live), view.mine(change.desired), view, forward)

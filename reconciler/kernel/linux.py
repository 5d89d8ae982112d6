"""The live host as a Kernel: what is ours in it, and what a step does to it."""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from ..core.plan import Step
from ..core.reconcile import Refusals
from ..core.resource import Key, Resource, Stage, State
from ..errors import Foreign, KernelError, NotPermitted
from ..inventory.facts import ForeignNamespace, HostFacts, RemotePlugin
from ..kinds.evpn import Router
from ..kinds.link import Link
from ..kinds.namespace import Closed, Namespace
from ..kinds.ownership import HOST
from ..paths import STATE
from . import attached, frr, nft, resolvers, wireguard_key
from .again import Asker
from .apply import requests
from .kinds import KINDS
from .observe import facts as host
from .observe.host_links import HostLinks
from .observe.snapshot import Snapshot
from .transcript import EVERYWHERE, RULESET, Transcript, engine_of, noting

# What of the facts is asked for later, if at all: what it says is in the transcript.
UNTOLD: dict[str, Any] = {
    "missing": {},
    "attached": {},
    "plugins": {},
    "secret": "",
    "public_key": str,
    "heard": tuple,
    "local": frozenset,
}


@contextmanager
def mapped(work: str) -> Iterator[None]:
    """What the system refuses, outside of any step, as an error of ours."""
    try:
        yield
    except PermissionError as error:
        raise NotPermitted(f"{work}: {error.strerror}", requests.ROOT) from error
    except OSError as error:
        raise KernelError(work, error.errno or errno.EIO, str(error)) from error


class Linux:
    """core.reconcile.Kernel on this machine.  What it has read is kept until it changes that place."""

    def __init__(
        self,
        name: str = "",
        state_dir: str = STATE,
        progress: Callable[[], None] | None = None,
        host_links: HostLinks | None = None,
    ) -> None:
        self.name, self.state_dir = name, state_dir  # a name of its own, where that is not its hostname
        self.progress = progress or (lambda: None)  # called with each piece of work
        self.key_file = os.path.join(state_dir, wireguard_key.NAME)
        self.host_links = host_links  # where they are kept as long as the kernel tells of none
        self.about: nft.About | None = None  # the project that is asked about, where others are no matter
        self.snapshot, self.transcript = self.anew(), Transcript()
        self.last_facts: HostFacts | None = None
        self.attached: Mapping[str, ForeignNamespace] = {}  # what was asked of the last,
        self.plugins: Mapping[str, RemotePlugin] = {}  # and this,
        self.heard_plugins = (
            False  # which are asked once until all is to be read anew: one may keep us waiting
        )

    def aside(self) -> "Linux":
        """The same host to another reader, who knows its facts and disturbs no reading here."""
        other = Linux(self.name, self.state_dir)
        other.last_facts, other.attached, other.plugins = self.last_facts, self.attached, self.plugins
        return other

    def join(self, path: str, identity: str) -> None:
        """The thread moves to a namespace of others; raises OSError where that is another by now."""
        attached.join(path, identity)

    def anew(self) -> Snapshot:
        fresh = Snapshot(self.routers, self.host_links)
        fresh.about = self.about
        return fresh

    def routers(self) -> Iterable[Router]:
        return frr.read()

    @mapped("looking at the host")
    def facts(self) -> HostFacts:
        snapshot = self.snapshot
        with noting(self.transcript):
            strangers = {*snapshot.names}.difference(snapshot.sandboxes)
            seen = host.facts(snapshot.view(HOST), strangers)
            answering = {r.port for r in resolvers.of(HOST)} if seen.listeners else set()
        # Who answers for names comes and goes by what we do, and so does who relays on ::1, where no port is
        # ever translated: no fact has moved by that.
        theirs = frozenset(one for one in seen.listeners if one.port not in answering and one.ip != "::1")
        self.attached = seen.attached
        self.plugins, self.heard_plugins = self.plugins if self.heard_plugins else seen.plugins, True
        self.last_facts = replace(seen, name=self.name or seen.name, listeners=theirs, **UNTOLD)
        return replace(
            self.last_facts,
            listeners=seen.listeners,
            missing=seen.missing,
            attached=seen.attached,
            plugins=self.plugins,
            secret=self.key_file,
            public_key=cache(self.public_key),
            heard=cache(seen.heard),
            local=cache(noting(self.transcript)(seen.local)),
        )

    @mapped("reading the key")
    def public_key(self) -> str:
        with noting(self.transcript):
            return wireguard_key.public_key(self.key_file)

    @mapped("making a key")
    def make_key(self) -> str:
        return wireguard_key.made(self.key_file)

    @mapped("looking at what stands")
    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        named = list(named)
        with noting(self.transcript):
            refuse_foreign(named, self.strange_links(named), self.snapshot.strangers(named))
            found = {r.key: r for r in self.in_progress(self.snapshot.resources(named, places))}
            closed = barred(named, found)
        # Of a sandbox that has gone the list of names tells, and nobody can ask there again.
        self.transcript.forget([one for one in places or () if self.has_gone(one)])
        return {**found, **closed}

    def has_gone(self, place: str) -> bool:
        """Whether it is a sandbox's, and no name leads there."""
        return bool(place) and not engine_of(place) and not self.snapshot.is_named(place)

    def strange_links(self, named: Iterable[Resource]) -> Set[str]:
        """The names of the host's links that are not ours, where links are named at all."""
        if not any(isinstance(r, Link) for r in named):
            return frozenset()
        return {seen.name for seen in self.snapshot.view(HOST).links.values() if not seen.ours}

    @mapped("looking at what is nobody's")
    def strangers(self) -> State:
        """What stands there that is not ours, as far as it has names."""
        from .observe.strangers import strangers  # which one mode asks for

        return {r.key: r for r in strangers(self.snapshot)}

    def in_progress(self, found: Iterable[Resource]) -> Iterator[Resource]:
        """A call each hundred: it costs as much as what it tells of."""
        for number, r in enumerate(found):
            if number % 100 == 0:
                self.progress()
            yield r

    @mapped("applying")
    def execute(self, batch: Sequence[Step]) -> Refusals:
        from .apply import executor  # which no plan need pay for

        before = self.snapshot
        self.snapshot = self.anew()
        self.transcript.forget({step.resource.place for step in batch} - {""})
        if batch[0].resource.stage == Stage.FIREWALL:
            with noting(self.transcript):
                before.ruleset = nft.execute(batch, before.ruleset)
            if lost := set(nft.emptied(batch)):
                resolvers.hang_up(lost)
            before.sure, self.snapshot = True, before
            return {}
        if batch[0].resource.stage == Stage.ATTACHING:
            from .attaching import attach

            self.snapshot = before.without(frozenset(step.resource.place for step in batch), ends=True)
            return attach(batch, self.progress)
        if batch[0].resource.stage == Stage.RUNNING:
            from .workloads import execute

            self.snapshot = before.without(frozenset(step.resource.place for step in batch), ends=False)
            return execute.execute(batch, self.progress)
        refusals = executor.execute(batch, self.key_file, self.progress, self.join)
        gone = {step.resource.place for step in batch if step.op == "-"}
        links = [step for step in batch if isinstance(step.resource, Link | Namespace)]
        if all(s.op != "-" or s.resource.place for s in links):  # else it may take along what stood anywhere
            ends = bool(links)
            apart = {*executor.readings_apart(batch)}
            changed = {*gone, *executor.entered(batch)}.difference(place for _, place in apart)
            self.snapshot = before.without(changed, ends=ends, apart=apart)
        return refusals

    def forget(self, places: frozenset[str] | None = None) -> None:
        """Whatever is asked next is read anew; with `places`, nothing has changed but there."""
        if places is None:
            self.snapshot, self.heard_plugins = self.anew(), False
        else:
            self.snapshot = self.snapshot.without(places, ends="" in places)
            self.transcript.forget(places - {""})  # of the host, parts are read on their own

    def transcribe(self) -> None:
        self.transcript, self.heard_plugins = Transcript(), False

    def places_read(self) -> list[str]:
        return self.transcript.places

    @mapped("looking at what moved")
    def moved(self, places: Collection[str]) -> frozenset[str] | None:
        with Asker() as asker:
            found = frozenset(asker.moved(self.transcript, places))
        return (
            None if EVERYWHERE in found else frozenset("" if place == RULESET else place for place in found)
        )

    @mapped("looking at the host")
    def links_stand(self, names: Set[str]) -> bool:
        if (told := self.last_facts) is None:
            return True
        with noting(self.transcript):
            now = host.devices(self.snapshot.view(HOST))
        matter = names | told.uplinks | {*told.addresses.values()}
        return all(now.get(name) == told.links.get(name) for name in matter)

    def facts_stand(self) -> bool:
        before, attached, plugins = self.last_facts, dict(self.attached), dict(self.plugins)
        self.heard_plugins = False
        now = self.facts()
        same = before == self.last_facts and all(now.attached[key] == told for key, told in attached.items())
        return same and all(now.plugins.get(name) == told for name, told in plugins.items())


def barred(named: list[Resource], found: State) -> State:
    """The sandboxes that something of somebody else's is in the way of; raises for the host."""
    homes = {r.name: r for r in named if isinstance(r, Namespace)}
    closed: dict[Key, Resource] = {}
    refusing = ((r, refuse) for r in named if (refuse := KINDS[type(r)].refuse) and r != found.get(r.key))
    for r, refuse in refusing:
        try:
            refuse(r)
        except Foreign as error:
            if not (home := homes.get(r.place)):
                raise
            closed[home.key] = Closed(name=home.name, project=home.project, why=error.message)
    return closed


def refuse_foreign(named: list[Resource], links: Set[str], strangers: Set[str]) -> None:
    """What is wanted and stands already, but is not ours, is never taken over."""
    for r in named:
        what = ""
        if isinstance(r, Link) and r.host_end in links:
            what = f"link {r.host_end}"
        elif isinstance(r, Namespace) and r.name in strangers:
            what = f"namespace {r.name}"
        if what:
            raise Foreign(f"the host has a {what} that is not ours", "rename or remove it", r.where)

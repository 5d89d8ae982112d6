"""The whole plan, applied for real where it harms nobody: on a host to throw away that starts
where this one stands.

What is ours and live is played back there by planning from nothing; then the same line runs as on the host.
"""

import json
import os
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from ..change import Change, Terms
from ..core.plan import Step, plan
from ..core.reconcile import Refusals, apply
from ..core.resource import Key, Resource, State
from ..drivers import BUILT_IN
from ..drivers.firewall.elements import skeleton
from ..errors import KernelError, NotConverged, ReconcileError, Where, foreseen, trace
from ..inventory import ownership
from ..inventory.facts import USUAL_MTU, HostFacts
from ..kernel import netns, scratch_host
from ..kernel.fake.kernel import FakeKernel
from ..kernel.linux import Linux
from ..kernel.nft.text import illegible
from ..kinds.bridge_port import BridgePort
from ..kinds.cni import CniAttachment
from ..kinds.evpn import Router
from ..kinds.link import Veth
from ..kinds.ownership import SHARED
from ..kinds.remote import RemoteEndpoint, RemoteNetwork
from ..kinds.resolver import Resolver
from ..kinds.route import Route
from ..kinds.split_dns import HostDomain
from ..kinds.workload import Workload
from ..lasting import Host
from ..manifest.parts import driver_names
from ..pipeline import compare, enact

OUTSIDE = CniAttachment, RemoteNetwork, RemoteEndpoint, Workload  # what programs of others do
CONFIGURED = Router, Resolver, HostDomain, *OUTSIDE


class RehearsalHost(Linux):
    """The scratch host's kernel, with the real host around it; counts what it is asked to do.

    FRR, dnsmasq, systemd-resolved, engines and plugins do nothing there: all stands as they were told to.
    Namespaces of others are new ones.
    """

    def __init__(self, facts: HostFacts):
        super().__init__(state_dir=os.path.dirname(facts.secret))
        self.known, self.requests = facts, 0
        self.configured: dict[Key, Resource] = {}

    def join(self, path: str, identity: str) -> None:
        netns.make()

    def routers(self) -> list[Router]:
        return []

    def observe(self, named: Iterable[Resource] = (), places: frozenset[str] | None = None) -> State:
        asked = [r for r in named if not isinstance(r, OUTSIDE)]
        found = {key: r for key, r in super().observe(asked, places).items() if not isinstance(r, OUTSIDE)}
        here = ((key, r) for key, r in self.configured.items() if places is None or r.place in places)
        known = found.keys() | {key for key, r in self.configured.items() if not r.within}
        return {**found, **{key: r for key, r in here if known >= {*r.within}}}

    def facts(self) -> HostFacts:
        return self.known

    def execute(self, batch: Sequence[Step]) -> Refusals:
        self.requests += len(batch)
        rest = []
        for step in batch:
            if not isinstance(step.resource, CONFIGURED):
                rest.append(step)
            elif step.op == "-":
                self.configured.pop(step.resource.key, None)
            else:
                self.configured[step.resource.key] = step.resource
        self.forget()
        return super().execute(rest) if rest else {}


class EmptyHost(FakeKernel):
    """A host of which nothing is known."""

    def facts(self) -> HostFacts:
        return HostFacts(name=socket.gethostname())


def rehearse(change: Change, host: Host) -> str:
    """One line that says it went well; raises the first error that the host would have met."""
    change, facts = in_full(change, host), host.facts()
    named = driver_names(change.manifest.projects) - BUILT_IN.keys()
    plugins = {name: facts.plugins[name] for name in named if name in facts.plugins}
    facts = replace(facts, missing=dict(facts.missing), plugins=plugins)  # asked here: there, less runs
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        perform(change, facts, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        raise ReconcileError("the rehearsal died", "run it again; the host was not touched")
    told = json.loads(said)
    if "line" in told:
        return str(told["line"])
    where = Where(*told["where"]) if told["where"] else None
    error = ReconcileError(f"in the rehearsal: {told['message']}", told["hint"], where)
    error.id, error.exit_code, error.traceback = told["id"], told["exit_code"], told["traceback"]
    raise error


def in_full(change: Change, host: Host) -> Change:
    """The same change with other projects' chains and maps in words: it was made without asking for them."""
    kept = {key for key, r in change.desired.items() if r == change.live.get(key)}
    named = {**change.desired, **{r.key: r for r in skeleton() if r.key in kept}}
    live = host.observe(named.values())
    desired = {
        key: live.get(key, r) if key in kept and illegible(r) else r for key, r in change.desired.items()
    }
    return replace(change, live=live, desired=desired)


def perform(change: Change, facts: HostFacts, writer: int) -> None:
    """The child's whole life."""
    try:
        told: dict[str, object] = {"line": rehearse_here(change, facts)}
    except BaseException as failure:
        error = foreseen(failure)
        told = {
            "message": error.message,
            "hint": error.hint,
            "where": error.where,
            "id": error.id,
            "exit_code": error.exit_code,
            "traceback": trace(error),
        }
    os.write(writer, json.dumps(told).encode())
    os._exit(0)


def rehearse_here(change: Change, facts: HostFacts) -> str:
    began = time.monotonic()
    scratch_host.enter()
    stood_on = [*change.live.values(), *change.desired.values()]
    scratch_host.stand_in(stand_ins(stood_on), facts.mtu or USUAL_MTU)
    scratch_host.neighbours(gateways(stood_on))
    stage = RehearsalHost(facts)
    start, whole = replay(change, stage)
    again = partial(compare, change.manifest, stage, Terms(change.prune))
    enact(among_others(change.desired, start, change) if whole else again(), stage)
    stage.requests = 0
    check_idempotent(again(), stage)
    check_reversible(change, start, stage)
    return f"rehearsed in {(time.monotonic() - began) * 1000:.0f} ms: converges, idempotent, reversible"


def replay(change: Change, stage: RehearsalHost) -> tuple[State, bool]:
    """Bring the scratch host to where this one stands; where that is, and whether it is all of it.  A chain
    that somebody edited comes as it should be, and a sandbox that cannot be looked into is yet to come."""
    closed = {r.place for r in change.live.values() if r.closed}
    live = {
        key: change.desired.get(key, r) if illegible(r) else r
        for key, r in change.live.items()
        if not r.leftover and r.place not in closed
    }
    past = whole = without_illegible(live)
    named = {**change.desired, **past}
    while True:
        try:
            apply(plan(stage.observe(named.values()), past), stage)
            return stage.observe(named.values()), past is whole
        except KernelError as error:
            past = without_owner(past, error, change)


def without_owner(past: State, refused: KernelError, change: Change) -> State:
    """Less the project whose part the kernel does not make as it stands: it has drifted, and the change is
    not about it.  Raises what was refused where the change is."""
    owner = ownership.owners({**change.desired, **change.live})
    whose = owner(past[refused.key]) if refused.key in past else SHARED
    if whose in {SHARED, *change.projects}:
        raise refused
    return {key: r for key, r in past.items() if owner(r) != whose}


def among_others(mine: State, standing: State, change: Change) -> Change:
    """The change to this, of what it is about; others have what they have there."""
    owned, owner = ownership.owners(standing), ownership.owners(mine)
    ours = {SHARED, *change.projects}
    others = {key: r for key, r in standing.items() if owned(r) not in ours}
    desired = without_illegible({**others, **{key: r for key, r in mine.items() if owner(r) in ours}})
    return replace(change, live=standing, desired=desired, todo=plan(standing, desired))


def without_illegible(state: State) -> State:
    """Without other projects' chains: nobody told us their text."""
    return {key: r for key, r in state.items() if not illegible(r)}


def check_idempotent(change: Change, stage: RehearsalHost) -> None:
    """The second plan is empty, and the second apply asks for nothing."""
    if change.todo:
        raise NotConverged(sorted(step.resource.key for step in change.todo))
    enact(change, stage)
    if stage.requests:
        raise ReconcileError(f"the second apply made {stage.requests} requests")


def check_reversible(change: Change, start: State, stage: RehearsalHost) -> None:
    named = {**change.desired, **start}
    enact(among_others(start, stage.observe(named.values()), change), stage)


def stand_ins(resources: Sequence[Resource]) -> dict[str, str]:
    """Links of the host that something of ours stands on or is joined to, and a kind to stand for each."""
    ours = {getattr(r, "name", "") for r in resources if r.noun == "link" and not r.place}
    kinds = {getattr(r, "parent", ""): "veth" for r in resources}
    kinds |= {link: "veth" for link, _ in gateways(resources)}
    kinds |= {r.link: "veth" for r in resources if isinstance(r, BridgePort)}
    kinds |= {r.bridge: "bridge" for r in resources if isinstance(r, Veth)}
    return {name: kind for name, kind in sorted(kinds.items()) if name and name not in ours}


def gateways(resources: Iterable[Resource]) -> set[tuple[str, str]]:
    """Links of the host, and the neighbours there that routes of ours go via."""
    routes = (r for r in resources if isinstance(r, Route) and not r.place)
    return {(r.link, r.via) for r in routes if r.via and not r.onlink}

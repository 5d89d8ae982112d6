"""What a run of the line comes to up to its plan, and on what terms."""

from collections.abc import Callable, Set
from dataclasses import field, replace
from typing import NamedTuple

from .cnm.topology import Topology
from .core.plan import Plan, outside
from .core.reconcile import unread
from .core.resource import Key, State
from .errors import ReconcileError
from .inventory import ownership
from .inventory.facts import HostFacts
from .manifest.spec import Manifest
from .manifest.waiting import Waiting
from .values import record


class Terms(NamedTuple):
    """On what a comparison is made."""

    prune: bool = True  # what is no longer declared goes
    strict: bool = False  # no project waits: what it waits for is raised
    adopt: bool = False  # projects that stand from other folders are taken over
    outlined: bool = False  # more of the topology is not asked for: its rest goes before the plan comes


USUAL = Terms()


@record
class Change:
    """One run of the line up to its plan: everything that a reviewer could ask."""

    manifest: Manifest
    topology: Topology
    live: State
    desired: State
    todo: Plan
    projects: frozenset[str]  # that it may change; others' things stay as they stand
    prune: bool = True  # whether what is no longer declared goes
    waiting: Waiting = field(default_factory=dict)  # projects that are left as they stand, and why
    host: str = ""  # its name
    facts: HostFacts = field(default_factory=HostFacts, compare=False, repr=False)
    # What was decided of all that is desired, without what others have; {} where part was decided by itself
    wanted: State = field(default_factory=dict, compare=False, repr=False)

    def instead_of(self, wished: "Change") -> "Change":
        """This change, made since projects of another one wait."""
        return replace(self, manifest=wished.manifest, waiting={**self.waiting, **wished.waiting})

    def outside(self, sandboxes: Set[str]) -> "Change":
        """The same change, but nothing is done in these."""
        return replace(self, todo=outside(self.todo, sandboxes)) if sandboxes else self

    @property
    def removed(self) -> list[str]:
        """The keys of sandboxes and of links of the host that would go, but for what is left over: the end of
        a pair whose sandbox has gone already."""
        gone = [key for key, r in self.live.items() if key not in self.desired and not r.leftover]
        return sorted(key for key in gone if key.startswith(("namespace ", "link host/")))

    @property
    def owner(self) -> Callable[[Key], str]:
        """Whose a key is."""
        return ownership.by_key(self.live, self.desired)

    @property
    def standing(self) -> frozenset[str]:
        """The projects that something stands of."""
        return ownership.projects(self.live)

    @property
    def touched(self) -> frozenset[str]:
        """The projects that it does something to."""
        owner = self.owner
        return frozenset(owner(step.resource.key) for step in self.todo)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is told and holds up nothing: of the words of the manifests, and of what was decided."""
        return (*self.manifest.warnings, *self.topology.warnings)

    @property
    def closed(self) -> dict[str, ReconcileError]:
        """By name, the sandboxes that are wanted and left as they are, and why."""
        return {r.place: unread(r) for r in self.live.values() if r.closed and r.key in self.desired}

    @property
    def present(self) -> int:
        """How many sandboxes, and links of the host, stand."""
        return sum(key.startswith(("namespace ", "link host/")) for key in self.live)

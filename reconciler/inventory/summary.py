"""A plan in one line, in the words of who wrote the manifest: how many containers, networks and ports."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

from ..core.plan import Plan, Step
from ..core.render import number
from ..core.resource import Key, Resource, State
from ..core.subject import CONTAINER, FIREWALL, KINDS, NAMES, NETWORK, PORT, SERVICES, SETTINGS, Subject
from ..kinds.maps import PROJECTS
from ..kinds.nft import Element, Table
from .subjects import Subjects

EVERYBODY = "host"  # the project of what all share, and the place that is no sandbox
AS_A_WHOLE = (FIREWALL, NAMES, SERVICES, SETTINGS)
ORDER = ("-", "-/+", "~", "+")  # what is lost is told first
COUNTED = {"+": "to create", "~": "to change", "-/+": "to make anew", "-": "to remove"}
DONE = {"+": "created", "~": "changed", "-/+": "made anew", "-": "removed"}


class Compared(Protocol):
    """Two states, and the plan between them."""

    @property
    def todo(self) -> Plan: ...
    @property
    def live(self) -> State: ...
    @property
    def desired(self) -> State: ...


class Groups:
    """The steps of a plan by what they are about."""

    def __init__(self, change: Compared):
        self.todo, self.states = change.todo, (change.live, change.desired)
        self.subjects = Subjects(*self.states)
        self.steps: dict[Subject, list[Step]] = {}
        for step in change.todo:
            self.steps.setdefault(self.subjects.of(step.resource), []).append(step)

    def operation(self, subject: Subject) -> str:
        """What becomes of it as a whole, one of ORDER; what a project has one of comes and goes with it."""
        steps = self.steps[subject]
        ops = {step.op for step in defining(subject, steps)}
        if subject.kind in AS_A_WHOLE:
            whole = ops.pop() if len(ops) == 1 else "~"
            return whole if whole == self.coming(subject.project) else "~"
        if subject.kind == PORT and any(self.stands_beside(step.resource) for step in steps):
            return "~"
        if {"+", "-"} <= ops or any(step.op == "+" and step.old for step in defining(subject, steps)):
            return "-/+" if subject.kind in (CONTAINER, NETWORK) else "~"
        return ops.pop() if len(ops) == 1 else "~"

    def stands_beside(self, r: Resource) -> bool:
        """Whether the same port is, and stays, published: in the other family, or with other limits."""
        if not isinstance(r, Element):
            return False
        keys = r.homes if r.limits else (beside(r),)
        return any(key in self.states[0] and key in self.states[1] for key in keys)

    def coming(self, project: str) -> str:
        """Whether it comes or goes, and all with it; "" where it stays."""
        return self.comings.get(project) or self.comings.get(EVERYBODY, "")

    @cached_property
    def comings(self) -> dict[str, str]:
        """By project, those that do; what all share goes with the last, and its elements with their table."""
        found: dict[str, str] = {}
        for op, r in ((step.op, step.resource) for step in self.todo if step.op != "~"):
            if isinstance(r, Table):
                found[EVERYBODY] = op
            elif isinstance(r, Element) and r.map == PROJECTS:
                found[r.declared_by] = op
        return found


def summary(change: Compared) -> str:
    """What is to be done, what that costs, and which plan it is."""
    groups = Groups(change) if change.todo else None
    found = ((groups.operation(subject), subject.kind) for subject in groups.steps) if groups else ()
    return in_words(change.todo, counted(found, COUNTED))


def beside(r: Element) -> Key:
    """The same port in the other family."""
    old, new = "46" if "4" in r.map else "64"
    return Element.at(r.family, r.table, r.map.replace(old, new), r.item)


def in_words(todo: Plan, counts: str) -> str:
    if not todo:
        return "Nothing to do."
    return f"{counts}; running traffic: {todo.disruption}; plan {todo.digest}"


def defining(subject: Subject, steps: Iterable[Step]) -> Iterator[Step]:
    """Those that make it what it is; what has no one such thing is what all of them are together."""
    return (s for s in steps if s.resource.whole or subject.kind not in (CONTAINER, NETWORK))


def counted(
    found: Iterable[tuple[str, str]], words: dict[str, str], order: Sequence[str] = ORDER[::-1]
) -> str:
    """`2 containers, 1 network to create; 1 container to change`, of operations and kinds."""
    counts = Counter(found)
    parts = []
    for op in order:
        kinds = [kind_words(kind, counts[op, kind]) for kind in KINDS if counts[op, kind]]
        parts += [f"{', '.join(kinds)} {words[op]}"] if kinds else []
    return "; ".join(parts)


def kind_words(kind: str, many: int) -> str:
    return number(many, kind) if kind in (CONTAINER, NETWORK, PORT) else kind

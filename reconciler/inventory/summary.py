"""A plan in one line, in the words of who wrote the manifest: how many containers, networks and ports."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ..core.plan import Plan, Step
from ..core.render import number
from ..core.resource import State
from ..core.subject import CONTAINER, KINDS, NETWORK, PORT, Subject
from .subjects import Subjects

ORDER = ("-", "-/+", "~", "+")  # what is lost is told first
COUNTED = {"+": "to create", "~": "to change", "-/+": "to make anew", "-": "to remove"}
DONE = {"+": "created", "~": "changed", "-/+": "made anew", "-": "removed"}


def grouped(todo: Plan, subjects: Subjects) -> dict[Subject, list[Step]]:
    """The steps by what they are about."""
    groups: dict[Subject, list[Step]] = {}
    for step in todo:
        groups.setdefault(subjects.of(step.resource), []).append(step)
    return groups


class Compared(Protocol):
    """Two states, and the plan between them."""

    @property
    def todo(self) -> Plan: ...
    @property
    def live(self) -> State: ...
    @property
    def desired(self) -> State: ...


def summary(change: Compared) -> str:
    """What is to be done, what that costs, and which plan it is."""
    groups = grouped(change.todo, Subjects(change.live, change.desired)) if change.todo else {}
    found = ((operation(subject, steps), subject.kind) for subject, steps in groups.items())
    return in_words(change.todo, counted(found, COUNTED))


def in_words(todo: Plan, counts: str) -> str:
    if not todo:
        return "Nothing to do."
    return f"{counts}; running traffic: {todo.disruption}; plan {todo.digest}"


def operation(subject: Subject, steps: Sequence[Step]) -> str:
    """What becomes of it as a whole: one of ORDER."""
    ops = {step.op for step in defining(subject, steps)}
    if {"+", "-"} <= ops or any(step.op == "+" and step.old for step in defining(subject, steps)):
        return "-/+" if subject.kind in (CONTAINER, NETWORK) else "~"
    return ops.pop() if len(ops) == 1 else "~"


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

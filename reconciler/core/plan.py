"""From two states to the steps between them: tear down leaves first, build up roots first."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain
from operator import attrgetter

from ..values import record
from .resource import DISRUPTIONS, Disruption, Key, Resource, State, roles

LONGEST = 80  # characters of a difference
MOST_USERS = 3  # that a line of a plan names
AT_A_TIME = 16  # steps of which JSON is made
FACTS = json.JSONEncoder(sort_keys=True, default=str)


@record
class Step:
    """One change: `+` create, `~` update in place, `-` delete."""

    op: str
    resource: Resource
    old: Resource | None = None
    because: str = ""

    def __str__(self) -> str:
        return f"{self.op} {self.resource.key}" + f"   # {self.because}" * bool(self.because)

    @property
    def before(self) -> Resource | None:
        """What it changes in place; what is made anew holds nothing of what it replaces."""
        return None if self.op == "+" else self.old

    @property
    def disruption(self) -> Disruption:
        gone = self.op == "-" or (self.op == "+" and self.old is not None)
        return self.resource.toll if gone else self.resource.cost(self.old)

    @property
    def facts(self) -> tuple[object, ...]:
        """What a reviewer approved when approving this step."""
        return self.op, self.resource.key, self.old and self.old.values(), self.resource.values()


class Plan(tuple[Step, ...]):
    """Steps in the order of their execution."""

    __slots__ = ()

    @property
    def digest(self) -> str:
        """Of all facts as one list in JSON, which nobody need hold at once."""
        total, before = hashlib.sha256(), "["
        for start in range(0, len(self), AT_A_TIME):
            facts = [step.facts for step in self[start : start + AT_A_TIME]]
            total.update(f"{before}{FACTS.encode(facts)[1:-1]}".encode())
            before = ", "
        total.update(b"]" if self else b"[]")
        return total.hexdigest()[:16]

    @property
    def disruption(self) -> Disruption:
        return max((step.disruption for step in self), key=DISRUPTIONS.index, default="none")

    def counts(self) -> dict[str, int]:
        """How many resources are created, updated, replaced and deleted; a replacement counts once."""
        replaced = sum(step.op == "+" and step.old is not None for step in self)
        gone = {step.resource.key for step in self if step.op == "-"}
        return {
            "create": sum(step.op == "+" for step in self) - replaced,
            "update": sum(step.op == "~" for step in self),
            "replace": replaced,
            "delete": len(gone.difference(step.resource.key for step in self if step.op == "+")),
        }


def diff(live: State, desired: State) -> list[Key]:
    """The keys that differ, each once: a set of all that a first plan makes would be as large as its steps.
    What bears no mark counts only where it is declared, and what stands in a place that nobody can look into
    not at all, as long as the place is to stay."""
    wrong = [key for key, new in desired.items() if live.get(key) != new and not new.closed]
    wrong += (key for key, old in live.items() if key not in desired and old.marked)
    shut = {*closed(live, desired), *closed(desired, live)}
    if not shut:
        return wrong
    there = inside(ordered(live.get(key) or desired[key] for key in wrong), shut)
    return [key for key in wrong if key not in there]


def inside(resources: Iterable[Resource], places: Set[str]) -> set[Key]:
    """The keys of those in these places, and of what is within them elsewhere: on the host's ends of pairs.
    Each comes after what it is within."""
    found: set[Key] = set()
    for r in resources:
        if r.place in places or not found.isdisjoint(r.within):
            found.update((r.key, *r.ends))
    return found


def outside(todo: Plan, places: Set[str]) -> Plan:
    """What of it is not in these places."""
    left_out = inside((step.resource for step in todo), places)
    return Plan(step for step in todo if step.resource.key not in left_out)


def closed(state: State, other: State) -> Iterator[str]:
    """The places that are closed in one state and stand in the other too."""
    return (r.place for r in state.values() if r.closed and r.key in other)


def ordered(resources: Iterable[Resource]) -> list[Resource]:
    """By stage, place, rank and key: each comes after what it is within or refers to."""
    found = sorted(resources, key=attrgetter("key"))
    for less in ("rank", "place", "stage"):  # stable; keys that are tuples would take more than the resources
        found.sort(key=attrgetter(less))
    return found


def plan(live: State, desired: State) -> Plan:
    if not (changed := diff(live, desired)):
        return Plan()
    gone = to_delete(live, desired, changed)
    under = {end: live[key].prompt for key in gone for end in (key, *live[key].ends)}
    cascaded = {key for key in gone if any(under.get(up, False) for up in live[key].within)}
    explicit = ordered(live[key] for key in gone - cascaded)
    used_by = users(live, desired, changed, gone)
    removals = [removal(old, desired, used_by.get(old.key, [])) for old in reversed(explicit)]
    return Plan(
        chain(
            (step for step in removals if not is_late(step)),
            builds(live, desired, changed, gone),
            (step for step in removals if is_late(step)),
        )
    )


def is_late(step: Step) -> bool:
    """Whether it goes when all else is done; what is replaced makes way."""
    return step.resource.lasting and not step.because


def to_delete(live: State, desired: State, changed: Sequence[Key]) -> set[Key]:
    """What must go: undeclared, not changeable in place, or inside something that goes."""
    gone = {key for key in changed if key in live and departs(live[key], desired.get(key))}
    lost = gone.union(*(live[key].ends for key in gone))
    for old in ordered(live.values()) if gone else ():
        if not lost.isdisjoint(old.within):
            gone.add(old.key)
            lost.update((old.key, *old.ends))
    return gone


def departs(old: Resource, new: Resource | None) -> bool:
    return old.marked if new is None else new.replaces(old)


def removal(old: Resource, desired: State, used_by: Sequence[Key]) -> Step:
    if old.key in desired:
        return Step("-", old, old, "to be replaced")
    more = f" and {len(used_by) - MOST_USERS} more" * (len(used_by) > MOST_USERS)
    return Step("-", old, old, f"still used by {', '.join(used_by[:MOST_USERS])}{more}" if used_by else "")


def users(live: State, desired: State, changed: Sequence[Key], gone: set[Key]) -> dict[Key, list[Key]]:
    """Who stays without what goes for good."""
    found: dict[Key, list[Key]] = {key: [] for key in gone - desired.keys()}
    for key in sorted((desired.keys() & live.keys()).difference(changed)) if found else ():
        for up in found.keys() & live[key].refers:
            found[up].append(key)
    return found


def builds(live: State, desired: State, changed: Sequence[Key], gone: set[Key]) -> Iterator[Step]:
    """Roots first: what is new, what was torn down, what lost something it refers to, what differs."""
    lost = {key for key, old in live.items() if gone and not gone.isdisjoint(old.refers)}
    again = (gone | lost).difference(changed)
    for new in ordered(desired[key] for key in chain(changed, again) if key in desired):
        old = live.get(new.key)
        if old is None:
            yield Step("+", new)
        elif new.key in gone:
            yield Step("+", new, old, rebuilt(old, new, gone))
        else:
            missed = [up for up in old.refers if up in gone]
            if old != new or any(
                up in desired or up not in new.refers for up in missed
            ):  # else it stays without
                words = differences(old, new) or f"detached from {', '.join(missed)}"
                yield Step("~", new, old, words)


def rebuilt(old: Resource, new: Resource, gone: set[Key]) -> str:
    if new.replaces(old):
        return f"replaced: {differences(old, new) or 'another kind'}"
    return f"went with {', '.join(up for up in old.within if up in gone)}"


def differences(old: Resource, new: Resource) -> str:
    pairs = ((name, getattr(old, name, None), getattr(new, name)) for name in roles(type(new)).names)
    return ", ".join(difference(*pair) for pair in pairs if pair[1] != pair[2])


def difference(name: str, before: object, after: object) -> str:
    """`mtu 1500 -> 9000`, or the bare name of what does not fit into a line."""
    if any(isinstance(one, tuple) and len(one) > LONGEST // 3 for one in (before, after)):
        return name
    text = f"{name} {'none' if before == '' else before} -> {'none' if after == '' else after}"
    return name if len(text) > LONGEST or "\n" in text else text

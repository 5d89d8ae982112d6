"""Whose part of a change is what, and the change without somebody's part."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..change import Change
from ..core.plan import plan
from ..core.resource import Key, State
from ..errors import KernelError, NotConverged, ReconcileError
from ..kinds.ownership import SHARED


def place(change: Change, key: Key) -> str:
    """The sandbox that a key is in; "" for the host, and for what is no more."""
    resource = change.desired.get(key) or change.live.get(key)
    return resource.place if resource else ""


def without(change: Change, deferred: frozenset[str]) -> Change:
    """The same change, but these projects are wanted as they stand, and with them what all share."""
    if not deferred:
        return change
    owner = change.owner
    desired = {key: r for key, r in change.desired.items() if owner(key) not in deferred}
    kept = {key: r for key, r in change.live.items() if owner(key) in deferred}
    shared = {key: r for key, r in change.live.items() if owner(key) == SHARED and r.marked}
    desired = {**shared, **desired, **kept}
    return replace(
        change,
        desired=desired,
        todo=plan(change.live, desired),
        projects=change.projects - deferred,
        wanted={},
    )


def waiting_for(change: Change, why: Mapping[str, ReconcileError]) -> Change:
    """The same change, but these projects are left as they stand, and wait."""
    return replace(without(change, frozenset(why)), waiting={**change.waiting, **why}) if why else change


def blamed_projects(error: ReconcileError, change: Change) -> frozenset[str]:
    """The projects whose keys the error names; all that the plan touches where it names none."""
    return frozenset(filter(None, map(change.owner, keys(error)))) or change.touched


def put_back(change: Change, wanted: State) -> Iterator[tuple[str, Key]]:
    """What is put right, with whose it is: what was not `wanted` otherwise before, another program did."""
    owner = change.owner
    for key in (step.resource.key for step in change.todo):
        if wanted.get(key) in (None, change.desired.get(key)):
            yield owner(key), key


def keys(error: ReconcileError) -> Iterator[Key] | Iterable[Key]:
    match error:
        case KernelError():
            return [error.key]
        case NotConverged(left=left):
            return left
    return keys(error.cause) if hasattr(error, "cause") else ()

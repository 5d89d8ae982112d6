"""Steps of the firewall as one transaction: it happens whole or not at all."""

import errno
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...core.plan import Step
from ...core.resource import Key, Resource
from ...errors import KernelError
from ...kinds.nft import Chain, Code, Element, Flow, Map, Table, path
from .batch import BatchMessage, Outdated, open_channel, send, total
from .compiler import Rejected, compiled
from .overlap import open_ended, refuse_overlaps
from .read import elements, shapes
from .text import Place, Shape, Unit, illegible, is_opaque, of_chain, of_map, shape
from .transaction import normal, transaction
from .wire import ATTEMPTS, RulesetReading, generation, snapshot

KEEPS_CHANGING = "others keep changing the ruleset"
Flows = list[tuple[Flow, str]]  # with where the connections should go now


class Standing(NamedTuple):
    """What a transaction must know of one generation of the ruleset: the maps that stand or come, and what is
    in those that go, or that get an interval without an end."""

    generation: int
    shapes: Mapping[Place, Shape]
    elements: Sequence[Element]


def execute(steps: Sequence[Step]) -> None:
    """Raises KernelError, naming the step where it can be told; nothing of the transaction has happened then,
    unless it was too long for one, and of that what is new (`parts`).

    After the commit, connections through published ports that changed are forgotten, so that they go where
    the maps say now.
    """
    from ..netlink import conntrack  # half a millisecond that no plan need pay

    steps = [s for s in steps if s.op == "-" or not illegible(s.resource)]
    if not steps:
        return
    for attempt in range(ATTEMPTS):
        known = snapshot(lambda reading: standing(reading, steps))
        refuse_overlaps(steps, known.shapes, known.elements)
        try:
            commit(transaction(steps, known.shapes, codes(steps, known.shapes)), known.generation)
        except Outdated:
            time.sleep(0.002 * 2**attempt)
        else:
            conntrack.forget([*lost(steps, known), *redirected(steps)])
            return
    raise KernelError("the firewall transaction", errno.EAGAIN, KEEPS_CHANGING)


def standing(reading: RulesetReading, steps: Sequence[Step]) -> Standing:
    new = [s for s in steps if s.op == "+" and isinstance(s.resource, Map)]
    live = shapes(reading, {path(s.resource)[:2] for s in steps if not isinstance(s.resource, Table)})
    forms = live | {path(s.resource): shaped(s) for s in new}
    asked = torn(steps) | {path(r) for _, r in open_ended(steps, forms)}
    return Standing(reading.generation or 0, forms, elements(reading, asked))


def shaped(step: Step) -> Shape:
    assert isinstance(step.resource, Map)
    with normal(step):
        return shape(step.resource)


def torn(steps: Sequence[Step]) -> set[Place]:
    """Tables and maps that go with all that is in them."""
    return {path(s.resource) for s in steps if s.op == "-" and isinstance(s.resource, Table | Map)}


def lost(steps: Sequence[Step], known: Standing) -> Flows:
    gone = torn(steps)
    held = [e for e in known.elements if {path(e), path(e)[:2]} & gone]
    return [(flow, "") for e in held if (flow := e.flow)]


def redirected(steps: Sequence[Step]) -> Flows:
    changed = [(s.resource, s.op) for s in steps if isinstance(s.resource, Element)]
    return [(flow, "" if op == "-" else e.value) for e, op in changed if (flow := e.flow)]


def codes(steps: Sequence[Step], forms: Mapping[Place, Shape]) -> Mapping[Key, Code]:
    """What new or changed chains and maps come to; raises KernelError for what cannot be compiled."""
    said = [s for s in steps if s.op != "-" and isinstance(s.resource, Chain | Map)]
    known = {s.resource.key: code for s in said if (code := code_of(s.resource)) is not None}
    units = [(s, unit(s, forms)) for s in said if s.resource.key not in known]
    outcomes = compiled([unit for _, unit in units])
    for step, one in units:
        outcome = outcomes[one.key]
        if isinstance(outcome, Rejected):
            raise KernelError(str(step), outcome.number, outcome.words, step.resource.where)
        known[step.resource.key] = outcome.code
    return known


def code_of(resource: Resource) -> Code | None:
    """What needs no compiler: a chain that was read as code, or that has no rules."""
    if isinstance(resource, Chain) and is_opaque(resource):
        return resource.code
    return Code() if isinstance(resource, Chain) and not resource.rules else None


def unit(step: Step, forms: Mapping[Place, Shape]) -> Unit:
    where = step.resource.where
    with normal(step):
        if isinstance(step.resource, Map):
            return of_map(step.resource)
        assert isinstance(step.resource, Chain)
        table = path(step.resource)[:2]
        try:
            return of_chain(
                step.resource, {place[2]: form for place, form in forms.items() if place[:2] == table}
            )
        except KeyError as error:
            raise KernelError(str(step), errno.ENOENT, f"there is no map {error.args[0]}", where) from None


def commit(messages: Sequence[BatchMessage], current: int) -> None:
    """Raises Outdated where that is the first thing that happens."""
    channel, room = open_channel()
    with channel:
        first, *others = parts(messages, room)
        send(channel, first, current)
        for part in others:
            send_anyhow(channel, part)


def send_anyhow(channel: socket.socket, part: Sequence[BatchMessage]) -> None:
    """What was begun goes on, whatever becomes of others' tables meanwhile."""
    for attempt in range(ATTEMPTS):
        with suppress(Outdated):
            return send(channel, part, generation())
        time.sleep(0.002 * 2**attempt)
    raise KernelError("the firewall transaction", errno.EAGAIN, KEEPS_CHANGING)


def parts(messages: Sequence[BatchMessage], room: int) -> list[list[BatchMessage]]:
    """All at once where there is room: in a user namespace, for twice net.core.wmem_max.  Else what is new
    comes first, and one last transaction has all that changes or goes, and every chain."""
    if total(messages) <= room:
        return [list(messages)]
    found: list[list[BatchMessage]] = [[]]
    for one in (one for one in messages if one.early):
        if found[-1] and total([*found[-1], one]) > room:
            found.append([])
        found[-1].append(one)
    return [*filter(None, found), [one for one in messages if not one.early]]

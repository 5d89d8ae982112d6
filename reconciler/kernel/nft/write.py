"""Steps of the firewall as one transaction: it happens whole or not at all."""

import errno
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import NamedTuple

from ...core.plan import Step
from ...core.resource import Key, Resource
from ...errors import KernelError
from ...kinds.nft import Chain, Code, Element, Map, Table, path
from .batch import AT_ONCE, BEFORE, BEHIND, EDGES, BatchMessage, Outdated, open_channel, send, size
from .behind import after
from .compiler import Rejected, compiled
from .kept import Ruleset
from .overlap import refuse_overlaps, without_end
from .read import elements, shapes
from .text import Place, Shape, Shapes, Unit, is_opaque, of_chain, of_map, shape
from .transaction import FirewallSteps, normal, sorted_out, transaction
from .wire import ATTEMPTS, RulesetReading, generation, snapshot

KEEPS_CHANGING = "others keep changing the ruleset"


class Standing(NamedTuple):
    """What a transaction must know of one generation of the ruleset: the maps that stand, these and those
    that come, and what is in those that go, that get an interval without an end, or that were asked for."""

    generation: int
    live: Shapes
    shapes: Shapes
    elements: Sequence[Element]


def execute(steps: Sequence[Step], before: Ruleset | None = None) -> Ruleset | None:
    """Raises KernelError, naming the step where it can be told; nothing of the transaction has happened then,
    unless it is so long that it is several (`parts`).

    After the commit, connections through published ports that changed are forgotten, so that they go where
    the maps say now, and those of subnets that leave otherwise.  Returns what stands then, where that follows
    from what did `before`, if that is known.
    """
    from . import forgotten  # a millisecond that no plan need pay

    work = sorted_out(steps)
    if not work.others and not work.elements:
        return before
    asked = torn(work) | forgotten.concerned(work)
    for attempt in range(ATTEMPTS):
        known = known_standing(before, work, asked)
        known = known or snapshot(lambda reading: standing(reading, work, asked))
        refuse_overlaps(work.elements, known.shapes, known.elements)
        messages = transaction(work, known.live, known.shapes, codes(work, known.shapes))
        try:
            commit(messages, known.generation)
        except Outdated:
            before = None
            time.sleep(0.002 * 2**attempt)
        else:
            forgotten.forget(work, known.elements, torn(work))
            return after(before, work) if before else None
    raise KernelError("the firewall transaction", errno.EAGAIN, KEEPS_CHANGING)


def known_standing(before: Ruleset | None, work: FirewallSteps, asked: Set[Place]) -> Standing | None:
    """By what was read before, if elements of its maps are all that changes; whether that is still so the
    kernel tells, which else refuses it."""
    if before is None or work.others or (forms := before.shapes(work.elements)) is None:
        return None
    within = before.within(asked | without_end(work.elements, forms).keys())
    return Standing(before.generation, forms, forms, within)


def standing(reading: RulesetReading, work: FirewallSteps, asked: Set[Place]) -> Standing:
    inside = {path(s.resource)[:2] for s in work.others if not isinstance(s.resource, Table)}
    live = shapes(reading, inside | {place[:2] for place in work.elements})
    forms = live | {path(s.resource): shaped(s) for s in work.maps if s.op == "+"}
    asked = asked | without_end(work.elements, forms).keys()
    return Standing(reading.generation or 0, live, forms, elements(reading, asked))


def shaped(step: Step) -> Shape:
    assert isinstance(step.resource, Map)
    with normal(step):
        return shape(step.resource)


def torn(work: FirewallSteps) -> set[Place]:
    """Tables and maps that go with all that is in them."""
    return {path(s.resource) for s in work.others if s.op == "-" and isinstance(s.resource, Table | Map)}


def codes(work: FirewallSteps, forms: Shapes) -> Mapping[Key, Code]:
    """What new or changed chains and maps come to; raises KernelError for what cannot be compiled."""
    said = [s for s in (*work.maps, *work.chains) if s.op != "-"]
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


def unit(step: Step, forms: Shapes) -> Unit:
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
    """All at once where there is room: in a user namespace, for twice net.core.wmem_max.  Else one
    transaction has all that changes, and every chain; what is new comes before, what goes behind it."""
    if EDGES + sum(map(size, messages)) <= room:
        return [list(messages)]
    before, at_once, behind = ([m for m in messages if m.turn == turn] for turn in (BEFORE, AT_ONCE, BEHIND))
    return [part for part in (*filled(before, room), at_once, *filled(behind, room)) if part]


def filled(messages: Iterable[BatchMessage], room: int) -> Iterator[list[BatchMessage]]:
    """As many at a time as there is room for."""
    taken: list[BatchMessage] = []
    used = EDGES
    for one in messages:
        if taken and used + size(one) > room:
            yield taken
            taken, used = [], EDGES
        taken.append(one)
        used += size(one)
    yield taken

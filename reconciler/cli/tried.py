"""The sentences of `expect:` with real packets, on the host as it stands."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..change import Change
from ..cnm.expected import expected
from ..cnm.topology import Expected
from ..errors import NotPermitted, Unjudged, UsageError
from ..evaluate.expected import Checking, Trial
from ..evaluate.journey import OUTSIDE
from ..evaluate.judge import Attempt
from ..evaluate.ways import Goal, attempts
from ..kernel.probes import SPOKEN, Met, Probe, probed
from ..kinds.ownership import HOST
from ..kinds.published import Flow
from .options import Options
from .session import comparison, machine, tell, tell_who_waits

UNASKED = "no packet was sent"
WORDS = {True: "so", False: "not so", None: "unknown"}


class Try(NamedTuple):
    """One connection that was tried, or that the rules alone tell of."""

    source: str
    target: str
    met: Met
    by: str = "packets"


class Tried(NamedTuple):
    """A sentence, and what came of it."""

    expected: Expected
    tries: tuple[Try, ...]

    @property
    def holds(self) -> bool | None:
        """None where nobody can tell: it is not so all the same for who asks whether it is."""
        wanted = self.expected.spec.reaches
        found = {one.met.reached for one in self.tries}
        return False if (not wanted) in found else None if None in found else True

    @property
    def telling(self) -> list[Try]:
        """The tries for which it is not so."""
        return [one for one in self.tries if one.met.reached is not self.expected.spec.reaches]


def test(options: Options) -> int:
    """1 where some sentence is not so."""
    change = comparison(options, machine(options))
    known = [*expected(change.manifest, change.topology)]
    if not known:
        raise UsageError(
            "nothing is expected here", "write `expect: [app reaches db:5432]` into the manifest"
        )
    done = [Tried(one, tuple(tries(one, change))) for one in known]
    if options.output == "json":
        tell(options, json.dumps({"schema_version": 1, "sentences": [*map(as_json, done)]}, indent=1))
    else:
        tell(options, "\n".join(lines(done)))
    tell_who_waits(change)
    return 0 if all(one.holds for one in done) else 1


def tries(one: Expected, change: Change) -> Iterator[Try]:
    checking = Checking(one, change.live, change.facts)
    by_goal: dict[Goal, list[str]] = defaultdict(list)
    for trial in checking.questions():
        by_goal[trial.goal].append(trial.source)
    for goal, sources in by_goal.items():
        for source in (source for source in sources if not_asked(source, goal, checking)):
            yield by_rules(Trial(source, goal), checking)
        asked = [source for source in sources if not not_asked(source, goal, checking)]
        yield from by_packets(goal, asked, checking) if asked else ()


def not_asked(source: str, goal: Goal, checking: Checking) -> str:
    """Why no packet is sent; "" where one is."""
    if source == OUTSIDE:
        return "nobody outside is ours to ask from"
    if answering(goal, checking) in ((), (OUTSIDE,)):
        return "nobody outside is ours to answer"
    gone = [one for one in (source, *goal.names) if one not in checking.known]
    return (
        f"{gone[0]} does not stand"
        if gone
        else ""
        if goal.protocol in SPOKEN
        else f"{goal.protocol} is not spoken"
    )


def by_rules(trial: Trial, checking: Checking) -> Try:
    why, words = not_asked(trial.source, trial.goal, checking), trial.words
    if trial.source not in checking.known or not checking.known.issuperset(trial.goal.names):
        return Try(*words, Met(None, why), "rules")
    try:
        reached = checking.answer(trial).reached
    except Unjudged as error:
        return Try(*words, Met(None, f"{error.message}; {UNASKED}: {why}"), "rules")
    return Try(
        *words, Met(reached, f"{'open' if reached else 'closed'} by the rules; {UNASKED}: {why}"), "rules"
    )


def by_packets(goal: Goal, sources: list[str], checking: Checking) -> Iterator[Try]:
    """By each of the ways that there may be: reached is who is by any."""
    ways = [one for source in sources for one in attempts(checking.world, source, goal)]
    probes = [Probe(ns(one.origin), one.dst, one.port) for one in ways]
    try:
        found = probed(probes, goal.protocol, arrivals(goal, checking))
    except PermissionError as error:
        raise NotPermitted(f"no namespace can be entered: {error.strerror}", "run it as root") from None
    for source in sources:
        mine = [(way, met) for way, met in zip(ways, found, strict=True) if way.origin == source]
        yield Try(*Trial(source, goal).words, together(mine))


def together(mine: list[tuple[Attempt, Met]]) -> Met:
    """The way that was open, else one of which nothing is known, else the last that is closed."""
    order = {True: 0, None: 1, False: 2}
    ranked = sorted(mine, key=lambda one: order[one[1].reached])
    if not ranked:
        return Met(False, "it has no address that could be tried")
    way, met = ranked[0]
    return Met(met.reached, f"{way.dst if ':' not in way.dst else f'[{way.dst}]'} {met.words}")


def arrivals(goal: Goal, checking: Checking) -> Iterator[tuple[str, int]]:
    """Where it may arrive: there, and of the host also where its port leads to."""
    world, names = checking.world, answering(goal, checking)
    yield from ((ns(name), goal.port) for name in names)
    for ip, doors in world.published.items() if names == (HOST,) else ():
        ports = [port or goal.port for flow, port in doors if leads(flow, goal)]
        yield from ((name, port) for name, _ in world.holders.get(ip, ()) for port in ports)


def answering(goal: Goal, checking: Checking) -> tuple[str, ...]:
    """Who is meant, or has the address that is; nobody where that is nobody's here."""
    if not goal.address:
        return goal.names
    if goal.address in checking.world.place(HOST).own:
        return (HOST,)
    return tuple(name for name, _ in checking.world.holders.get(goal.address, ()))


def leads(flow: Flow, goal: Goal) -> bool:
    return flow.protocol == goal.protocol and flow.first <= goal.port <= flow.last


def ns(name: str) -> str:
    return "" if name == HOST else name


def lines(done: Iterable[Tried]) -> Iterator[str]:
    """One for each sentence, and below it why."""
    done = [*done]
    width = max(len(one.expected.spec.text) for one in done)
    for one in done:
        where = one.expected.spec.where
        place = f"   {where.file}:{where.line}:{where.column}" if one.holds is not True else ""
        yield f"{WORDS[one.holds]:<8}{one.expected.spec.text:<{width}}   {counted(one)}{place}"
        for each in one.telling if one.holds is not True else ():
            yield f"          {each.source} -> {each.target}: {each.met.words}"


def counted(one: Tried) -> str:
    """By how many connections, and whether these were real."""
    sent = sum(each.by == "packets" for each in one.tries)
    rest = [*dict.fromkeys(each.met.words for each in one.tries if each.by == "rules")]
    told = [f"{sent} connection{'s' * (sent != 1)} tried"] * bool(sent)
    return "; ".join([*told, *rest[:1]]) or "there is nobody else"


def as_json(one: Tried) -> dict[str, Any]:
    where = one.expected.spec.where
    return {
        "text": one.expected.spec.text,
        "project": one.expected.project,
        "origin": {"file": where.file, "line": where.line, "column": where.column, "path": where.path},
        "holds": one.holds,
        "tries": [
            {
                "from": each.source,
                "to": each.target,
                "by": each.by,
                "reached": each.met.reached,
                "words": each.met.words,
            }
            for each in one.tries
        ],
    }

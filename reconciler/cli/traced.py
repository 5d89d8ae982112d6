"""What came of a trace: as text, a line for each way, and as JSON, hop by hop."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..core.resource import Resource
from ..core.subject import NETWORK, as_counted
from ..drivers.firewall.reasons import grant
from ..evaluate.chains import REFUSING, Hop
from ..evaluate.journey import OUTSIDE
from ..evaluate.judge import Judgement
from ..evaluate.literals import PROTOCOLS
from ..evaluate.ways import Goal, common, network
from ..kinds.named import SET
from ..kinds.nft import Element
from ..kinds.ownership import HOST

if TYPE_CHECKING:
    from .trace import Traced

PLACES = (HOST, OUTSIDE)
UNBUILT = "nothing of it stands; --desired tells what the manifests want"


class Telling:
    def __init__(self, traced: "Traced"):
        self.traced, self.world, self.found = traced, traced.world, traced.found

    def lines(self) -> Iterator[str]:
        (origin, target), able = self.traced.asked, self.traced.open
        yield f"{origin} reaches {target}: open" if able else f"{origin} does not reach {target}: closed"
        if not self.found:
            yield f"  {self.nothing}"
        for group in self.groups:
            yield from self.opened(group) if group[0].open else self.closed(group)
        yield from (f"  {lack.words}{self.places(lack.about)}" for lack in self.traced.lacking)
        yield from (f"  note: {note}" for note in dict.fromkeys(n for one in self.found for n in one.notes))
        if not self.traced.wanted and self.traced.open_once_applied != able:
            yield f"  once applied it is {'closed' if able else 'open'}; --desired tells why"

    @property
    def nothing(self) -> str:
        """Why nothing could be tried."""
        names = [name for name in self.traced.question.goal.names if name in self.world.sandboxes]
        if names and any(one in (*PLACES, *self.world.sandboxes) for one in self.traced.question.origins):
            return f"{', '.join(names)}: no address is known (`network_mode: none`, or a plugin gave it)"
        return UNBUILT

    @cached_property
    def groups(self) -> list[list[Judgement]]:
        """What is told in one: by which way it is open, from whomever; why it is closed, wherever.
        Of somebody who has an open way only that is told."""
        able = {one.attempt.origin for one in self.found if one.open}
        groups: dict[Any, list[Judgement]] = {}
        for one in self.found:
            if one.open:
                groups.setdefault((self.shown(one), one.place, self.arrival(one)), []).append(one)
            elif one.attempt.origin not in able or one.alternatives > 1:
                groups.setdefault((one.words, one.stopped), []).append(one)
        order = {words: n for n, words in enumerate(dict.fromkeys(map(self.shown, self.found)))}
        return sorted(
            groups.values(), key=lambda group: (order[self.shown(group[0])], as_counted(group[0].place))
        )

    def opened(self, group: Sequence[Judgement]) -> Iterator[str]:
        one = group[0]
        at, place = self.shown(one), one.place
        there = "" if place == HOST else f" -> {self.arrival(one)}"
        drawn = f", one of {one.alternatives}" * (one.alternatives > 1)
        yield f"  open    {self.who(group)}{at}{there}{drawn}"
        yield from dict.fromkeys(f"          {words}{self.places([r])}" for words, r in self.grants(one))

    @property
    def goal(self) -> Goal:
        return self.traced.question.goal

    def shown(self, one: Judgement) -> str:
        return called(self.goal.called, one.attempt.port) if self.goal.called else shown(one)

    def arrival(self, one: Judgement) -> str:
        return (
            one.place
            if self.goal.called or shown(one) == one.target or one.attempt.port == 0
            else f"{one.place} {one.target}"
        )

    def closed(self, group: Sequence[Judgement]) -> Iterator[str]:
        one, places = group[0], [*dict.fromkeys(map(self.shown, group))]
        about = one.stopped.elements if one.stopped else ()
        yield f"  closed  {self.who(group)}{', '.join(places)}"
        yield f"          {one.words}{self.places(about)}"
        if one.stopped and one.stopped.verdict.split()[0] in REFUSING:
            yield f"          rule: {one.stopped.family} {one.stopped.chain}: {one.stopped.rule}"

    def who(self, group: Iterable[Judgement]) -> str:
        """Who asks, where that is not said by one word."""
        names = sorted({one.attempt.origin for one in group}, key=as_counted)
        return f"{', '.join(names)} -> " if len(self.traced.question.origins) > 1 else ""

    def grants(self, one: Judgement) -> Iterator[tuple[str, Resource]]:
        """What lets it through, each with what says so."""
        elements = dict.fromkeys(e for hop in one.hops if hop.verdict != "mark" for e in hop.elements)
        told = [(self.granted(e), e) for e in elements if grant(e.map)]
        if not told and {one.place, one.attempt.origin} <= self.world.sandboxes.keys():
            shared = common(self.world, one.attempt.origin, one.place)
            yield from ((f"they are on one network: {network(r)}", r) for r in shared)
        yield from told

    def granted(self, e: Element) -> str:
        words = grant(e.map)
        if e.flow:
            return f"{words} as {e.flow.door}"
        first = e.item.partition(" . ")[0]
        kind, name = self.traced.directory.subjects.places.links.get(first, ("", ""))
        if kind == NETWORK:
            return f"{words}: {name}"
        return words if e.value or e.map.startswith(("servers", "view", SET)) else f"{words}: {e.item}"

    def places(self, resources: Iterable[Resource]) -> str:
        """The lines of manifests that want these."""
        found = dict.fromkeys(place for r in resources if (place := self.place(r)))
        return "   " + " ".join(found) if found else ""

    def place(self, r: Resource) -> str:
        where = (self.traced.change.desired.get(r.key) or r).where
        return f"{where.file}:{where.line}:{where.column}" if where and where.file else ""

    def json(self) -> Mapping[str, Any]:
        origin, target = self.traced.asked
        lacking = self.traced.lacking
        return {
            "schema_version": 1,
            "from": origin,
            "to": target,
            "of": "desired" if self.traced.wanted else "live",
            "open": self.traced.open,
            "ways": [self.way(one) for one in self.found],
            "lacks": [{"words": one.words, "where": self.where(one.about)} for one in lacking],
        }

    def way(self, one: Judgement) -> Mapping[str, Any]:
        asked, grants = one.attempt, [*self.grants(one)] if one.open else []
        about = one.stopped.elements if one.stopped else ()
        return {
            "origin": asked.origin,
            "address": self.goal.called or asked.dst,
            "port": asked.port,
            "protocol": next(name for name, number in PROTOCOLS.items() if number == asked.protocol),
            "open": one.open,
            "place": one.place,
            "target": one.target,
            "seen_as": one.seen_as,
            "alternatives": one.alternatives,
            "because": [words for words, _ in grants] if one.open else [one.words],
            "where": self.where((*about, *(r for _, r in grants))),
            "steps": [*map(hop_json, one.hops)],
            "answer": [*map(hop_json, one.back)],
            "notes": list(one.notes),
        }

    def where(self, resources: Iterable[Resource]) -> list[str]:
        return [*dict.fromkeys(place for r in resources if (place := self.place(r)))]


def hop_json(hop: Hop) -> Mapping[str, Any]:
    return {**hop._asdict(), "elements": [e.key for e in hop.elements]}


def shown(one: Judgement) -> str:
    return called(one.attempt.dst, one.attempt.port)


def called(ip: str, port: int) -> str:
    return ip if not port else f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"

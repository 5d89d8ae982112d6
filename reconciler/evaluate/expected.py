"""Whether what `expect:` says is so in a state; where it is not, by which line, or for want of what."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..cnm.topology import Expected
from ..core.resource import Resource, State
from ..drivers.firewall.reasons import grant
from ..errors import Unjudged, Where
from ..inventory.facts import HostFacts
from ..kinds.link import Link
from ..kinds.nft import Element
from ..kinds.ownership import HOST
from ..kinds.published import DoorLimit
from ..manifest.policy import PeerSpec
from ..mistakes import Unmet
from .exposure import is_about, somebody_of, sources
from .journey import OUTSIDE
from .judge import Judgement, judgements
from .narrowed import narrowed
from .ports import Ports, Written, cut, spoken_of
from .ways import Goal, attempts, common, lacks, network, segments
from .world import World

PING, TCP, UDP = "icmp", "tcp", "udp"
FREE = range(9, 65536)  # among these a port about which nothing is written stands for all such
# What opens a way, the most telling first, by how the map's name begins.
TELLING = ("publish", "reachable", "ingress", "egress", "opened", "")


class Trial(NamedTuple):
    """One connection that is spoken of; of ports that no rule tells apart one stands for all."""

    source: str
    goal: Goal

    @property
    def words(self) -> tuple[str, str]:
        name = self.goal.address or self.goal.names[0]
        port = f":{self.goal.port}" * (self.goal.protocol != PING)
        return self.source, f"{f'[{name}]' if ':' in name else name}{port}/{self.goal.protocol}"


class TrialResult(NamedTuple):
    question: Trial
    reached: bool
    judgements: tuple[Judgement, ...]
    limited: bool = False  # some outside alone are let through


class Reason(NamedTuple):
    """What opens a way, or what it lacks, and where that is written."""

    words: str
    where: Where | None


class Checking:
    """Of one sentence."""

    def __init__(self, expected: Expected, state: State, facts: HostFacts):
        self.expected, self.spec = expected, expected.spec
        # Ports of the host may lead to anybody.
        whole = self.spec.target.kind in (HOST, "prefix")
        names = {*expected.sources, *expected.targets}
        self.world = World(state if whole else narrowed(state, names), facts)
        self.limits = [*sources(self.world)]
        self.known = {HOST, OUTSIDE, *self.world.sandboxes}

    @property
    def mistake(self) -> Unmet | None:
        """None where it is so."""
        try:
            broken = next((one for one in self.answers() if one.reached != self.spec.reaches), None)
        except Unjudged as error:
            return Unmet(f"`{self.spec.text}` cannot be judged: {error.message}", error.hint, self.spec.where)
        if not broken:
            return None
        (source, target), why = broken.question.words, self.reason(broken)
        some = broken.limited and not broken.reached
        verb = "reaches" if broken.reached or some else "does not reach"
        what = f"{source} {verb} {target}{' for some alone' * some}: {why.words}"
        message = f"`{self.spec.text}` is not so: {what}"
        hint = f"`reconcile --trace {source} {target} --desired` tells each rule"
        return Unmet(message, hint, self.spec.where, (why.where, why.words) if why.where else None)

    def answers(self) -> Iterator[TrialResult]:
        return map(self.answer, self.questions())

    def questions(self) -> Iterator[Trial]:
        for target in self.expected.targets:
            for source in (one for one in self.expected.sources if one != target):
                for port, protocol in self.ports(source, target):
                    is_address = self.spec.target.kind == "prefix"
                    names, address = ((), target) if is_address else ((target,), "")
                    yield Trial(source, Goal(names, address, port, protocol))

    def ports(self, source: str, target: str) -> Iterator[tuple[int, str]]:
        """What is to be asked for, so that all that is meant has the same answer as one of these."""
        peer, known = self.spec.target, self.written(source, target)
        protocols = (peer.protocol,) if peer.protocol else (TCP, UDP, PING)
        for protocol in protocols:
            if protocol == PING:
                yield 0, PING
            else:
                those = {(one.first, one.last) for one in known if one.protocol == protocol}
                yield from ((port, protocol) for port in (spread(peer, those) if peer.ports else free(those)))

    def written(self, source: str, target: str) -> list[Ports]:
        if target in self.world.sandboxes:
            return Written(self.world).of(target)
        own = {r.ip for r in self.world.addresses.get(source, ())}
        return [*spoken_of(self.world, own)]

    def answer(self, question: Trial) -> TrialResult:
        tried: list[Judgement] = []
        reached, limited = False, False
        for one in attempts(self.world, question.source, question.goal):
            some = [limit for limit in self.limits if question.source == OUTSIDE and is_about(limit, one)]
            asking = [one, *(one._replace(src=somebody_of(limit.source)) for limit in some)]
            found = [each for asked in asking for each in judgements(self.world, asked)]
            open_, whole = any(self.arrives(each, question) for each in found), for_everybody(some)
            reached |= open_ and (whole or not self.spec.reaches)
            limited |= open_ and not whole
            tried += found
        return TrialResult(question, reached, tuple(tried), limited)

    def arrives(self, one: Judgement, question: Trial) -> bool:
        """Where a port is named of the host, whoever that is published for is meant."""
        names = question.goal.names
        if names == (HOST,) and self.spec.target.ports or not names:
            return one.open
        return one.open and one.place in names

    def reason(self, broken: TrialResult) -> Reason:
        opened = [one for one in broken.judgements if self.arrives(one, broken.question)]
        if opened:
            limits = [e for one in opened for e in one.elements if e.limits and e.where]
            return limit(limits[0]) if not broken.reached and limits else opening(self.world, opened[0])
        lack = next(lacks(self.world, broken.question.source, broken.question.goal), None)
        if lack:
            return Reason(lack.words, first_place(lack.about))
        if not broken.judgements:
            return Reason("no address of it is known", None)
        one = self.nearest(broken)
        about = one.stopped.elements if one.stopped else ()
        return Reason(one.words, first_place((*about, *reversed(one.elements))))

    def nearest(self, broken: TrialResult) -> Judgement:
        """By a network that they have in common, where there is one: by another none of them would go."""
        source, names = broken.question.source, broken.question.goal.names
        shared = {r.key for name in names for r in common(self.world, source, name)}
        links = {
            (name, link.name)
            for name in names
            for link in self.world.attached.get(name, ())
            if Link.at(HOST, getattr(link, "bridge", "") or getattr(link, "parent", "")) in shared
        }
        held = self.world.holders
        near = (one for one in broken.judgements if links.intersection(held.get(one.attempt.dst, ())))
        return next(near, broken.judgements[0])


def spread(peer: PeerSpec, known: Iterable[tuple[int, int]]) -> Iterator[int]:
    """One of each part that rules may tell from the next."""
    for first, last in peer.ports:
        meets = {(max(first, one), min(last, end)) for one, end in known if one <= last and end >= first}
        within = [*cut({(first, last), *meets})]
        yield from (one for one, _ in within)


def free(known: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The first of each span, and one of none."""
    spans = [*cut({*known})]
    yield from (first for first, _ in spans)
    yield from [next(n for n in FREE if not any(first <= n <= last for first, last in spans))][:1]


def for_everybody(limits: Sequence[DoorLimit]) -> bool:
    return not limits or any(not one.link and one.source.endswith("/0") for one in limits)


def opening(world: World, one: Judgement) -> Reason:
    told = [e for e in one.elements if grant(e.map)]
    for begin in TELLING:
        for e in (e for e in told if e.map.startswith(begin) and e.where):
            return Reason(f"{grant(e.map)}{f' as {e.flow.door}' if e.flow else ''}", e.where)
    if one.attempt.origin == HOST:
        for r in segments(world, one.place).values():
            return Reason(f"the host itself is on its network {network(r)}", r.where)
    if {one.place, one.attempt.origin} <= world.sandboxes.keys():
        for r in common(world, one.attempt.origin, one.place):
            return Reason(f"they are on one network: {network(r)}", r.where)
    about = world.sandboxes.get(one.place)
    return Reason("nothing forbids it", about.where if about else None)


def limit(e: Element) -> Reason:
    return Reason("it is published so (`allow_from`, `host_if`)", e.where)


def first_place(about: Iterable[Resource]) -> Where | None:
    return next((r.where for r in about if r.where), None)

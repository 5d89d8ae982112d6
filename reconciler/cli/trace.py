"""Whether somebody reaches something: by which rules, and by which line of a manifest, or what is lacking."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple

from ..change import Change
from ..core.resource import State
from ..core.subject import CONTAINER, as_counted
from ..errors import UsageError
from ..evaluate.journey import OUTSIDE
from ..evaluate.judge import Judgement
from ..evaluate.named import with_name
from ..evaluate.ways import Goal, Lack, judged, lacks
from ..evaluate.world import World
from ..kinds.ownership import HOST
from .explain import Directory
from .options import Options
from .session import questioned, tell, tell_who_waits
from .traced import Telling

PLACES = (HOST, OUTSIDE)
SPOKEN = ("tcp", "udp", "sctp", "icmp")
NAME = re.compile(r"\w[\w-]*(\.\w[\w-]*)+\.?", re.ASCII)  # of the outside
FORM = "TO is NAME:PORT, NAME:PORT/udp or NAME/icmp, PORT one of 1 to 65535; IPv6 stands in brackets"


class FromTo(NamedTuple):
    """Who asks, from which address if one was named, for what."""

    origins: tuple[str, ...]
    src: str
    goal: Goal


def trace(options: Options) -> int:
    """1 where it is closed."""
    change = questioned(options)
    traced = Traced(options.trace[0], options.trace[1], change, wanted=options.desired or not change.live)
    told = Telling(traced)
    tell(options, json.dumps(told.json(), indent=1) if options.output == "json" else "\n".join(told.lines()))
    tell_who_waits(change)
    return 0 if traced.open else 1


class Traced:
    """The question and its answer; `wanted` asks what manifests want rather than what stands."""

    def __init__(self, origin: str, target: str, change: Change, *, wanted: bool):
        self.asked, self.change, self.wanted = (origin, target), change, wanted
        self.directory = Directory(change)
        self.question = self.parsed(origin, target)
        state = change.desired if wanted else change.live
        self.world = self.met(state)
        self.found = self.judge(self.world)

    def met(self, state: State) -> World:
        """Where the name that is asked for, if it is one, means something."""
        return World(with_name(state, self.question.goal.called, self.change.desired), self.change.facts)

    def judge(self, world: World) -> list[Judgement]:
        known = [one for one in self.question.origins if one in PLACES or one in world.sandboxes]
        goal = self.question.goal
        names = tuple(one for one in goal.names if one in PLACES or one in world.sandboxes)
        if not known or not (names or goal.address or goal.called):
            return []
        return judged(world, known, goal._replace(names=names), self.question.src)

    @property
    def open(self) -> bool:
        """Whether each of those who ask has a way."""
        return is_open(self.found)

    @property
    def open_once_applied(self) -> bool:
        return is_open(self.judge(self.met(self.change.desired)))

    @property
    def lacking(self) -> list[Lack]:
        if self.open or not self.found:
            return []
        known = (lacks(self.world, origin, self.question.goal) for origin in self.question.origins)
        return [*dict.fromkeys(lack for some in known for lack in some)]

    # what was asked

    def parsed(self, origin: str, target: str) -> FromTo:
        origins, src = self.origin(origin)
        return FromTo(origins, src, self.goal(target))

    def origin(self, word: str) -> tuple[tuple[str, ...], str]:
        names = self.named(word)
        if names:
            return names, word if is_address(word) and names not in ((HOST,), (OUTSIDE,)) else ""
        if is_address(word):
            return (OUTSIDE,), word
        raise self.nobody(word)

    def goal(self, text: str) -> Goal:
        where, slash, protocol = text.partition("/")
        protocol = protocol or "tcp"
        if protocol not in SPOKEN:
            raise UsageError(f"{protocol!r} is no protocol that is traced", f"there are: {', '.join(SPOKEN)}")
        name, port = (where, "0") if protocol == "icmp" else divided(where)
        if protocol == "icmp" and divided(where)[1].isdecimal() and not is_address(where):
            raise UsageError(f"{text!r} names a port, and icmp has none", FORM)
        if not port.isdecimal() or not (0 < int(port) < 65536 or protocol == "icmp"):
            raise UsageError(f"{text!r} names no port", FORM)
        name = name.strip("[]")
        if is_address(name):
            return Goal((), str(ip_address(name)), int(port), protocol)
        if names := self.named(name):
            return Goal(names, "", int(port), protocol)
        if NAME.fullmatch(name):
            return Goal((), "", int(port), protocol, name.removesuffix("."))
        raise self.nobody(name)

    def named(self, word: str) -> tuple[str, ...]:
        """The sandboxes of that name, or a place that has none."""
        if word in PLACES:
            return (word,)
        found = self.directory.parties.get(word.lower(), ())
        names = dict.fromkeys(one.name for one in found if one.kind == CONTAINER)
        if not names and is_address(word):
            mine = (state.addresses for state in (World(self.change.desired, self.change.facts),))
            names = dict.fromkeys(ns for held in mine for ns, rs in held.items() for r in rs if r.ip == word)
        return tuple(sorted(names, key=as_counted))

    def nobody(self, word: str) -> UsageError:
        hint = self.directory.near(word) or "a container, a service, `host`, `outside` or an address"
        return UsageError(f"nothing here is called {word!r}", hint)


def is_open(found: Iterable[Judgement]) -> bool:
    """Whether every one of those who ask has a way on which all who could be drawn are reached."""
    ways: dict[str, dict[Any, list[bool]]] = {}
    for one in found:
        ways.setdefault(one.attempt.origin, {}).setdefault(one.attempt, []).append(one.open)
    return bool(ways) and all(any(all(drawn) for drawn in tried.values()) for tried in ways.values())


def divided(text: str) -> tuple[str, str]:
    name, _, port = text.rpartition(":")
    return name, port


def is_address(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(text))
    return False

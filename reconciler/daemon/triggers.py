"""Triggers fire, the loop waits: whatever came until all is quiet is answered at once.

Who is root in a sandbox makes events at will: they put off nobody else's answer, and where they never end
they are answered ever more seldom.
"""

import time
from collections.abc import Callable, Sequence
from math import inf
from threading import Condition
from typing import NamedTuple

from ..kernel.netlink.events import END, EVENT, SWEEP
from ..kernel.resolvers import FOLDER
from ..remembered import Dirty
from .backoff import Backoff, Growth

MOST = 2.0  # seconds that firing without a pause can put an answer off
KEPT = 10_000  # triggers; beyond them only their kind is remembered, so a storm costs no memory
NAMES = "names"  # the kind of what tells who is called what, and who is asked else
# Seconds without another; an editor saves in several system calls.
QUIET = {"file": 0.15, NAMES: 0.15, "kernel": 0.02}
STOP = "stop"
FREE_ANSWERS = 30  # of one sandbox, each within CALM of the last: then it is a flood
CALM = 5.0  # seconds
SELDOM = Growth(first=0.1, most=4.0, calm=CALM)


class Trigger(NamedTuple):
    """Why to look again: its kind (`file`, `kernel`, `sweep` ...), where, and in words."""

    kind: str
    place: str | None = None  # the sandbox to look at ("" is the host); None is everything
    words: str = ""

    @property
    def talker(self) -> str:
        """The sandbox that it is of, which may have any number; of what was missed there may be as many."""
        if self.kind in (EVENT, END) and self.place and not self.place.startswith("/"):
            return self.place
        return SWEEP if self.kind == SWEEP else ""


class Triggers:
    """Any thread fires, signal handlers too; one thread waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._changed = Condition()  # reentrant: a signal handler may fire while this very thread waits
        self._fired: dict[Trigger, None] = {}
        self._news: dict[Trigger, None] = {}  # of these, what `news` has not told
        self._talkers = set[str]()  # whose these are
        self._postponed: dict[tuple[str, str | None], Trigger] = {}  # of who talks too much
        self._answers: Backoff[str] = Backoff(FREE_ANSWERS, clock, SELDOM)
        self._first = self._quiet = self._rest = 0.0

    def fire(self, kind: str, place: str | None = None, words: str = "") -> None:
        trigger = Trigger(kind, place, words) if len(self._fired) < KEPT else Trigger(kind)
        with self._changed:
            if (kind, place) in self._postponed:
                return
            if self._delay(trigger):
                self._postponed[kind, place] = trigger
            elif self._add(trigger) and kind != STOP:
                return
            self._changed.notify()

    def _add(self, trigger: Trigger) -> bool:
        """Returns whether somebody is to be answered already, and is not waited for any longer."""
        now, talker = self._clock(), trigger.talker
        if not self._fired:
            self._first = self._quiet = now
        self._fired[trigger] = self._news[trigger] = None
        if talker in self._talkers or len(self._fired) > KEPT:
            return True
        self._talkers |= {talker} - {""}
        self._quiet = max(self._quiet, now + QUIET.get(trigger.kind, 0.0))
        return False

    def rest(self, seconds: float) -> None:
        """Answer nothing for a while: whoever churns the network gets half of our time at most."""
        self._rest = self._clock() + min(seconds, MOST)

    def wait(self, timeout: float) -> tuple[Trigger, ...]:
        """Those fired since the last time, when they have paused; none after `timeout` seconds."""
        with self._changed:
            end = self._clock() + timeout
            while (left := self._answer_at(end) - self._clock()) > 0:
                self._changed.wait(left)
            self._admit()
            fired, self._fired, self._news = tuple(self._fired), {}, {}
            self._talkers.clear()
            self._count(fired)
            return fired

    def news(self) -> tuple[Trigger, ...]:
        """Those fired since the last time; `wait` will tell them as well."""
        with self._changed:
            self._admit()
            news, self._news = tuple(self._news), {}
            self._count(news)
            return news

    def _admit(self) -> None:
        """Those whose time has come."""
        for key, trigger in [*self._postponed.items()]:
            if not self._delay(trigger):
                self._add(self._postponed.pop(key))

    def _delay(self, trigger: Trigger) -> float:
        return self._answers.delay(trigger.talker)

    def _count(self, answered: Sequence[Trigger]) -> None:
        self._answers.repeated()  # forgets who is calm
        for talker in {trigger.talker for trigger in answered} - {""}:
            self._answers.increase(talker)

    def _answer_at(self, end: float) -> float:
        if not self._fired:
            admitted = min(map(self._delay, self._postponed.values()), default=inf)
            return min(end, max(self._rest, self._clock() + admitted))
        if any(trigger.kind == STOP for trigger in self._fired):
            return 0.0
        return max(self._rest, min(self._quiet, self._first + MOST))


def dirty_places(fired: Sequence[Trigger]) -> Dirty | None:
    """What the kernel says; None where all is to be looked at anew, since something else fired, or nothing.
    What manifests say is no matter of the kernel's; what names follow from is of the host, and its facts but
    for the files of names themselves, which stand there by us."""
    fired = [trigger for trigger in fired if trigger.kind != "beat"]
    if not fired or any(trigger.kind not in (EVENT, END, NAMES, "file") for trigger in fired):
        return None
    if any(trigger.place is None and trigger.kind in (EVENT, END) for trigger in fired):
        return Dirty(None)
    events, names, ends = (
        frozenset(t.place or "" for t in fired if t.kind == kind) for kind in (EVENT, NAMES, END)
    )
    of_facts = any(t.kind == NAMES and not t.words.startswith(FOLDER) for t in fired)
    return Dirty(events | names, ends, swept=of_facts)


def cause(fired: Sequence[Trigger]) -> str:
    words = [f"{trigger.kind} {trigger.words}".strip() for trigger in fired]
    return ", ".join(dict.fromkeys(words[:3])) + f" and {len(words) - 3} more" * (len(words) > 3)

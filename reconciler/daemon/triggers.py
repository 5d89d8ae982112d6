"""Triggers fire, the loop waits: whatever came until all is quiet is answered at once."""

import time
from collections.abc import Callable, Sequence
from threading import Condition
from typing import NamedTuple

from ..kernel.netlink.events import END, EVENT
from ..remembered import Dirty

MOST = 2.0  # seconds that firing without a pause can put an answer off
KEPT = 10_000  # triggers; beyond them only their kind is remembered, so a storm costs no memory
NAMES = "names"  # the kind of what tells who is called what, and who is asked else
# Seconds without another; an editor saves in several system calls.
QUIET = {"file": 0.15, NAMES: 0.15, "kernel": 0.02}
STOP = "stop"


class Trigger(NamedTuple):
    """Why to look again: its kind (`file`, `kernel`, `sweep` ...), where, and in words."""

    kind: str
    place: str | None = None  # the sandbox to look at ("" is the host); None is everything
    words: str = ""


class Triggers:
    """Any thread fires, signal handlers too; one thread waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._changed = Condition()  # reentrant: a signal handler may fire while this very thread waits
        self._fired: dict[Trigger, None] = {}
        self._news: dict[Trigger, None] = {}  # of these, what `news` has not told
        self._first = self._quiet = self._rest = 0.0

    def fire(self, kind: str, place: str | None = None, words: str = "") -> None:
        trigger = Trigger(kind, place, words) if len(self._fired) < KEPT else Trigger(kind)
        with self._changed:
            now = self._clock()
            if not self._fired:
                self._first = self._quiet = now
            self._fired[trigger] = self._news[trigger] = None
            self._quiet = max(self._quiet, now + QUIET.get(kind, 0.0))
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Answer nothing for a while: whoever churns the network gets half of our time at most."""
        self._rest = self._clock() + min(seconds, MOST)

    def wait(self, timeout: float) -> tuple[Trigger, ...]:
        """Those fired since the last time, when they have paused; none after `timeout` seconds."""
        with self._changed:
            end = self._clock() + timeout
            while (left := self._answer_at(end) - self._clock()) > 0:
                self._changed.wait(left)
            fired, self._fired, self._news = tuple(self._fired), {}, {}
            return fired

    def news(self) -> tuple[Trigger, ...]:
        """Those fired since the last time; `wait` will tell them as well."""
        with self._changed:
            news, self._news = tuple(self._news), {}
            return news

    def _answer_at(self, end: float) -> float:
        if not self._fired:
            return end
        if any(trigger.kind == STOP for trigger in self._fired):
            return 0.0
        return max(self._rest, min(self._quiet, self._first + MOST))


def dirty_places(fired: Sequence[Trigger]) -> Dirty | None:
    """What the kernel says; None where all is to be looked at anew, since something else fired, or nothing.
    What manifests say is no matter of the kernel's; what names follow from is of the host, and its facts."""
    fired = [trigger for trigger in fired if trigger.kind != "beat"]
    if not fired or any(trigger.kind not in (EVENT, END, NAMES, "file") for trigger in fired):
        return None
    if any(trigger.place is None and trigger.kind in (EVENT, END) for trigger in fired):
        return Dirty(None)
    events, names, ends = (
        frozenset(t.place or "" for t in fired if t.kind == kind) for kind in (EVENT, NAMES, END)
    )
    return Dirty(events | names, ends, swept=bool(names))


def cause(fired: Sequence[Trigger]) -> str:
    words = [f"{trigger.kind} {trigger.words}".strip() for trigger in fired]
    return ", ".join(dict.fromkeys(words[:3])) + f" and {len(words) - 3} more" * (len(words) > 3)

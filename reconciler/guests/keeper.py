"""Guests are kept as they were told, as long as the watcher runs, and forgotten when they have gone."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..change import Change
from ..errors import ReconcileError, failed_in_part, foreseen
from ..kernel.lock import lock
from . import attending, docker_keeping, folder
from .attending import KeptHost
from .dockerd import Silent
from .guest import Guest
from .nearby import GuestsHost

PERIOD = 20.0  # seconds between two looks, as the watcher's own sweep
EACH = 100  # places that are asked again in the time that a guest by itself takes, some 50 ms


class Keeper(threading.Thread):
    """`note` takes what went wrong, once each; `rests` says whether nothing is to be done now."""

    def __init__(self, note: Callable[[str], object], rests: Callable[[], bool], reader: KeptHost):
        super().__init__(name="keeper of guests", daemon=True)
        self.note, self.rests, self.bell, self.complained = note, rests, threading.Event(), ""
        self.host, self.reader, self.began = GuestsHost(), reader, time.time()
        # As they stood when all was as it should be; None where that is not known.
        self.known: list[Guest] | None = None if folder.is_there() else []
        self.bell.set()  # they may have gone while nobody looked
        self.start()

    def ring(self) -> None:
        """Look now: something has been put right."""
        self.bell.set()

    def run(self) -> None:
        while True:
            self.bell.wait(PERIOD)
            self.bell.clear()
            if self.rests():
                continue
            failures = filter(None, map(failure_of, (self.ask_docker, self.round)))
            self.complain("; ".join(map(attending.words, failures)))

    def ask_docker(self) -> None:
        with suppress(Silent):
            docker_keeping.keep(self.began, self.reader)

    def round(self) -> None:
        """They are compared with what stands when anything has moved since it was so; calls of runtimes wait
        for it only where something is to be done."""
        found = [*folder.guests()]
        if self.is_cheaper(len(found)):
            self.known = found if self.holds(found) else None
            if self.known is not None:
                return
        gone = any(map(folder.has_gone, found))
        if not gone and found == self.known and not self.moved():
            return
        self.known = None
        self.look()
        if gone or not is_settled(attending.decided_all(self.host)):
            with lock(attending.PATIENCE):
                folder.collect()
                found = [*folder.guests()]
                self.look()
                change = attending.bring_all(self.host)
            if why := failed_in_part({}, change.waiting):
                raise why
        self.known = found

    def is_cheaper(self, guests: int) -> bool:
        """To hold each by itself: few of many, all legible, where what the others have is known."""
        asked = len(self.host.places_read()) if self.known is not None else 0
        return guests == len(folder.files()) and guests * EACH <= asked and self.reader.is_sure

    def holds(self, found: Sequence[Guest]) -> bool:
        """Whether each is by itself as it was told; else all are looked at, who tell what is wrong."""
        with suppress(ReconcileError):
            for one in found:
                attending.hold(one, self.reader)
            return True
        return False

    def look(self) -> None:
        self.host.forget()
        self.host.transcribe()

    def moved(self) -> bool:
        return bool(self.known) and self.host.moved(self.host.places_read()) != frozenset()

    def complain(self, words: str) -> None:
        if words not in ("", self.complained):
            self.note(f"guests: {words}")
        self.complained = words


def is_settled(change: Change) -> bool:
    return not (change.todo or change.closed or change.waiting)


def failure_of(work: Callable[[], object]) -> ReconcileError | None:
    """What went wrong, whatever it is: the next round tries again."""
    try:
        work()
    except Exception as error:
        return foreseen(error)
    return None

"""Who is relayed, in the order in which they were last heard."""

import time
from collections.abc import Collection
from typing import NamedTuple, Protocol

Key = tuple[str, int]  # of a published port: tcp or udp, and its number on the host
Target = tuple[str, int]  # where it leads
Homes = dict[Target, int]  # and what part each has of who comes; of nobody, who keeps whom it has


class Passage(NamedTuple):
    """By which port somebody came, and where that led."""

    key: Key
    target: Target


class Session(Protocol):
    """What can be cut off."""

    passage: Passage

    def end(self) -> None: ...


class Sessions:
    """The idlest first: it ends when its time is over, or makes way for the next where there are `most`."""

    def __init__(self, most: int, idle: float):
        self.most, self.idle, self.crowded_out = most, idle, 0
        self.heard: dict[Session, float] = {}  # when each was

    def touch(self, session: Session) -> None:
        self.heard.pop(session, None)
        self.heard[session] = time.monotonic()

    def forget(self, session: Session) -> None:
        self.heard.pop(session, None)

    def make_room(self) -> None:
        """Newcomers are served, so that a crowd that says nothing shuts nobody out."""
        if len(self.heard) >= self.most:
            self.crowded_out += 1
            next(iter(self.heard)).end()

    def expire(self) -> float:
        """Seconds until the next one is due."""
        while self.heard:
            session, at = next(iter(self.heard.items()))
            if (left := at + self.idle - time.monotonic()) > 0:
                return left
            session.end()
        return self.idle

    def leave(self, key: Key, homes: Collection[Target]) -> None:
        """Of a port that leads to these alone from now on."""
        of_port = [session for session in self.heard if session.passage.key == key]
        for session in (session for session in of_port if session.passage.target not in homes):
            session.end()

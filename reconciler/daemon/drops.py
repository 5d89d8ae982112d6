"""What the firewall has refused, as it tells by NFLOG: a thread reads it, names both ends and the line of a
manifest, and writes the last of it down for whoever follows.

Who knocks may be hostile: what he costs is a part of one processor's time, and of memory what it always is.
"""

import json
import os
import select
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

from .. import disk
from ..change import Change
from ..core.resource import State
from ..errors import foreseen
from ..evaluate.literals import PROTOCOLS
from ..evaluate.refused import ExplainedRefusal, Headers, dissected, refusal
from ..evaluate.world import World
from ..inventory.facts import HostFacts
from ..kernel.lock import RUN
from ..kernel.netlink.nflog import Busy, LoggedPacket, Nflog
from ..kinds.maps import LOGGED
from ..kinds.nft import Map
from ..kinds.ownership import NFLOG_GROUP, TABLE

FILE = f"{RUN}/drops.json"
KEPT, KNOWN = 256, 4096  # rows for who follows, and answers that are remembered
REST = 3  # times as long as it worked
LOGS = Map.at("inet", TABLE, f"{LOGGED}4")
NAMES = {number: name for name, number in PROTOCOLS.items() if name != "ipv6-icmp"} | {58: "icmp"}

Row = dict[str, Any]
Place = tuple[int, tuple[str, str], Headers]  # hook, links, and what the packet says


class DropRecord:
    """What was refused, as rows: by a state, and by what the host has."""

    def __init__(self) -> None:
        self.number, self.rows = 0, deque[Row](maxlen=KEPT)
        self.counts: Counter[tuple[str, str, str]] = Counter()  # by project, container and what refused
        self.known: dict[Place, Row] = {}
        self.world = World({}, HostFacts())

    def about(self, state: State, facts: HostFacts) -> None:
        self.world, self.known = World(state, facts), {}

    def take(self, packets: Iterable[LoggedPacket]) -> list[Row]:
        """New rows: what is refused again is one, with how often."""
        again = Counter(map(place_of, packets))
        again.pop(None, None)
        fresh = [self.row(place, count) for place, count in again.items() if place]
        self.rows += fresh
        return fresh

    def row(self, place: Place, count: int) -> Row:
        self.number += 1
        if place not in self.known:
            if len(self.known) >= KNOWN:
                self.known.clear()
            self.known[place] = self.explained(place)
        row = self.known[place] | {"number": self.number, "at": round(time.time(), 3), "count": count}
        self.counts[row["project"], row["container"], row["by"] or "other"] += count
        return row

    def explained(self, place: Place) -> Row:
        hook, links, found = place
        try:
            said = refusal(self.world, hook, links, found)
        except Exception as error:  # one packet, whatever somebody has put into it
            said = ExplainedRefusal(found.ends.src, found.ends.dst, "", "", foreseen(error).message, None)
        where = said.about.where if said.about else None
        boxes = self.world.sandboxes
        container = next((name for name in (said.of, *said[:2]) if name in boxes), "")
        return {
            "from": said.source,
            "to": said.destination,
            "source": found.ends.src,
            "destination": found.ends.dst,
            "port": found.ends.dport,
            "protocol": NAMES.get(found.protocol, str(found.protocol)),
            "by": said.by,
            "of": said.of,
            "words": said.words,
            "file": where.file if where else "",
            "line": where.line if where else 0,
            "project": boxes[container].project if container else "",
            "container": container,
        }


def place_of(one: LoggedPacket) -> Place | None:
    """What tells it from others; a source's port does not."""
    found = dissected(one.packet)
    if found is None:
        return None
    return one.hook, (one.iif, one.oif), found._replace(ends=found.ends._replace(sport=0))


def in_words(row: Row) -> str:
    """`shop-agent-1 -> 203.0.113.9:443/tcp refused: egress of shop-agent-1, shop.yaml:14`."""
    to, port = row["to"], f":{row['port']}" if row["port"] else ""
    to = f"[{to}]" if ":" in to and port else to
    why = f"{row['by']} of {row['of']}" if row["by"] else row["words"]
    place = f", {row['file']}:{row['line']}" if row["file"] else ""
    again = f" ({row['count']} times)" if row["count"] > 1 else ""
    line = f"{row['from']} -> {to}{port}/{row['protocol']} refused: {why}{place}{again}"
    return line if line.isprintable() else line.encode("unicode_escape").decode()


class Drops:
    """A thread of the watcher, as long as anybody's refusals are to be told."""

    def __init__(self, note: Callable[[str], None]):
        self.note, self.record = note, DropRecord()
        self.source: tuple[State, HostFacts] | None = None
        self.thread: Thread | None = None
        self.wanted = self.busy = False
        self.missed = 0

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        return dict(self.record.counts)

    def follow(self, change: Change) -> None:
        """What stands after a turn; raises as `revive`."""
        if self.source is None or self.source[0] is not change.desired:
            self.source = change.desired, change.facts
        self.wanted = LOGS in change.desired
        self.revive()

    def revive(self) -> None:
        """Read, or read no more; raises OSError, or ReconcileError where nobody may."""
        alive = self.thread is not None and self.thread.is_alive()
        if alive and not self.wanted:
            self.end()
        if alive or not self.wanted:
            return
        try:
            log = Nflog(NFLOG_GROUP)
        except Busy:
            if not self.busy:
                self.note(f"what is refused is not told: another program reads NFLOG group {NFLOG_GROUP}")
            self.busy = True
            return
        self.busy, self.stop = False, os.eventfd(0, os.EFD_CLOEXEC)
        self.thread = Thread(target=self.run, args=(log, self.stop), name="drops", daemon=True)
        self.thread.start()

    def end(self) -> None:
        if self.thread and self.thread.is_alive():
            os.eventfd_write(self.stop, 1)
            self.thread.join()

    def run(self, log: Nflog, stop: int) -> None:
        """A quarter of the time at most, whoever knocks."""
        with open(stop, "rb", buffering=0), log, select.epoll() as poll:
            for fd in (log.fileno(), stop):
                poll.register(fd, select.EPOLLIN)
            about = None
            while all(fd != stop for fd, _ in poll.poll()):
                began = time.thread_time()
                if self.source and self.source is not about:
                    about = self.source
                    self.record.about(*about)
                if self.record.take(log.packets()) or log.missed != self.missed:
                    self.missed = log.missed
                    self.write()
                time.sleep(REST * (time.thread_time() - began))

    def write(self) -> None:
        """Whole or not at all."""
        known = {"pid": os.getpid(), "missed": self.missed, "drops": list(self.record.rows)}
        with suppress(OSError):
            disk.write(FILE, json.dumps(known).encode() + b"\n")


def written() -> tuple[int, list[Row]]:
    """Who has written them down, and the last rows; nothing where that cannot be read."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        found = disk.parsed(disk.read(FILE))
        return found["pid"], [row for row in found["drops"] if in_words(row)]
    return 0, []


def newer(rows: Iterable[Row], than: int) -> Iterator[Row]:
    return (row for row in rows if row["number"] > than)

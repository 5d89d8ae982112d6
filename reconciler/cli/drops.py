"""What is refused to containers, and by them, as it happens: as the watcher tells it, or read here."""

import json
import select
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from ..core.resource import State
from ..daemon.drops import LOGS, DropRecord, Row, in_words, newer, written
from ..daemon.status import watcher_runs
from ..drivers.firewall.elements import skeleton
from ..errors import ReconcileError
from ..inventory.facts import HostFacts
from ..kernel.netlink.nflog import Busy, Nflog
from ..kinds.ownership import NFLOG_GROUP
from .options import Options
from .session import machine, note, tell
from .status import compared

PAUSE = 0.2  # seconds between looks at what the watcher writes
FRESH = 5.0  # seconds for which what stands is believed


def drops(options: Options) -> int:
    """Follows until it is told to stop, or nobody reads any more."""
    for row in rows(options):
        tell(options, json.dumps(row) if options.output == "json" else in_words(row))
        if has_gone():
            break
    return 0


def rows(options: Options) -> Iterator[Row]:
    """One reader a host: while a watcher runs it is that one."""
    busy = False
    while not has_gone():
        if watcher_runs():
            yield from of_watcher()
            continue
        try:
            with Nflog(NFLOG_GROUP) as log:
                yield from of_kernel(options, log)
        except Busy:
            if not busy and not watcher_runs():
                note(options, f"another program reads NFLOG group {NFLOG_GROUP}: waiting until it ends")
            busy = True
            time.sleep(PAUSE)


def of_watcher() -> Iterator[Row]:
    """What it writes from now on."""
    writer, before = written()
    last = before[-1]["number"] if before else 0
    while watcher_runs() and not has_gone():
        now, known = written()
        writer, last = now, (last if now == writer else 0)
        for row in newer(known, last):
            last = row["number"]
            yield row
        time.sleep(PAUSE)


def of_kernel(options: Options, log: Nflog) -> Iterator[Row]:
    record, read = DropRecord(), -FRESH
    if LOGS not in standing(options)[0]:
        note(options, "nothing that stands has `log: true`: nothing will be told until an apply brings it")
    while not (watcher_runs() or has_gone()):
        if not select.select([log], [], [], PAUSE)[0]:
            continue
        if time.monotonic() - read > FRESH:
            record.about(*standing(options))
            read = time.monotonic()
        yield from record.take(log.packets())
        time.sleep(PAUSE)


def standing(options: Options) -> tuple[State, HostFacts]:
    """What stands, with the lines of manifests as far as there are any."""
    host = machine(options)
    change = None
    with suppress(ReconcileError):
        change = compared(options, host)[0]
    live = host.observe(skeleton(logs=True))
    wanted = change.desired if change else {}
    same = {key: wanted[key] for key, r in live.items() if wanted.get(key) == r}
    return {**live, **same}, host.facts()


def has_gone() -> bool:
    """Whether nobody reads what is written."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(said & (select.POLLERR | select.POLLNVAL) for _, said in poll.poll(0))
    except (OSError, ValueError):
        return False

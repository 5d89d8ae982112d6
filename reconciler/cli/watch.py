"""The modes that keep a host as declared: watching, and what a person says to a watcher."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..daemon.sd_notify import Progress, notify
from ..daemon.status import SUSPENDED, WATCHING, watcher_runs
from ..errors import Locked, NotPermitted, ReconcileError, UsageError, foreseen, trace
from ..kernel.lock import RUN, lock
from ..paths import CACHE
from ..safety.limits import REMOVALS, Limits
from ..safety.removals import recalled
from .options import Options
from .session import machine, note, say

if TYPE_CHECKING:
    from ..daemon.orders import Orders

# Seconds.  The sweep finds what has no event: most sysctls, sandboxes' files, manifests on a network file
# system.
TICKS = {"beat": 5.0, "sweep": 20.0}


def watch(options: Options) -> int:
    """Follow the manifests and put right what drifts, until told to stop."""
    from ..daemon.answering import NAMES_FROM
    from ..daemon.files import Files
    from ..daemon.garbage import collect_seldom
    from ..daemon.loop import loop
    from ..daemon.relay.process import RelayProcess
    from ..daemon.service import Watcher
    from ..daemon.triggers import STOP, Triggers
    from ..guests.server import Server
    from ..kernel.netlink.events import Events

    collect_seldom()
    told, triggers = orders(options), Triggers()
    fire = triggers.fire
    with (
        alone(),
        counted(options),
        fallen_threads(options, fire),
        Events(fire) as events,
        RelayProcess() as relay,
        closing(Server(told.note, partial(os.path.exists, SUSPENDED))) as guests,
    ):
        files = Files(triggers, [*told.paths, SUSPENDED], NAMES_FROM)
        watcher = Watcher(told, machine(options, Progress()), files, events, relay)
        watcher.healed = guests.keeper.ring
        for number, kind in ((signal.SIGTERM, STOP), (signal.SIGINT, STOP), (signal.SIGHUP, "asked")):
            signal.signal(number, lambda *_, kind=kind: fire(kind))
        fire("start")
        loop(triggers, watcher.turn, TICKS)
        notify(STOPPING=1)
        files.close()
    return 0


@contextmanager
def counted(options: Options) -> Iterator[None]:
    """What passes through published ports is counted for the metrics, where that is possible."""
    from ..kernel.nft.counters import counting

    with ExitStack() as stack:
        try:
            stack.enter_context(counting())
        except (ReconcileError, OSError) as error:
            note(options, f"warning: the metrics will not tell of ports: {foreseen(error).message}")
        yield


def orders(options: Options) -> "Orders":
    """Raises UsageError for what cannot be watched."""
    from ..daemon.orders import Orders

    if "-" in options.paths:
        raise UsageError("standard input cannot be watched", "name files or directories")
    return Orders(
        options.absolute_paths,
        options.projects,
        Limits("", options.max_removals or REMOVALS, options.max_disruption, recalled),
        options.state_dir,
        partial(note, options),
        prune=not options.no_prune,
        strict=options.strict,
        verbose=options.verbose,
        cache=CACHE,
        environ=options.environ(),
    )


@contextmanager
def fallen_threads(options: Options, fire: Callable[..., None]) -> Iterator[None]:
    """A thread that ends with an exception fires, whoever's it is."""
    from ..daemon.service import FALLEN

    def fallen(ended: threading.ExceptHookArgs) -> None:
        failure = foreseen(ended.exc_value or SystemExit())
        fire(FALLEN, words=f"{ended.thread.name if ended.thread else 'one'}: {failure.message}")
        if options.verbose:
            note(options, trace(failure))

    before, threading.excepthook = threading.excepthook, fallen
    try:
        yield
    finally:
        threading.excepthook = before


@contextmanager
def alone() -> Iterator[None]:
    """One watcher a host: two would take turns at undoing each other."""
    try:
        with lock(0, WATCHING):
            yield
    except Locked:
        raise Locked("another --watch runs on this host", "see --status") from None


def suspend(options: Options) -> int:
    with flag(SUSPENDED):
        Path(RUN).mkdir(mode=0o700, exist_ok=True)
        Path(SUSPENDED).touch()
    running = "suspended: the watcher applies nothing until --resume"
    say(options, running if watcher_runs() else "suspended; no watcher runs")
    return 0


@contextmanager
def flag(file: str) -> Iterator[None]:
    """What the watcher is told by a file that stands or does not."""
    try:
        yield
    except PermissionError as error:
        raise NotPermitted(f"{file}: {error.strerror}", "run as root") from None
    except OSError as error:
        raise ReconcileError(f"{file}: {error.strerror}", "see what stands there") from None


def resume(options: Options) -> int:
    with flag(SUSPENDED):
        Path(SUSPENDED).unlink(missing_ok=True)
    say(options, "resumed" if watcher_runs() else "resumed; no watcher runs")
    return 0

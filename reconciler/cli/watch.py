"""The modes that keep a host as declared: watching, what a person says to a watcher, and rehearsing."""

import json
import os
import signal
import threading
import time
from argparse import Namespace as Arguments
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..daemon.sd_notify import notify
from ..daemon.status import SUSPENDED, WATCHING, watched
from ..errors import (
    FailedInPart,
    Locked,
    NotPermitted,
    ReconcileError,
    RollbackFailed,
    UsageError,
    foreseen,
    trace,
)
from ..kernel.lock import RUN, lock
from ..paths import DEFAULT_PATH
from ..pipeline import Change, compare, enact
from ..safety.revisions import History, Revision
from .plan import carry_out, done, ended
from .session import comparison, kept, linux, machine, note, print_plan, remember, say

# Seconds.  The sweep finds what has no event: most sysctls, sandboxes' files, manifests on a network file
# system.
TICKS = {"beat": 5.0, "sweep": 20.0}


def watch(args: Arguments) -> int:
    """Follow the manifests and put right what drifts, until told to stop."""
    from ..daemon.files import Files
    from ..daemon.loop import loop
    from ..daemon.relay.process import Relay
    from ..daemon.service import Watcher
    from ..daemon.triggers import STOP, Bell
    from ..kernel.netlink.events import Events

    paths, bell = given(args), Bell()
    with alone(), told_of_threads(args, bell.ring), Events(bell.ring) as events, Relay() as relay:
        files = Files(bell, [*paths, SUSPENDED])
        watcher = Watcher(args, paths, machine(args), (files, events, relay))
        for number, kind in ((signal.SIGTERM, STOP), (signal.SIGINT, STOP), (signal.SIGHUP, "asked")):
            signal.signal(number, lambda *_, kind=kind: bell.ring(kind))
        bell.ring("start")
        loop(bell, watcher.turn, TICKS)
        notify(STOPPING=1)
        files.close()
    return 0


def given(args: Arguments) -> tuple[str, ...]:
    """The PATHs, from the root."""
    if "-" in args.paths and args.mode == "watch":
        raise UsageError("standard input cannot be watched", "name files or directories")
    return tuple(path if path == "-" else os.path.abspath(path) for path in args.paths or [DEFAULT_PATH])


@contextmanager
def told_of_threads(args: Arguments, ring: Callable[..., None]) -> Iterator[None]:
    """A thread that ends with an exception rings, whoever's it is."""
    from ..daemon.service import FALLEN

    def fallen(ended: threading.ExceptHookArgs) -> None:
        failure = foreseen(ended.exc_value or SystemExit())
        ring(FALLEN, words=f"{ended.thread.name if ended.thread else 'one'}: {failure.message}")
        if args.verbose:
            note(args, trace(failure))

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


def suspend(args: Arguments) -> int:
    with noted(SUSPENDED):
        Path(RUN).mkdir(mode=0o700, exist_ok=True)
        Path(SUSPENDED).touch()
    say(
        args,
        "suspended: the watcher applies nothing until --resume"
        if watched()
        else "suspended; no watcher runs",
    )
    return 0


@contextmanager
def noted(file: str) -> Iterator[None]:
    """What the watcher is told by a file that stands or does not."""
    try:
        yield
    except PermissionError as error:
        raise NotPermitted(f"{file}: {error.strerror}", "run as root") from None
    except OSError as error:
        raise ReconcileError(f"{file}: {error.strerror}", "see what stands there") from None


def resume(args: Arguments) -> int:
    with noted(SUSPENDED):
        Path(SUSPENDED).unlink(missing_ok=True)
    say(args, "resumed" if watched() else "resumed; no watcher runs")
    return 0


def history(args: Arguments) -> int:
    """Past revisions, the newest first."""
    known = list(History(args.state_dir).revisions())
    if args.output == "json":
        say(args, json.dumps({"revisions": [row(revision) for revision in known]}, indent=1))
        return 0
    for r in known:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(r.at))
        say(
            args,
            f"{r.number:>5}  {at}  {r.digest[:12]}  {r.commit or '-':<20}  {r.summary}   {' '.join(r.paths)}",
        )
    return 0


def row(r: Revision) -> dict[str, Any]:
    names = ("number", "digest", "at", "commit", "paths", "summary")
    return {name: getattr(r, name) for name in names}


def rollback(args: Arguments) -> int:
    """An ordinary apply of a past revision; the watcher leaves the one that stood alone from then on."""
    past = History(args.state_dir)
    wanted = past.find(args.rollback)
    manifest = wanted.manifest
    replaced = next((r for r in past.revisions() if r.paths == wanted.paths), wanted)
    if replaced.digest != wanted.digest:
        past.reject(replaced.digest, f"rolled back to revision {wanted.number}")
    past.pardon(wanted.digest)
    with lock(args.wait), linux(args) as host:
        change = compare(manifest, host, prune=not args.no_prune)
        failed = carry_out(args, change, host)
    with kept(args):
        past.record(manifest, wanted.paths, wanted.commit, f"rolled back to {wanted.number}")
    print_plan(args, done(change, failed))
    return ended(failed)


def enact_until_confirmed(args: Arguments, change: Change, host: Any) -> None:
    """Apply, with the way back held by somebody who outlives this process."""
    from ..safety.commit_confirm import hold, release

    seconds, past = args.confirm_within, History(args.state_dir)
    why = f"nobody confirmed it within {seconds:g} s"
    rejecting = partial(past.reject, change.manifest.digest, why)
    hold(change, seconds, host, (partial(remember, args, change), rejecting))
    try:
        enact(change, host)
    except (RollbackFailed, FailedInPart):  # the holder goes back further when its time comes
        raise
    except ReconcileError:
        release()
        raise
    note(args, f"undone in {seconds:g} s unless `reconcile --confirm` comes")


def confirm(args: Arguments) -> int:
    from ..safety.commit_confirm import confirm as confirmed

    confirmed()
    say(args, "confirmed")
    return 0


def rehearse(args: Arguments) -> int:
    """In a namespace of one's own; who may not read the host rehearses from an empty one."""
    from ..safety.rehearsal import Nothing
    from ..safety.rehearsal import rehearse as rehearsed

    with linux(args) as host:
        try:
            change = comparison(args, host)
        except NotPermitted:
            note(args, "the host cannot be read without root: rehearsed as if nothing stood")
            host = Nothing()
            change = comparison(args, host)
        say(args, rehearsed(change, host))
    return 0

"""The modes that change a host: all of it, or as it was."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial

from ..change import Change, Terms
from ..core.resource import Stage
from ..daemon.held import within_limits
from ..drivers.firewall.routing_policy import FORWARD
from ..errors import FailedInPart, ReconcileError, RollbackFailed, UsageError, failed_in_part, foreseen
from ..expecting import refuse_unmet
from ..inventory.facts import HostFacts
from ..inventory.summary import summary
from ..kernel.lock import lock
from ..lasting import LastingHost
from ..manifest.parts import with_older
from ..manifest.spec import Manifest
from ..pipeline import compare, enact
from ..safety import commit_confirm, removals
from ..safety.git import commit, let_finish
from ..safety.limits import Limits, refuse
from ..safety.rejections import going_back, pardon, rejecting
from ..safety.revisions import Revisions
from ..truth import destruction
from . import waiting
from .asking import agreed, is_asked
from .beside import warn_of_files_beside
from .options import Options
from .scaled import in_words, warn_of_return, warn_of_watcher
from .session import (
    applied_before,
    comparing,
    comparison,
    even_unread,
    machine,
    note,
    print_plan,
    read,
    refuse_strangers,
    say,
    tell_who_waits,
    terms,
)

MOST_CHOICES = 3  # turns that plugins may take to choose


def apply(options: Options) -> int:
    host, paths, began = machine(options), options.absolute_paths, time.monotonic()
    let_finish(paths)
    with lock(options.wait):
        change = comparison(options, host)
        let_finish(paths, 0)  # it may have begun since
        change = within_removals(options, change, host)
        warn_of_return(options, change)
        warn_of_files_beside(options, change)
        warn_of_watcher(options, change)
        failed = carry_out(options, change, host) or follow(options, change, host)
    if not (options.confirm_within and change.todo):
        remember(options, change)
    tell_done(options, change, failed, time.monotonic() - began)
    return exit_code(failed) or as_expected(change, host)


def as_expected(change: Change, host: LastingHost) -> int:
    """0; raises ManifestErrors where what has come of it is not as `expect:` says."""
    if change.topology.expected:
        host.forget()
        refuse_unmet(change.topology.expected, host.observe(change.desired.values()), host.facts())
    return 0


def within_removals(options: Options, change: Change, host: LastingHost) -> Change:
    """The change, less what would take away more than a person allows: whom that concerns waits."""
    if options.strict or options.only:
        return change
    limit = partial(refuse, limits=Limits(removals=options.max_removals, memory=removals.recalled))
    before = partial(applied_before, options)
    change, held = within_limits(change, limit, comparing(options, host), before)
    return replace(change, waiting={**change.waiting, **held.by_project}) if held else change


def destroy(options: Options) -> int:
    """The projects that are named, or those of the manifests."""
    manifest = Manifest() if options.project and not options.paths else read(options)
    wanted = destruction(manifest, frozenset(options.project))
    if not wanted.projects:
        raise UsageError("nothing to destroy: no project is named", "give a PATH or --project NAME")
    if is_asked(options):  # who holds no lock meanwhile
        shown = compare(wanted, machine(options), Terms(adopt=options.adopt, outlined=True))
        refuse_strangers(options, shown.standing)
        options = replace(options, only=options.only or agreed(shown))
    host, began = machine(options), time.monotonic()
    with lock(options.wait):
        change = compare(wanted, host, Terms(adopt=options.adopt, outlined=True))
        refuse_strangers(options, change.standing)
        left = forwarding_left(change, host.facts())
        failed = carry_out(options, change, host)
    tell_done(options, change, failed, time.monotonic() - began)
    if left:
        note(options, f"left as it is: {', '.join(left)}")
    return exit_code(failed)


def rollback(options: Options) -> int:
    """An ordinary apply of a past revision; the watcher leaves the one that stood alone from then on."""
    past = Revisions(options.state_dir)
    wanted = past.find(options.rollback)
    manifest = wanted.manifest
    if wanted.scaled:
        note(options, f"revision {wanted.number} was applied with {in_words(wanted.scaled)}")
    host, began = machine(options), time.monotonic()
    with lock(options.wait):
        change = compare(manifest, host, terms(options)._replace(strict=True))
        failed = carry_out(options, change, host, going_back(wanted, past, partial(unless_watched, options)))
        with recording(options):
            past.record(manifest, wanted.paths, wanted.commit, f"rolled back to {wanted.number}")
    tell_done(options, change, failed, time.monotonic() - began)
    return exit_code(failed)


def rehearse(options: Options) -> int:
    """In a namespace of one's own; who may not read the host rehearses from an empty one."""
    from ..safety import rehearsal

    change, host = even_unread(options, "rehearsed")
    say(options, rehearsal.rehearse(change, host))
    tell_who_waits(change)
    return 0


def confirm(options: Options) -> int:
    commit_confirm.confirm()
    say(options, "confirmed")
    return 0


def unless_watched(options: Options, error: ReconcileError) -> None:
    """Raise what keeps a watcher from being told that it is to leave something alone."""
    from ..daemon.status import SUSPENDED, watcher_runs  # with all that a watcher is

    if watcher_runs() and not os.path.exists(SUSPENDED):
        raise error
    note(options, f"warning: {error}")


def carry_out(
    options: Options, change: Change, host: LastingHost, around: AbstractContextManager[None] | None = None
) -> FailedInPart | None:
    """What sandboxes have refused and projects wait for, to be told when all else is told and kept.

    Raises Refused for a change that is beyond the limits, and whatever else `enact` raises.
    """
    commit_confirm.refuse_meanwhile(change)
    refuse(change, Limits(options.only, options.max_removals, options.max_disruption, removals.recalled))
    if options.rehearse:
        from ..safety.rehearsal import rehearse

        note(options, rehearse(change, host))
    refusals: Mapping[str, ReconcileError] = {}
    try:
        if options.confirm_within and change.todo:
            enact_until_confirmed(options, change, host)
        else:
            with around or nullcontext(), waiting.line_of("applying", quiet=options.quiet) as progress:
                host.progress = progress or host.progress
                enact(change, host)
    except FailedInPart as error:
        refusals = error.refusals
    held = any(isinstance(why, removals.TooMuchGoes) for why in change.waiting.values())
    with suppress(OSError):  # it is not there to be read either
        removals.remember(change, limited=bool(options.max_removals), growing=not held)
    return failed_in_part(refusals, change.waiting)


def follow(options: Options, change: Change, host: LastingHost) -> FailedInPart | None:
    """Plugins may choose other addresses than they are asked for, which is known when they have: what follows
    from that, as names and rules, is brought about in the same run, within the same limits."""
    failed = None
    for _ in range(MOST_CHOICES):
        asked = any(step.resource.stage == Stage.ATTACHING and step.op != "-" for step in change.todo)
        if failed or options.confirm_within or not asked:
            return failed
        host.forget()
        change = within_removals(options, comparison(options, host), host)
        if not change.todo:
            return None
        failed = carry_out(options, change, host)
        note(options, f"and what follows from what plugins chose: {summary(change)}")
    note(options, "plugins choose anew each time that they are asked: apply again when they have settled")
    return failed


def enact_until_confirmed(options: Options, change: Change, host: LastingHost) -> None:
    """Apply, with the way back held by somebody who outlives this process."""
    seconds, past = options.confirm_within, Revisions(options.state_dir)
    why = f"nobody confirmed it within {seconds:g} s"
    reject = rejecting(change.manifest, past, options.absolute_paths, why)
    commit_confirm.hold(change, seconds, host, (partial(remember, options, change), reject))
    try:
        enact(change, host)
    except (RollbackFailed, FailedInPart):  # the holder goes back further when its time comes
        raise
    except ReconcileError:
        commit_confirm.release()
        raise
    note(options, f"undone in {seconds:g} s unless `reconcile --confirm` comes")


def remember(options: Options, change: Change) -> None:
    """Keep the revision: for --history, and for a watcher that finds the manifests broken."""
    paths, past = options.absolute_paths, Revisions(options.state_dir)
    with recording(options):
        stands = change.manifest
        if change.waiting:  # these stand as they were applied last, if they do
            stands = with_older(stands, past.last(paths) or Manifest(), change.waiting)
        pardon(stands, past)
        past.record(stands, paths, commit(paths), summary(change))


@contextmanager
def recording(options: Options) -> Iterator[None]:
    """What was applied stands, whatever becomes of its record."""
    try:
        yield
    except Exception as error:
        note(options, f"applied, and not kept for --history: {foreseen(error)}")


def tell_done(options: Options, change: Change, failed: FailedInPart | None, seconds: float) -> None:
    """What was done; where all of it failed, that is told alone."""
    done = change.outside(failed.refusals.keys()) if failed else change
    if done.todo or not failed or options.output not in ("text", "wide"):
        print_plan(options, done, seconds)


def exit_code(failed: FailedInPart | None) -> int:
    """0; raises what failed."""
    if failed:
        raise failed
    return 0


def forwarding_left(change: Change, facts: HostFacts) -> list[str]:
    """The global sysctls are never reset: something else may count on them by now."""
    gone = not any(key.startswith("table inet/") for key in change.desired) and change.todo
    return [f"{FORWARD[f]}=1" for f, on in zip((4, 6), facts.forwarding, strict=True) if on and gone]

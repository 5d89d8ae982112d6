"""What the modes share: reading the manifests, comparing them with the host, and saying what came of it."""

import errno
import gc
import json
import os
import sys
from argparse import Namespace as Arguments
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import disk
from ..core import render
from ..errors import Unwritten, foreseen, trace
from ..manifest.spec import Manifest
from ..paths import CACHE, DEFAULT_PATH
from ..pipeline import Change, Elsewhere, compare
from . import streams

LOOKING = ("plan", "show", "explain")  # modes that may be about another host
CHANGING = ("apply", "destroy", "rollback", "confirm", "suspend", "resume", "key")  # told when it is done


def say(args: Arguments, text: str) -> None:
    if text and not args.quiet:
        tell(args, text)


def tell(args: Arguments, text: str, end: str = "\n") -> None:
    """What was asked for, on standard output."""
    streams.tell(text, end, f"--{args.mode} is done" if args.mode in CHANGING else "")


def note(args: Arguments, text: str) -> None:
    if not args.quiet:
        streams.complain(text)


def give(file: str, data: bytes) -> None:
    """Write what --out names."""
    try:
        disk.give(file, data)
    except OSError as error:
        hint = "nobody reads from it" if error.errno == errno.ENXIO else ""
        raise Unwritten(f"{file} cannot be written: {error.strerror}", hint) from None


def read(args: Arguments) -> Manifest:
    """The manifests that the PATHs name, less the projects that were not asked for."""
    from ..manifest.load import load

    projects = frozenset(args.project) or None
    manifest = load(args.paths or [DEFAULT_PATH], projects=projects, stdin=args.stdin, folder=CACHE)
    for unused in manifest.notes if args.verbose else ():
        note(args, unused)
    return manifest


@contextmanager
def linux(args: Arguments) -> Iterator[Any]:
    gc.disable()  # a run is short and makes many small values: collecting them costs more than it frees
    yield machine(args)


def machine(args: Arguments) -> Any:
    from ..kernel.linux import Linux

    return Linux(args.host or "", args.state_dir)


def comparison(args: Arguments, host: Any) -> Change:
    manifest = read(args)
    if args.against:
        from ..hosts.snapshot import saved

        host = saved(args.against, args.host)
    elif args.mode in LOOKING and is_elsewhere(args.host, manifest, host):
        host = Elsewhere(args.host)
    change = compare(manifest, host, prune=not args.no_prune)
    for warning in change.topology.warnings:
        note(args, f"warning: {warning}")
    for name, why in change.closed.items():
        note(args, f"warning: sandbox {name}: {why}")
        if args.verbose and (frames := trace(why)):
            note(args, frames)
    return change


def is_elsewhere(name: str | None, manifest: Manifest, host: Any) -> bool:
    """Whether `--host` names another machine: one whose address this one has not."""
    known = (other for project in manifest.projects for other in project.hosts if other.name == name)
    return any(other.address and other.address not in host.facts().addresses for other in known)


def plan_json(change: Change) -> dict[str, Any]:
    return render.as_json(
        change.todo,
        change.live,
        projects=list(change.topology.projects),
        revision=change.manifest.digest,
        warnings=list(change.topology.warnings),
    )


def print_plan(args: Arguments, change: Change) -> None:
    if args.quiet:
        return
    match args.output:
        case "json":
            tell(args, json.dumps(plan_json(change), indent=1))
        case "shell":
            say(args, render.shell(change.todo).rstrip())
        case layout:
            say(args, render.text(change.todo, wide=layout == "wide", colour=coloured(args)).rstrip())
            say(args, render.summary(change.todo))


def coloured(args: Arguments) -> bool:
    """NO_COLOR and FORCE_COLOR as no-color.org and force-color.org have them."""
    if args.color != "auto":
        return bool(args.color == "always")
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def remember(args: Arguments, change: Change) -> None:
    """Keep the revision: for --history, and for a watcher that finds the manifests broken."""
    from ..safety.git import commit
    from ..safety.revisions import History

    paths = tuple(path if path == "-" else os.path.abspath(path) for path in args.paths or [DEFAULT_PATH])
    past = History(args.state_dir)
    with kept(args):
        past.pardon(change.manifest.digest)
        past.record(change.manifest, paths, commit(paths), render.summary(change.todo))


@contextmanager
def kept(args: Arguments) -> Iterator[None]:
    """What was applied stands, whatever becomes of its record."""
    try:
        yield
    except Exception as error:
        note(args, f"applied, and not kept for --history: {foreseen(error)}")

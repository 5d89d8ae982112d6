"""What the modes share: reading the manifests, comparing them with the host, and saying what came of it."""

import errno
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from .. import disk
from ..change import Change, Terms
from ..core import render
from ..errors import FailedInPart, NotPermitted, ReconcileError, Unwritten, UsageError, trace
from ..inventory.subjects import Subjects
from ..lasting import Host
from ..manifest.parts import keeping, without_expectations
from ..manifest.spec import Manifest
from ..manifest.workload import IDLE
from ..manifest.yaml.node import nearest
from ..paths import CACHE, DEFAULT_PATH
from ..pipeline import compare
from ..truth import there
from ..version import __version__
from . import streams
from .modes import LOOKING, MODES, PLANNED
from .options import Options
from .story import Story

if TYPE_CHECKING:
    from ..kernel.linux import Linux

BEGINNING = (
    "name a file or a folder; to begin, `reconcile --init web.yaml` writes one, and"
    " `reconcile --plan web.yaml` shows what it would do; what stays goes into a folder of its own"
)
CHANGING = ("apply", "destroy", "rollback", "confirm", "suspend", "resume", "key")  # told when it is done


def say(options: Options, text: str) -> None:
    if text and not options.quiet:
        tell(options, text)


def tell(options: Options, text: str, end: str = "\n") -> None:
    """What was asked for, on standard output."""
    streams.tell_all((text, end), hint(options))


def hint(options: Options) -> str:
    """What a person should know where nothing can be told."""
    return f"--{options.mode} is done" if options.mode in CHANGING else ""


def note(options: Options, text: str) -> None:
    if not options.quiet:
        streams.complain(text)


def write_out(file: str, parts: Iterable[bytes], mode: int = 0o666) -> None:
    """Write what --out names."""
    try:
        disk.give(file, parts, mode)
    except OSError as error:
        hint = "nobody reads from it" if error.errno == errno.ENXIO else ""
        raise Unwritten(f"{file} cannot be written: {error.strerror}", hint) from None


def beginning(options: Options) -> str:
    """What to type: with a manifest that is here, or a first one."""
    if options.mode == "destroy":
        return "name a file or a folder, or a project by --project NAME"
    here: list[str] = []
    if file := taken_for_a_word(options):
        value = (MODES[options.mode].value or {})["metavar"]
        words = value if isinstance(value, str) else " ".join(value)
        return f"as in `reconcile --{options.mode} {words} {shlex.quote(file)}`"
    with suppress(OSError):  # it may be gone
        here = sorted(name for name in os.listdir() if name.endswith((".yaml", ".yml")))
    typed = shlex.join(["reconcile", *options.words, *here[:1]])
    return f"name a file or a folder, as in `{typed}`" if here else BEGINNING


def taken_for_a_word(options: Options) -> str:
    """The PATH that stands where the mode takes a name; "" where none does."""
    value = getattr(options, options.mode, "") if MODES[options.mode].value else ""
    words = value if isinstance(value, list | tuple) else (str(value),)
    return next((word for word in words if word.startswith((".", "/")) or os.path.isfile(word)), "")


def is_idle(options: Options, words: str) -> bool:
    """Whether nothing will run what is applied, though it has images: who knows Compose expects otherwise."""
    return options.mode == "apply" and f"and {IDLE}" in words


def read(options: Options) -> Manifest:
    """The manifests that the PATHs name, less the projects that were not asked for."""
    from ..pipeline import load

    if not options.paths and not os.path.exists(DEFAULT_PATH):
        raise UsageError(f"no PATH is given, and there is no {DEFAULT_PATH}", beginning(options))
    manifest = load(
        options.sources,
        environ=options.environ(),
        projects=options.projects,
        stdin=options.stdin,
        folder=CACHE,
    )
    for warning in manifest.warnings:
        note(options, f"warning: {warning}")
    for unused in (words for words in manifest.notes if options.verbose or is_idle(options, words)):
        note(options, unused)
    return manifest


def refuse_strangers(options: Options, known: Iterable[str]) -> None:
    """Raise UsageError for a --project that nobody knows: a slip of the finger is no empty project."""
    for name in sorted({*options.project}.difference(known)):
        raise UsageError(f"no project {name} stands here", nearest(name, known))


def machine(options: Options, progress: Callable[[], None] | None = None) -> "Linux":
    """This one; `progress` is called with each piece of work."""
    from ..kernel.linux import Linux

    return Linux(options.host, options.state_dir, progress)


def even_unread(options: Options, told: str) -> tuple[Change, Host]:
    """The comparison, and with which host: one of which nothing is known where this one may not be read."""
    manifest, host = read(options), machine(options)
    try:
        return comparison(options, host, manifest), host
    except NotPermitted:
        from ..safety.rehearsal import EmptyHost

        note(options, f"the host cannot be read without root: {told} as if nothing stood")
        return comparison(options, empty := EmptyHost(), manifest), empty


def questioned(options: Options) -> Change:
    """What --trace and --exposure tell of."""
    return even_unread(options, "told")[0] if options.desired else comparison(options, machine(options))


def comparison(options: Options, host: Host, manifest: Manifest | None = None) -> Change:
    """The manifests, maybe read already, with the host, or with the one that was asked about instead."""
    manifest = manifest or read(options)
    if options.against:
        from ..hosts.snapshot import saved

        host = saved(options.against, options.host)
        manifest = there(manifest, host.observe())
    elif options.mode in LOOKING and is_elsewhere(options.host, manifest, host):
        from ..hosts.elsewhere import Elsewhere

        host = Elsewhere(options.host)
    compared = comparing(options, host)
    heeds = options.mode in (*PLANNED, "rehearse", "graph")
    change = compared(manifest if heeds else without_expectations(manifest))
    change = change if heeds else replace(change, manifest=manifest)
    if change.waiting and not options.against:
        older = keeping(manifest, applied_before(options), change.waiting)
        change = compared(older).instead_of(change) if older != manifest else change
    for warning in change.topology.warnings:
        note(options, f"warning: {warning}")
    for name, why in change.closed.items():
        note(options, f"warning: sandbox {name}: {why}")
        if options.verbose and (frames := trace(why)):
            note(options, frames)
    return change


def comparing(options: Options, host: Host) -> Callable[[Manifest], Change]:
    """A function from a manifest to the change that brings it about, as it was asked for."""
    return partial(compare, host=host, terms=terms(options))


def terms(options: Options) -> Terms:
    """More than the outline of a topology is asked for by modes that tell no plan."""
    return Terms(not options.no_prune, options.strict, options.adopt, options.mode in PLANNED)


def applied_before(options: Options) -> Manifest | None:
    """What stands by the revisions of these PATHs; None where nobody may read them."""
    from ..safety.revisions import Revisions

    with suppress(ReconcileError):
        return Revisions(options.state_dir).last(options.absolute_paths)
    return None


def is_elsewhere(name: str, manifest: Manifest, host: Host) -> bool:
    """Whether `--host` names another machine: one whose address this one has not."""
    known = (other for project in manifest.projects for other in project.hosts if other.name == name)
    return any(other.address and other.address not in host.facts().addresses for other in known)


def tell_who_waits(change: Change) -> None:
    """Raise FailedInPart for projects that the host has no way for: what was told is without them."""
    if change.waiting:
        raise FailedInPart({}, change.waiting, "what is told is without that")


def sizes(networks: int, sandboxes: int, ports: int) -> str:
    number = render.number
    return f"{number(networks, 'network')}, {number(sandboxes, 'sandbox')}, {number(ports, 'published port')}"


def head(options: Options, change: Change) -> dict[str, str]:
    """What a reader elsewhere wants to know of a plan."""
    from ..safety.git import commit

    return {"version": __version__, "host": change.host, "commit": commit(options.absolute_paths)}


def plan_json(options: Options, change: Change, beside: Sequence[str] = ()) -> Iterator[str]:
    subjects = Subjects(change.live, change.desired)
    return render.as_json(
        change.todo,
        change.live,
        subjects.words,
        **head(options, change),
        projects=list(change.topology.projects),
        revision=change.manifest.digest,
        warnings=[*change.warnings, *beside],
        waiting=in_order(change.waiting),
        **exposure_json(change, subjects),
    )


def exposure_json(change: Change, subjects: Subjects) -> dict[str, Any]:
    """What becomes reachable, and what no more."""
    if not change.todo:
        return {"exposure": [], "exposure_unjudged": ""}
    from .reachable import as_json, compared

    return as_json(compared(change, subjects.states))


def plan_markdown(options: Options, change: Change, beside: Sequence[str], seconds: float | None) -> str:
    from . import markdown

    closed = [f"sandbox {name}: {why}" for name, why in in_order(change.closed).items()]
    waiting = [f"{name}: {why}" for name, why in in_order(change.waiting).items()]
    notes = {"Warnings": [*change.warnings, *closed, *beside], "Projects that wait": waiting}
    return markdown.page(Story(change), head(options, change), notes, seconds)


def in_order(reasons: Mapping[str, ReconcileError]) -> dict[str, str]:
    return {name: str(why) for name, why in sorted(reasons.items())}


def print_plan(
    options: Options, change: Change, seconds: float | None = None, beside: Sequence[str] = ()
) -> None:
    """What is to be done, or what was, in so many seconds; `beside` are warnings that no manifest makes."""
    if options.quiet:
        return
    match options.output:
        case "json":
            streams.tell_all(chain(plan_json(options, change, beside), "\n"), hint(options))
        case "markdown":
            tell(options, plan_markdown(options, change, beside, seconds), end="")
        case "shell":
            from .script import script

            say(options, script(change.todo).rstrip())
        case "wide":
            say(options, render.text(change.todo, wide=True, colour=coloured(options)).rstrip())
            told = Story(change)
            say(options, "\n".join([*told.reachable, told.summary(seconds)]))
        case _:
            told = Story(change)
            done = "\n".join(told.reachable)
            say(options, told.text(colour=coloured(options)).rstrip() if seconds is None else done)
            say(options, told.summary(seconds))


def coloured(options: Options) -> bool:
    """NO_COLOR and FORCE_COLOR as no-color.org and force-color.org have them."""
    if options.color != "auto":
        return bool(options.color == "always")
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()

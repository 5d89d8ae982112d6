"""The command line: arguments, exit codes and printing; nothing is decided here."""

import argparse
import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any

from ..errors import FailedInPart, ManifestError, ManifestErrors, ReconcileError, UsageError, foreseen, trace
from ..paths import DEFAULT_PATH
from . import streams
from .modes import ELSEWHERE, FORMS, LOOKING, MODES, SCALED, WHOLE, WORDED, WRITTEN
from .options import PICTURES, STDOUT, Options, add_options, misnamed_twins, twin
from .picture_file import is_called_otherwise, path_of_graph, refuse_undrawn

# Ids of errors of no kind, and of what --help tells.
PLAIN = {ReconcileError.id, UsageError.id, ManifestError.id}


class Parser(argparse.ArgumentParser):
    """Argparse's, with help in groups; alone it would also keep quiet about help that cannot be written."""

    def format_help(self) -> str:
        from .help import text

        return text()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses what it does not know, and tells what was probably meant."""
        parsed, strange = self.parse_known_args(args, namespace)
        if strange:
            behind = "; what it runs stands behind `--`: --exec NAME -- COMMAND" * hasattr(parsed, "exec")
            self.error(f"unrecognized arguments: {' '.join(strange)}{behind or self.nearest(strange)}")
        return parsed

    def nearest(self, strange: Sequence[str]) -> str:
        from difflib import get_close_matches

        known = [spelling for action in self._actions for spelling in action.option_strings]
        names = [word.partition("=")[0] for word in strange if word.startswith("-")]
        if "-f" in names or "--file" in names:
            return "; a PATH is written alone"
        near = [f"--{ELSEWHERE[name[2:]]}" for name in names if name[2:] in ELSEWHERE] or [
            match for name in names for match in get_close_matches(name, known, 1, 0.7)
        ]
        return f"; did you mean {' '.join(near)}?" if near else "; see reconcile --help"

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            streams.tell(message, end="")
        else:
            streams.complain(message.rstrip())


def parser() -> argparse.ArgumentParser:
    p = Parser(
        prog="reconcile",
        usage="reconcile [MODE] [options] [PATH ...]",
        allow_abbrev=False,  # --wat would watch, and --des destroy
        formatter_class=partial(argparse.HelpFormatter, width=80),  # else each option asks the terminal
    )
    modes = p.add_mutually_exclusive_group()
    for name, mode in MODES.items():
        if mode.help:
            value = mode.value or {"dest": "mode", "action": "store_const", "const": name}
            modes.add_argument(f"--{name}", default=argparse.SUPPRESS, help=mode.help, **value)
    p.add_argument(
        "paths", nargs="*", metavar="PATH", help=f"files, directories or - (default {DEFAULT_PATH})"
    )
    add_options(p)
    p.add_argument("--version", action="version", version=version())
    return p


def version() -> str:
    from ..version import __version__

    return f"reconcile {__version__}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; never a traceback that nobody asked for, always an exit code of CONTRACT's table."""
    argv = sys.argv[1:] if argv is None else argv
    options = Options(verbose=bool({"-v", "--verbose"} & {*argv}))
    streams.stand()
    try:
        options = parse(argv)
        for words in misnamed_twins() if not options.quiet else ():
            streams.complain(f"warning: {words}")
        return run(options)
    except SystemExit as stop:
        return stopped(stop)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        failure = foreseen(error)
        streams.complain("\n".join([complaint(failure, options), *more(failure, options)]))
        return failure.exit_code


def stopped(stop: SystemExit) -> int:
    """argparse's own stops: --help is 0, a wrong option 2, which sysexits calls 64; or a last word."""
    if isinstance(stop.code, str):
        streams.complain(stop.code)
        return 1
    return 64 if stop.code == 2 else int(stop.code or 0)


def parse(argv: Sequence[str]) -> Options:
    """What was asked for; raises UsageError, and SystemExit where argparse has said what is wrong."""
    given = vars(parser().parse_args(argv))
    paths = (*path_of_graph(given), *given["paths"])
    stdin = "" if given.keys() & WORDED else manifests_of(paths)
    given |= {name: tuple(given.get(name, ())) for name in ("project", "scale")}
    given |= {"paths": paths, "stdin": stdin, "words": tuple(argv)}
    options = Options(**{"mode": implied(given), **given})
    refuse_idle(heeded(options))
    return options if options.output == "json" else heeded(options)  # errors are JSON, whatever the mode has


def manifests_of(paths: Sequence[str]) -> str:
    """Standard input, where that is one of the PATHs; raises UsageError for what is none."""
    refuse_no_directory(paths)
    if paths and paths[0] in {*MODES, *ELSEWHERE} and not os.path.exists(paths[0]):
        hint = f"the mode is written --{ELSEWHERE.get(paths[0], paths[0])}"
        raise UsageError(f"`{paths[0]}` is no file", hint)
    if "" in paths:
        raise UsageError("a PATH is blank", "a shell makes that of a variable that is not set")
    return piped() if "-" in paths else ""


def refuse_idle(options: Options) -> None:
    """Raise UsageError for an option that the mode would not heed, where a person counts on it."""
    if options.rehearse and options.mode not in ("rehearse", "apply"):
        raise UsageError("--rehearse goes with --apply, or stands alone")
    if options.against and options.mode not in LOOKING:
        raise UsageError("--against goes with --plan, --show, --explain, --resolve, --trace and --exposure")
    if options.desired and options.mode not in ("trace", "exposure"):
        raise UsageError("--desired goes with --trace and --exposure")
    if options.from_ and options.mode != "resolve":
        raise UsageError("--from goes with --resolve")
    if options.confirm_within and options.mode != "apply":
        raise UsageError("--confirm-within goes with --apply")
    if options.only and options.mode not in ("apply", "destroy", "rollback"):
        raise UsageError("--only goes with --apply, --destroy and --rollback")
    if options.check and options.mode != "lock":
        raise UsageError("--check goes with --lock")
    if options.out and options.mode not in WRITTEN:
        raise UsageError(f"--out goes with {', '.join(f'--{mode}' for mode in WRITTEN)}")
    if options.scale and options.mode not in SCALED:
        raise UsageError(f"--scale goes with {', '.join(f'--{mode}' for mode in SCALED)}")
    if options.graph or options.output in PICTURES:
        refuse_undrawn(options)
    if not has_form(options):
        able = ", ".join(f"--{mode}" for mode, forms in FORMS.items() if options.output in forms)
        words = ", ".join(("text", *FORMS.get(options.mode, ())))
        raise UsageError(f"-o {options.output} goes with {able}", f"--{options.mode} has: {words}")
    if options.mode in WHOLE and (options.project or options.paths):
        raise UsageError(f"--{options.mode} is about all projects, not some", "leave out --project and PATH")


def has_form(options: Options) -> bool:
    """Whether the mode can tell it as -o says; a plan may be drawn beside, or instead."""
    forms = PICTURES if options.graph == STDOUT else FORMS.get(options.mode, ())
    forms = (*forms, *(PICTURES if options.graph else ()))
    return options.output in ("text", *forms) and not is_called_otherwise(options)


def heeded(options: Options) -> Options:
    """An exported RECONCILE_OUTPUT is a default, which a mode that has no such form does without."""
    is_default = options.output == os.environ.get(twin("output"))
    return replace(options, output="text") if is_default and not has_form(options) else options


def refuse_no_directory(paths: Sequence[str]) -> None:
    """Raise UsageError: a directory that was removed has no name any more."""
    try:
        os.path.abspath(paths[0] if paths else "/")
        if "-" in paths:
            os.getcwd()
    except OSError as error:
        raise UsageError(f"no working directory: {error.strerror}", "cd to one that stands") from None


def piped() -> str:
    """Standard input, kept since a mistake is shown with its line."""
    from ..manifest.compose.files import standard_input

    return standard_input()


def implied(given: Mapping[str, object]) -> str:
    """The mode where no word names it alone."""
    valued = ((name, mode.value.get("dest", name)) for name, mode in MODES.items() if mode.value)
    with_value = (name for name, field in valued if field in given)
    return next(with_value, next((name for name in ("rehearse", "graph") if given.get(name)), "plan"))


def run(options: Options) -> int:
    """The function that bears the mode's name."""
    if options.mode == "watch":
        gc.enable()  # it lasts
    room = import_module(f".{MODES[options.mode].room}", __package__)
    return int(getattr(room, MODES[options.mode].function or options.mode)(options))


def complaint(error: ReconcileError, options: Options) -> str:
    """All mistakes of the manifests with their source lines; any other error in its own words."""
    if options.output == "json":
        warnings = {"warnings": list(error.warnings)} if isinstance(error, ManifestErrors) else {}
        return json.dumps({"errors": [error_json(one) for one in each(error)], **warnings}, indent=2)
    if options.verbose and (frames := trace(error)):
        return f"{frames}\nerror: {error}"
    if not isinstance(error, ManifestError):
        return f"error: {error}"
    from ..manifest.yaml import report

    said = report.report(error, lambda file: options.stdin if file == "-" else report.from_disk(file))
    warned = error.warnings if isinstance(error, ManifestErrors) and not options.quiet else ()
    return "\n".join([*(report.printable(f"warning: {one}") for one in warned), said])


def more(error: ReconcileError, options: Options) -> list[str]:
    """Where more is said of it than it says itself; programs read the ids."""
    ids = [*dict.fromkeys(one.id for one in kinds(error) if one.id not in PLAIN)]
    if options.quiet or options.output == "json" or not ids:
        return []
    return [f"  see: reconcile --explain {ids[0]}" + f" (and {', '.join(ids[1:])})" * (len(ids) > 1)]


def kinds(error: ReconcileError) -> Iterator[ReconcileError]:
    """All that is in it, and itself where it is more than these."""
    if isinstance(error, FailedInPart):
        yield from chain.from_iterable(map(kinds, (*error.refusals.values(), *error.waiting.values())))
    yield from each(error)


def each(error: ReconcileError) -> list[ReconcileError]:
    return list(error.errors) if isinstance(error, ManifestErrors) else [error]


def error_json(error: ReconcileError) -> dict[str, object]:
    from ..manifest.yaml.report import as_json

    return {**as_json(error), "exit_code": error.exit_code}

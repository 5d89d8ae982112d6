"""The command line: arguments, exit codes and printing; nothing is decided here."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..errors import ManifestError, ManifestErrors, ReconcileError, UsageError, foreseen, trace
from ..paths import DEFAULT_PATH
from . import options, streams

MODES = {
    "plan": "show what would change, and what that costs running traffic (the default)",
    "apply": "make it so: all of it, or nothing",
    "destroy": "remove everything of these projects",
    "status": "tell what stands and whether it is in sync (exit 2 when it is not)",
    "validate": "check the manifests alone; needs neither root nor a kernel",
    "schema": "print the JSON schema of a manifest, for editors",
    "lock": "write addresses.lock, which keeps what several hosts agree on",
    "key": "make this host's key for encrypted overlays and EVPN, once, and print its public half",
    "show": "print the networks, containers, addresses and ports as decided",
    "watch": "follow the manifests and put right what drifts, until told to stop",
    "confirm": "keep what --apply --confirm-within applied",
    "history": "list past revisions",
    "suspend": "let the watcher apply nothing",
    "resume": "let the watcher go on",
}
KEEPING = ("watch", "rehearse", "history", "rollback", "confirm", "suspend", "resume")  # modes of watch.py


class Parser(argparse.ArgumentParser):
    """Argparse's, which alone would keep quiet about help that cannot be written."""

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
        description="Container networking for Linux, declared in YAML.",
        epilog="Every option has an environment twin: RECONCILE_MAX_REMOVALS for --max-removals.",
    )
    modes = p.add_mutually_exclusive_group()
    for mode, what in MODES.items():
        modes.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode, help=what)
    again = "apply a past revision; without N the one before"
    modes.add_argument("--rollback", metavar="N", nargs="?", type=int, const=-1, help=again)
    modes.add_argument(
        "--explain", metavar="KEY", type=options.word, help="tell everything about one resource of the plan"
    )
    p.add_argument(
        "paths", nargs="*", metavar="PATH", help=f"files, directories or - (default {DEFAULT_PATH})"
    )
    options.add(p)
    p.add_argument("--version", action="version", version=version())
    return p


def version() -> str:
    from .. import __version__

    return f"reconcile {__version__}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; never a traceback that nobody asked for, always an exit code of CONTRACT's table."""
    argv = sys.argv[1:] if argv is None else argv
    args = argparse.Namespace(output="text", stdin="", verbose={"-v", "--verbose"} & {*argv})
    streams.stand()
    try:
        args = arguments(argv)
        for stranger in options.strangers() if not args.quiet else ():
            streams.complain(f"warning: {stranger}")
        return run(args)
    except SystemExit as stop:
        return stopped(stop)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        failure = foreseen(error)
        streams.complain(complaint(failure, args))
        return failure.exit_code


def stopped(stop: SystemExit) -> int:
    """argparse's own stops: --help is 0, a wrong option 2, which sysexits calls 64; or a last word."""
    if isinstance(stop.code, str):
        streams.complain(stop.code)
        return 1
    return 64 if stop.code == 2 else int(stop.code or 0)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    args = parser().parse_args(argv)
    stands_somewhere(args.paths)
    args.stdin = piped() if "-" in args.paths else ""
    first = args.paths[0] if args.paths else ""
    if first in MODES and not os.path.exists(first):
        raise UsageError(f"`{first}` is no file", f"the mode is written --{first}")
    args.mode = args.mode or implied(args)
    if "" in args.paths:
        raise UsageError("a PATH is blank", "a shell makes that of a variable that is not set")
    if args.rehearse and args.mode not in ("rehearse", "apply"):
        raise UsageError("--rehearse goes with --apply, or stands alone")
    if args.against and args.mode not in ("plan", "show", "explain"):
        raise UsageError("--against goes with --plan, --show and --explain")
    if args.confirm_within and args.mode != "apply":
        raise UsageError("--confirm-within goes with --apply")
    return args


def stands_somewhere(paths: Sequence[str]) -> None:
    """A directory that was removed has no name any more."""
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


def implied(args: argparse.Namespace) -> str:
    """The mode where no word names it alone."""
    if args.rollback is not None:
        return "rollback"
    return "explain" if args.explain else "rehearse" if args.rehearse else "plan"


def run(args: argparse.Namespace) -> int:
    """The function that bears the mode's name."""
    home = import_module(".watch" if args.mode in KEEPING else ".plan", __package__)
    return int(getattr(home, args.mode)(args))


def complaint(error: ReconcileError, args: argparse.Namespace) -> str:
    """All mistakes of the manifests with their source lines; any other error in its own words."""
    if args.output == "json":
        return json.dumps({"errors": [error_json(one) for one in each(error)]}, indent=2)
    if args.verbose and (frames := trace(error)):
        return f"{frames}\nerror: {error}"
    if not isinstance(error, ManifestError):
        return f"error: {error}"
    from ..manifest.yaml import report

    return report.report(error, lambda file: args.stdin if file == "-" else report.from_disk(file))


def each(error: ReconcileError) -> list[ReconcileError]:
    return list(error.errors) if isinstance(error, ManifestErrors) else [error]


def error_json(error: ReconcileError) -> dict[str, Any]:
    from ..manifest.yaml.report import as_json

    return {**as_json(error), "exit_code": error.exit_code}

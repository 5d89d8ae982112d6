"""What a person may ask for: each option said once, and checked alike on the command line and in
its environment twin."""

import argparse
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from typing import Any, NamedTuple, TypeVar

from ..errors import UsageError
from ..manifest.scale import parsed
from ..manifest.workload import RUNTIMES
from ..paths import DEFAULT_PATH, STATE
from ..values import value

LEVELS = ("none", "flow", "link", "recreate")
EXPORTS = ("podman", "quadlet")  # forms of what runs
PICTURES = ("svg", "html", "mermaid", "dot")
STDOUT = "/dev/stdout"
TWIN = "RECONCILE_"
TRUTH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
REMOVALS = re.compile(r"[0-9]{1,9}|(100|[0-9]{1,2})%")
REVISION = re.compile(r"[1-9][0-9]{0,8}")
DIGEST = re.compile(r"[0-9a-f]{16}")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # what Compose makes of any name
LONGEST = 366 * 24 * 3600.0  # seconds; poll and the kernel's timers take no infinity

T = TypeVar("T")


def word(text: str) -> str:
    """Blank is what a shell makes of a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is blank")
    return text


def digest(text: str) -> str:
    if not DIGEST.fullmatch(word(text).strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is no digest, which a plan ends with")
    return text.strip()


def project_name(text: str) -> str:
    if not PROJECT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no project name: small letters, digits, `-` and `_`")
    return text


def scale(text: str) -> str:
    try:
        parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def revision(text: str) -> int:
    if not REVISION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no revision's number, as --history has them")
    return int(text)


def removals(text: str) -> str:
    if not REMOVALS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage: as 3 or 50%")
    return text


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: from 0 to {LONGEST:.0f}")
    return value


def some_seconds(text: str) -> float:
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} leaves no time to confirm it")
    return value


class Syntax(NamedTuple):
    """How an option is written: a flag takes nothing, one whose default is a tuple may be repeated."""

    help: str
    take: Callable[[str], str | float] = str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    short: str = ""
    bare: str = ""  # what it is without its value; "" where it has to have one


def option(default: T, syntax: Syntax) -> T:
    return field(default=default, metadata={"syntax": syntax})


@value
class Options:
    """What a person asked for; every field that has a syntax is an option of its name."""

    mode: str = "plan"
    words: tuple[str, ...] = ()  # as they were typed
    paths: tuple[str, ...] = ()
    stdin: str = ""  # what it held, since a mistake is shown with its line
    rollback: int = -1  # a revision's number
    explain: str = ""  # what somebody names, or the id of an error
    resolve: str = ""  # a name or an address
    trace: tuple[str, ...] = ()  # who asks, and for what
    logs: str = ""  # a container
    exec: str = ""  # likewise; the command is in `paths`
    guest: str = ""  # a kind of runtime; its words are in `paths`
    import_: str = ""  # who has what a manifest is to be made of

    project: tuple[str, ...] = option((), Syntax("only these projects (repeatable)", project_name, "NAME"))
    host: str = option("", Syntax("which of `hosts:` this machine is (default: its hostname)", word, "NAME"))
    runtime: str = option(
        "", Syntax("what runs the containers of projects that do not say (default: none)", choices=RUNTIMES)
    )
    scale: tuple[str, ...] = option(
        (), Syntax("as many replicas, whatever the files say (repeatable)", scale, "[PROJECT/]SERVICE=N")
    )
    check: bool = option(False, Syntax("--lock: only tell whether the file is as it should be"))
    graph: str = option(
        "",
        Syntax(
            "draw networks, containers and ports: what stands, what PATH declares, or with --plan what would"
            " change; into FILE, which ends in .svg, .html, .mmd or .dot, else as DOT on standard output",
            word,
            "FILE",
            bare=STDOUT,
        ),
    )
    exit_code: bool = option(False, Syntax("--plan: exit 2 when there are changes"))
    no_memo: bool = option(False, Syntax("--plan: ask and decide anew, whatever was said before"))
    out: str = option(
        "",
        Syntax(
            "write to FILE: --plan the plan, --status all that stands, as JSON; --import all of it",
            word,
            "FILE",
        ),
    )
    against: str = option(
        "", Syntax("where nothing is changed: compare with what --status --out wrote", word, "FILE")
    )
    from_: str = option(
        "", Syntax("--resolve: as this container is told, a sandbox's or its own name", word, "CONTAINER")
    )
    desired: bool = option(False, Syntax("--trace, --exposure: as the manifests want it, not as it stands"))
    only: str = option("", Syntax("--apply: only the plan that was reviewed", digest, "DIGEST"))
    rehearse: bool = option(False, Syntax("try it where it harms nobody; with --apply, or alone"))
    strict: bool = option(False, Syntax("all or nothing: no project waits while others are applied"))
    adopt: bool = option(False, Syntax("take over projects that stand from another folder"))
    no_prune: bool = option(False, Syntax("leave what is no longer declared"))
    max_removals: str = option(
        "", Syntax("remove no more networks and sandboxes than this", removals, "N|P%")
    )
    max_disruption: str = option("", Syntax("cost running traffic no more than this", choices=LEVELS))
    confirm_within: float = option(
        0.0, Syntax("--apply: undo it unless --confirm comes", some_seconds, "SECONDS")
    )
    state_dir: str = option(STATE, Syntax("where revisions and this host's key are kept", word, "DIR"))
    yes: bool = option(False, Syntax("--destroy: ask nothing, though somebody is at a terminal"))
    wait: float = option(0.0, Syntax("wait for the host's lock", seconds, "SECONDS"))
    output: str = option(
        "text",
        Syntax(
            "text, wide (every step), json, markdown (a comment on a pull request) or shell commands;"
            " --show: podman's command lines or quadlets; --graph: svg, html, mermaid or dot",
            choices=("text", "wide", "json", "markdown", "shell", *EXPORTS, *PICTURES),
            short="-o",
        ),
    )
    verbose: bool = option(False, Syntax("also list unused keys, and the traceback of a bug", short="-v"))
    quiet: bool = option(False, Syntax("print errors only", short="-q"))
    color: str = option("auto", Syntax("colour the plan", choices=("auto", "always", "never")))

    @property
    def sources(self) -> tuple[str, ...]:
        """The PATHs, or where the manifests are if none is given."""
        return self.paths or (DEFAULT_PATH,)

    @property
    def absolute_paths(self) -> tuple[str, ...]:
        """The same from the root, whatever becomes of the working directory."""
        return tuple(path if path == "-" else os.path.abspath(path) for path in self.sources)

    def environ(self, outside: Mapping[str, str] = os.environ) -> Mapping[str, str]:
        """What manifests are read with: a twin that counts there is as it was asked for."""
        said = {twin("runtime"): self.runtime, twin("scale"): ",".join(self.scale)}
        return {**outside, **{name: text for name, text in said.items() if text}}

    @property
    def projects(self) -> frozenset[str] | None:
        """None for all of them."""
        return frozenset(self.project) or None


SYNTAX: dict[str, Syntax] = {f.name: f.metadata["syntax"] for f in fields(Options) if f.metadata}
DEFAULTS: dict[str, object] = {f.name: f.default for f in fields(Options)}


def add_options(parser: argparse.ArgumentParser, environ: Mapping[str, str] = os.environ) -> None:
    """All of them, each with the default that its environment twin sets; raises UsageError."""
    for name, syntax in SYNTAX.items():
        spellings = [*filter(None, [syntax.short]), flag(name)]
        text = environ.get(twin(name))
        default = argparse.SUPPRESS if text is None else value_of_twin(name, text)
        if DEFAULTS[name] is False:
            parser.add_argument(*spellings, action="store_true", dest=name, default=default, help=syntax.help)
        elif syntax.bare:
            how: dict[str, Any] = {"nargs": "?", "const": syntax.bare, "metavar": syntax.metavar or ""}
            parser.add_argument(
                *spellings, dest=name, default=default, type=syntax.take, help=syntax.help, **how
            )
        else:
            parser.add_argument(
                *spellings,
                action="append" if DEFAULTS[name] == () else "store",
                dest=name,
                default=default,
                type=syntax.take,
                metavar=syntax.metavar,
                choices=syntax.choices or None,
                help=syntax.help,
            )


def flag(name: str) -> str:
    """`from` is a word of Python's."""
    return f"--{name.rstrip('_').replace('_', '-')}"


def twin(name: str) -> str:
    return TWIN + name.rstrip("_").upper()


def value_of_twin(name: str, text: str) -> object:
    """What the option would be if it were written; raises UsageError."""
    syntax, default = SYNTAX[name], DEFAULTS[name]
    word = text.lower() if default is False else text
    known = TRUTH if default is False else syntax.choices
    if known and word not in known:
        words = f"{twin(name)}={text}: {text!r} is no value of it"
        raise UsageError(words, f"there are: {', '.join(known)}")
    try:
        if default is False:
            return TRUTH[word]
        if default == ():
            return [syntax.take(part.strip()) for part in text.split(",")]
        return syntax.take(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{twin(name)}={text}: {error}") from None


def misnamed_twins(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Variables that look like twins and are none, each with the one that was probably meant."""
    known = list(map(twin, SYNTAX))
    for name in sorted(n for n in environ if n.startswith(TWIN) and n not in known):
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1, 0.8)
        yield f"{name} sets no option" + (f"; did you mean {near[0]}?" if near else "")

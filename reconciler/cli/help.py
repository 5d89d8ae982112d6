"""What can be asked for, by what a person is about to do: `--help`, the manual page and completions agree."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple

from ..paths import DEFAULT_PATH
from .modes import MODES
from .options import DEFAULTS, SYNTAX, flag, twin

MODE_GROUPS = {
    "Look": (
        "plan",
        "status",
        "show",
        "explain",
        "resolve",
        "trace",
        "exposure",
        "drops",
        "test",
        "history",
        "doctor",
        "validate",
    ),
    "Change": ("apply", "destroy", "rollback", "confirm"),
    "Keep": ("watch", "suspend", "resume"),
    "Containers": ("logs", "exec", "guest"),
    "Files": ("init", "import", "schema", "lock", "key"),
}
OPTION_GROUPS = {
    "What is meant": ("project", "host", "runtime", "scale", "against", "from_", "desired"),
    "How careful": (
        "rehearse",
        "only",
        "max_removals",
        "max_disruption",
        "confirm_within",
        "strict",
        "no_prune",
        "adopt",
        "yes",
    ),
    "What is said": ("graph", "output", "out", "exit_code", "check", "verbose", "quiet", "color"),
    "Where and when": ("wait", "state_dir", "no_memo"),
}
OTHER = "Other"
EXAMPLES = (
    ("reconcile --plan shop.yaml", "what would change, and what that costs"),
    ("reconcile --apply --confirm-within 60 shop.yaml", "undone by itself unless --confirm comes"),
    ("reconcile --plan --graph plan.svg shop.yaml", "the same as a picture; without --plan what is declared"),
    ("reconcile --status", "whether the host is as /etc/reconciler says"),
)
USAGE = "usage: reconcile [MODE] [options] [PATH ...]"
WHERE = f"PATH is files, directories or - for standard input; without one it is {DEFAULT_PATH}."
ABOUT = "Container networking for Linux, declared in YAML."
TWINS = (
    "Each option has an environment twin, checked as strictly; flags take 1, true, yes, on and 0, false, no, "
    "off, and what may be repeated takes a list with commas."
)
COLUMN = 30  # where explanations begin


class HelpEntry(NamedTuple):
    """A mode or an option; `value` is what it takes, in brackets where that may be left out."""

    spellings: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()
    twin: str = ""
    default: str = ""

    @property
    def usage(self) -> str:
        return f"{', '.join(self.spellings)} {self.value}".rstrip()


def modes() -> dict[str, list[HelpEntry]]:
    entries = {name: entry_of_mode(name) for name, mode in MODES.items() if mode.help}
    return grouped(MODE_GROUPS, entries)


def options() -> dict[str, list[HelpEntry]]:
    groups = grouped(OPTION_GROUPS, {name: entry_of_option(name) for name in SYNTAX})
    own = [HelpEntry(("-h", "--help"), "", "say this"), HelpEntry(("--version",), "", "say the version")]
    return {**groups, OTHER: [*groups.get(OTHER, ()), *own]}


def grouped(
    groups: Mapping[str, Iterable[str]], entries: Mapping[str, HelpEntry]
) -> dict[str, list[HelpEntry]]:
    """As the groups say; what none names is in one of its own."""
    listed = {title: [entries[name] for name in names] for title, names in groups.items()}
    known = {name for names in groups.values() for name in names}
    others = [entry for name, entry in entries.items() if name not in known]
    return {**listed, **({OTHER: others} if others else {})}


def entry_of_mode(name: str) -> HelpEntry:
    how = MODES[name].value or {}
    choices = tuple(how.get("choices", ()))
    value = how.get("metavar", "")
    value = value if isinstance(value, str) else " ".join(value)
    return HelpEntry(
        (f"--{name}",), f"[{value}]" if how.get("nargs") == "?" else value, MODES[name].help, choices
    )


def entry_of_option(name: str) -> HelpEntry:
    syntax = SYNTAX[name]
    value = "" if DEFAULTS[name] is False else syntax.metavar or f"{{{','.join(syntax.choices)}}}"
    value = f"[{value}]" if syntax.bare else value
    spellings = (*filter(None, [syntax.short]), flag(name))
    default = DEFAULTS[name] if isinstance(DEFAULTS[name], str) else ""
    return HelpEntry(spellings, value, syntax.help, syntax.choices, twin(name), str(default))


def text() -> str:
    width = min(110, get_terminal_size().columns)
    return "\n".join([USAGE, "", *wrap(f"{ABOUT} {WHERE}", width), *sections(width)]) + "\n"


def sections(width: int) -> Iterator[str]:
    for title, entries in chain(modes().items(), options().items()):
        yield from ("", f"{title}:")
        for entry in entries:
            yield from explained(entry.usage, entry.help, width)
    yield from ("", "Examples:")
    for command, meaning in EXAMPLES:
        yield from (f"  {command}", f"      {meaning}")
    yield from ("", "Environment:")
    yield from wrap(TWINS, width, initial_indent="  ", subsequent_indent="  ")
    twins = " ".join(entry.twin for entries in options().values() for entry in entries if entry.twin)
    yield from wrap(twins, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def explained(usage: str, meaning: str, width: int) -> Iterator[str]:
    first, *more = wrap(meaning, max(20, width - COLUMN), break_on_hyphens=False)
    if len(usage) > COLUMN - 4:
        yield f"  {usage}"
        usage = ""
    yield f"  {usage:<{COLUMN - 2}}{first}"
    yield from (" " * COLUMN + line for line in more)

"""What is no YAML, in words for people: libyaml's own speak of tokens and contexts."""

from typing import NamedTuple

import yaml

from ...errors import ManifestError, Where
from ...mistakes import NotYaml
from .node import Place, where

QUOTES = "put it in quotes where it is text"
ONE_A_LINE = "one key a line, a blank behind its `:`, and quotes around text that has `: ` in it"


class Saying(NamedTuple):
    """What one of libyaml's complaints means; with `opened` the other end is told, or is the place."""

    problem: str
    message: str
    hint: str
    opened: str = ""


SAYINGS = (
    Saying(
        "expected ',' or ']'", "a `[` is not closed", "write `]`, or a comma between two entries", "opened"
    ),
    Saying("expected ',' or '}'", "a `{` is not closed", "write `}`, or a comma between two keys", "opened"),
    Saying("end of stream", "a quote is not closed", "write the same quote behind the text", "opened"),
    Saying("unknown escape", "a backslash in double quotes", "write `\\\\`, or use single quotes"),
    Saying("mapping values are not allowed", "a `:` where no key can be", ONE_A_LINE),
    Saying("could not find expected ':'", "a line that is no `key: value`", ONE_A_LINE),
    Saying("did not find expected key", "a line that belongs to nothing", "align it with the keys beside it"),
    Saying(
        "expected '-' indicator", "a line between the entries of a list", "align it, or begin it with `-`"
    ),
    Saying("a tab character", "a tab indents this line", "indent with spaces"),
    Saying("block sequence entries", "a list cannot begin here", "begin it on a line of its own"),
    Saying("mapping keys are not allowed", "a `?` where no key can be", QUOTES),
    Saying("alphabetic or numeric", "a `*` or `&` that names nothing", QUOTES),
    Saying(
        "expected node content",
        "a value is missing",
        "write it; a bracket or comma that is text wants quotes",
    ),
    Saying("<document start>", "text behind the end", "remove a bracket too many, or write `---` before it"),
    Saying("document indicator", "a quote is not closed", "write the same quote behind the text", "opened"),
    Saying("hexdecimal number", "a backslash in double quotes", "write `\\\\`, or use single quotes"),
    Saying("character escape", "a backslash in double quotes", "write `\\\\`, or use single quotes"),
    Saying("comment or line break", "text beside a `|` or `>`", "begin it on the next line"),
    Saying("indentation indicator", "text beside a `|` or `>`", "begin it on the next line"),
    *(
        Saying(problem, "a `!` that begins no tag", "there are: !reset, !override; text wants quotes")
        for problem in ("tag handle", "expected '>'", "URI escaped", "expected tag URI", "whitespace or line")
    ),
    *(
        Saying(problem, "a line that begins with `%`", "remove it")
        for problem in ("incompatible YAML", "directive", "version number")
    ),
)
BELONGS = ("did not find expected key", "expected '-' indicator")
BEHIND = Saying("", "text behind a value", "put all of it in quotes, or each on a line of its own")


def syntax_error(error: yaml.YAMLError, text: str, file: str, deepest: int) -> ManifestError:
    """libyaml's complaint, with the place in our form."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        hint = "remove the character, or save the file as text"
        return NotYaml(f"no YAML: {error.reason}", hint, where(Place(file, line, column)))
    problem, context = getattr(error, "problem", None) or "it ends too early", getattr(error, "context", None)
    at, opened = place(error, file, "problem_mark"), place(error, file, "context_mark")
    at = at or opened or where(Place(file, 1, 1))
    if "nesting depth" in problem:  # newer versions of libyaml count by themselves
        return NotYaml(f"nested deeper than {deepest} levels", "", at)
    if "cannot start any token" in problem:
        return odd_character(text, at)
    for one in SAYINGS:
        if one.problem in problem:
            one = BEHIND if one.problem in BELONGS and is_behind(text, at) else one
            label = (opened, f"{one.opened} here") if one.opened and opened else None
            return NotYaml(f"no YAML: {one.message}", one.hint, at, label)
    return NotYaml(f"no YAML: {problem}{f' {context}' if context else ''}", "", at)


def place(error: yaml.YAMLError, file: str, name: str) -> Where | None:
    mark = getattr(error, name, None)
    return where(Place(file, mark.line + 1, mark.column + 1)) if mark else None


def is_behind(text: str, at: Where) -> bool:
    """Whether there is more on its line before it than what begins a list."""
    return bool(source_line(text, at)[: at.column - 1].strip(" -"))


def source_line(text: str, at: Where) -> str:
    return [*text.splitlines(), ""][at.line - 1]


def odd_character(text: str, at: Where) -> ManifestError:
    character = source_line(text, at)[at.column - 1 : at.column]
    if character == "\t":
        return NotYaml("no YAML: a tab indents this line", "indent with spaces", at)
    return NotYaml(f"no YAML: text cannot begin with `{character}`", "put it in quotes", at)

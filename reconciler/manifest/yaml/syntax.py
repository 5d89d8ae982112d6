"""What is no YAML, in words for people: libyaml's own speak of tokens and contexts."""

from typing import NamedTuple

import yaml

from ...errors import ManifestError, Where
from ...mistakes import NotYaml
from .node import Place, where

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
)


def syntax_error(error: yaml.YAMLError, text: str, file: str, deepest: int) -> ManifestError:
    """libyaml's complaint, with the place in our form."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return NotYaml(f"no YAML: {error.reason}", "", where(Place(file, line, column)))
    problem, context = getattr(error, "problem", None) or "it ends too early", getattr(error, "context", None)
    at, opened = place(error, file, "problem_mark"), place(error, file, "context_mark")
    at = at or opened or where(Place(file, 1, 1))
    if "nesting depth" in problem:  # newer versions of libyaml count by themselves
        return NotYaml(f"nested deeper than {deepest} levels", "", at)
    if "cannot start any token" in problem:
        return odd_character(text, at)
    for one in SAYINGS:
        if one.problem in problem:
            label = (opened, f"{one.opened} here") if one.opened and opened else None
            return NotYaml(f"no YAML: {one.message}", one.hint, at, label)
    return NotYaml(f"no YAML: {problem}{f' {context}' if context else ''}", "", at)


def place(error: yaml.YAMLError, file: str, name: str) -> Where | None:
    mark = getattr(error, name, None)
    return where(Place(file, mark.line + 1, mark.column + 1)) if mark else None


def odd_character(text: str, at: Where) -> ManifestError:
    line = [*text.splitlines(), ""][at.line - 1]
    character = line[at.column - 1 : at.column]
    if character == "\t":
        return NotYaml("no YAML: a tab indents this line", "indent with spaces", at)
    return NotYaml(f"no YAML: text cannot begin with `{character}`", "put it in quotes", at)

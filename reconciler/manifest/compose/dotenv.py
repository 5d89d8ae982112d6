"""The `.env` and `env_file` format, as Compose reads it."""

import re
from collections import ChainMap
from collections.abc import Mapping

from .interpolate import BadTemplate, Variables, substitute

KEY = re.compile(r"(?:export[ \t]+)?(?P<name>[\w.\-\[\]]*)[ \t]*(?P<end>[=:]|\r?\n|\Z)")
SPACE = re.compile(r"(?:\s|#[^\n]*)*")
BLANK = re.compile(r"[ \t\v\f\r\x85\xa0]*")
QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
ESCAPE = re.compile(r'\\([abfnrtv$"\\]|0[0-7]{1,3})')
PLAIN_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


class BadLine(ValueError):
    """A line that is no assignment; what stands there may be a secret, and is not told."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


def parse(text: str, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file; `outside` wins where a value names a variable that both have."""
    refuse_nul(text)
    found: dict[str, str] = {}
    known = Variables(ChainMap(dict(outside), found))
    at = SPACE.match(text.removeprefix("\ufeff")).end()  # type: ignore[union-attr]
    text = text.removeprefix("\ufeff")
    while at < len(text):
        key = KEY.match(text, at)
        if not key:
            raise BadLine(line_of(text, at), "no assignment")
        at = BLANK.match(text, key.end()).end()  # type: ignore[union-attr]
        if key["end"] in ("=", ":"):
            value, at = value_at(text, at, known)
            found[key["name"]] = value
        elif (inherited := outside.get(key["name"])) is not None:
            found[key["name"]] = inherited
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
    return found


def refuse_nul(text: str) -> None:
    if "\0" in text:
        raise BadLine(line_of(text, text.index("\0")), "a value with a NUL")


def verbatim(text: str, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file of `format: raw`, as Docker's CLI reads it: every value as it stands, and that
    of `outside` where there is none."""
    refuse_nul(text)
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        name, equals, value = line.removesuffix("\r").lstrip().partition("=")
        if equals and not name or len(name.split()) > 1 and not name.startswith("#"):
            raise BadLine(number, "no assignment")
        if name and not name.startswith("#") and (equals or name in outside):
            found[name.strip()] = value if equals else outside[name]
    return found


def value_at(text: str, at: int, known: Variables) -> tuple[str, int]:
    """The value that starts there, and where it ends."""
    if at < len(text) and text[at] in "'\"":
        quoted = QUOTED.match(text, at)
        if not quoted:
            raise BadLine(line_of(text, at), "unterminated quoted value")
        if quoted[1] is not None:
            return quoted[1].replace("\\'", "'"), quoted.end()
        return expanded(ESCAPE.sub(unescape, quoted[2]), text, at, known), quoted.end()
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    value = text[at:end].split(" #", 1)[0].rstrip()
    return expanded(value, text, at, known), end


def unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 8)) if code[0] == "0" else PLAIN_ESCAPES.get(code, code)


def expanded(value: str, text: str, at: int, known: Variables) -> str:
    try:
        return substitute(value, known)
    except BadTemplate as error:
        raise BadLine(line_of(text, at), str(error)) from None


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1

"""Words of a unit file, by systemd.syntax(7)."""

import re
from collections.abc import Iterable

PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)  # what needs no marks around it
ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "%": "%%"}


def line(key: str, text: str) -> str:
    return f"{key}={text}"


def specifiers(text: str) -> str:
    """A text that is taken as a whole, in which `%` begins what systemd replaces."""
    return text.replace("%", "%%")


def quoted(word: str) -> str:
    """One of several words of a line."""
    if PLAIN.fullmatch(word):
        return word
    return '"{}"'.format("".join(ESCAPED.get(char, escaped(char)) for char in word))


def escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 32 else char


def words(said: Iterable[str]) -> str:
    return " ".join(map(quoted, said))


def dollars(text: str) -> str:
    """Where systemd would replace variables."""
    return text.replace("$", "$$")


def is_writable(text: str) -> bool:
    """Whether a line ends where it is to."""
    return not re.search(r"[\x00-\x1f]|\\$", text)

"""A draft as YAML, a line each thing, so that a mistake's line tells what it is about."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .draft import SECTIONS, Draft, Entry

Path = tuple[str | int, ...]
WIDTH = 110
LONGEST_REMARK, LONGEST_KEY = 1500, 200  # characters; of a key YAML takes 1024
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?", re.ASCII)
PLAIN = re.compile(r"[A-Za-z_/][\w./@-]*(:[\w./@-]+)*", re.ASCII)
# What YAML 1.1 takes for something else than a text.
WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
NOT_TAKEN = "not taken over: "


class TextLine(NamedTuple):
    """`path` leads to what it says: section, key, and on from there; () is a comment's."""

    text: str
    path: Path = ()


def text(draft: Draft) -> str:
    return "".join(f"{line.text}\n" for line in lines(draft))


def lines(draft: Draft) -> Iterator[TextLine]:
    yield from remarks(draft.head)
    yield from remarks(f"{NOT_TAKEN}{words}" for words in draft.lost)
    yield TextLine(f"name: {scalar(draft.project)}", ("name",))
    for key, said in draft.top.items():
        yield from keyed(key, said, 0, (key,))
    for section in SECTIONS:
        if entries := draft.entries.get(section):
            yield TextLine("")
            yield TextLine(f"{section}:", (section,))
            for one in entries:
                yield from entry(section, one)


def entry(section: str, one: Entry) -> Iterator[TextLine]:
    path = (section, one.key)
    yield TextLine(f"  {scalar(one.key, name=True)}:" + " {}" * (not one.said), path)
    yield from remarks((f"{NOT_TAKEN}{words}" for words in one.lost), "    ")
    for key, said in one.said.items():
        yield from keyed(key, said, 2, (*path, key))


def keyed(key: str, said: Any, depth: int, path: Path) -> Iterator[TextLine]:
    head = f"{'  ' * depth}{scalar(key, name=True)}:"
    if isinstance(said, Mapping) and said:
        yield TextLine(head, path)
        for name, inner in said.items():
            yield from keyed(name, inner, depth + 1, (*path, name))
    elif isinstance(said, list | tuple) and said:
        yield TextLine(head, path)
        yield from listed(said, depth + 1, path)
    else:
        yield TextLine(f"{head} {scalar(said)}", path)


def listed(said: Iterable[Any], depth: int, path: Path) -> Iterator[TextLine]:
    for number, inner in enumerate(said):
        if isinstance(inner, list | tuple) and inner:
            yield TextLine(f"{'  ' * depth}-", (*path, number))
            yield from listed(inner, depth + 1, (*path, number))
            continue
        if not isinstance(inner, Mapping) or not inner:
            yield TextLine(f"{'  ' * depth}- {scalar(inner)}", (*path, number))
            continue
        first = True
        for name, more in inner.items():
            for line in keyed(name, more, depth + 1, (*path, number, name)):
                text = f"{'  ' * depth}- {line.text[2 * depth + 2 :]}" if first else line.text
                yield TextLine(text, line.path)
                first = False


def scalar(said: Any, *, name: bool = False) -> str:
    """A value, or a key (`name`), in which no variables are replaced."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, int | float):
        return str(said)
    if said is None:
        return "null"
    if not isinstance(said, str):
        return "[]" if isinstance(said, list | tuple) else "{}"
    if ADDRESS.fullmatch(said) or (PLAIN.fullmatch(said) and said.lower() not in WORDS):
        return said
    shown = said if name else said.replace("$", "$$")
    return '"{}"'.format("".join(map(escaped, shown)))


def escaped(char: str) -> str:
    """In double quotes, where YAML can hold every character but half of a pair of UTF-16's."""
    if char in SHORT:
        return SHORT[char]
    if char.isprintable():
        return char
    number = ord(char)
    if 0xD800 <= number < 0xE000:
        return "\N{REPLACEMENT CHARACTER}"
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def remarks(said: Iterable[str], indent: str = "") -> Iterator[TextLine]:
    """Comments, whatever others have put into names."""
    for words in said:
        whole = shown(words)
        rows = textwrap.wrap(whole, WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
        yield from (TextLine(f"{indent}# {row}") for row in rows or [""])


def shown(words: str) -> str:
    """On one line, without what would speak to a terminal."""
    cut = words if len(words) <= LONGEST_REMARK else f"{words[:LONGEST_REMARK]} ..."
    return "".join(char if char.isprintable() else escaped(char) for char in cut)

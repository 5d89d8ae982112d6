"""YAML text to nodes: libyaml's events, the 1.2 core scalars, and limits against files made to hurt.

libyaml's own loader overflows the stack on deep nesting and resolves by YAML 1.1 (`22:22` is 1342, `no` is
false), so only its events are used, and each becomes a node with its place.
"""

import re
from sys import intern
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ...errors import ManifestError
from ...mistakes import NotYaml
from .node import Mistakes, Node, Place, where
from .syntax import syntax_error

MAX_DEPTH = 64
MAX_NODES = 2_000_000  # with every alias expanded
MAX_DIGITS = 300  # of a number; Python refuses to convert more than 4300

CONSTANTS: dict[str, bool | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NUMERIC = frozenset("+-.0123456789")
STANDARD = "tag:yaml.org,2002:"
OWN_TAGS = ("!reset", "!override")
Own = ScalarEvent | SequenceStartEvent | MappingStartEvent  # what makes a node of its own
Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str, file: str, mistakes: Mistakes) -> list[Node]:
    """The documents of a file; what is no YAML at all ends it with one mistake."""
    try:
        return Builder(text, file, mistakes).documents()
    except yaml.YAMLError as error:
        mistakes.append(syntax_error(error, text, file, MAX_DEPTH))
    except ManifestError as error:
        mistakes.append(error)
    return []


def scalar(text: str) -> Any:
    """The value of a plain scalar by YAML 1.2's core schema; `010` is ten and `22:22` is text."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in NUMERIC or len(text) > MAX_DIGITS:
        return text
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return float(text)
    special = text.lower().lstrip("+-")
    return float(text.replace(".", "", 1)) if special in (".inf", ".nan") else text


class Builder:
    """One file's nodes, made by recursive descent over its events."""

    def __init__(self, text: str, file: str, mistakes: Mistakes):
        self.next = Parser(text).get_event
        self.file, self.mistakes = file, mistakes
        self.count = self.depth = 0
        self.anchors: dict[str | None, tuple[Node | None, int]] = {}  # with the number of nodes it stands for

    def documents(self) -> list[Node]:
        found = []
        while (event := self.next()) is not None:
            if type(event) is DocumentStartEvent:
                self.anchors = {}
                found.append(self.node(self.next()))
        return found

    def node(self, event: Own | AliasEvent) -> Node:
        if isinstance(event, AliasEvent):
            return self.alias(event)
        self.grow(1, event)
        if isinstance(event, ScalarEvent) and not event.anchor:
            return self.scalar(event)
        before = self.count
        if event.anchor:
            self.anchors[event.anchor] = None, 0
        node = self.built(event)
        if event.anchor:
            self.anchors[event.anchor] = node, self.count - before + 1
        return node

    def built(self, event: Own) -> Node:
        if isinstance(event, MappingStartEvent):
            return self.mapping(event)
        return self.sequence(event) if isinstance(event, SequenceStartEvent) else self.scalar(event)

    def place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)

    def refuse(self, event: Event, message: str, hint: str = "") -> ManifestError:
        return NotYaml(message, hint, where(self.place(event)))

    def grow(self, count: int, event: Event) -> None:
        self.count += count
        if self.count > MAX_NODES:
            raise self.refuse(event, f"more than {MAX_NODES} values, aliases expanded", "split the file")

    def enter(self, event: Event) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refuse(event, f"nested deeper than {MAX_DEPTH} levels")

    def alias(self, event: AliasEvent) -> Node:
        node, count = self.anchors.get(event.anchor, (None, -1))
        if count < 0:
            raise self.refuse(event, f"no anchor &{event.anchor} before this alias", "define it above")
        if node is None:
            raise self.refuse(event, f"the anchor &{event.anchor} contains itself")
        self.grow(count, event)
        return node

    def scalar(self, event: ScalarEvent) -> Node:
        place, text = self.place(event), self.text(event)
        if event.implicit[0]:
            return Node(scalar(text), place)
        if event.tag is None or event.tag == STANDARD + "str":
            return Node(text, place)
        return Node(scalar(text) if event.style is None else text, place, self.tag(event))

    def text(self, event: ScalarEvent) -> str:
        """What many services say is one text; with a NUL no program and no file could be told it."""
        if "\0" in event.value:
            self.mistakes.append(self.refuse(event, "a text with a NUL", "remove the `\\0`"))
            self.mistakes.flawed.add(self.place(event))
        return intern(event.value)

    def tag(self, event: Own) -> str:
        tag = event.tag or ""
        if tag in OWN_TAGS or not tag or tag == "!" or tag.startswith(STANDARD):
            return tag if tag in OWN_TAGS else ""
        self.mistakes.append(self.refuse(event, f"unknown tag {tag}", "there are: !reset, !override"))
        return ""

    def sequence(self, event: SequenceStartEvent) -> Node:
        self.enter(event)
        place, tag, children = self.place(event), self.tag(event), []
        while (child := self.next()).__class__ is not SequenceEndEvent:
            children.append(self.node(child))
        self.depth -= 1
        return Node(children, place, tag)

    def mapping(self, event: MappingStartEvent) -> Node:
        self.enter(event)
        place, tag = self.place(event), self.tag(event)
        children: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[Node] = []
        while (key := self.next()).__class__ is not MappingEndEvent:
            name, spot = self.key(key), self.place(key)
            child = self.node(self.next())
            if name == "<<" and key.implicit[0]:
                merged += self.merged(child, spot)
            elif name in keys:
                self.duplicate(name, spot, keys[name])
            else:
                children[name], keys[name] = child, spot
        self.depth -= 1
        for base in merged:
            children = {**{k: v for k, v in base.value.items() if k not in children}, **children}
            keys = {**base.keys, **keys}
        return Node(children, place, tag, keys)

    def key(self, event: Event) -> str:
        known = self.anchors.get(event.anchor, (None, 0))[0] if type(event) is AliasEvent else None
        if known and isinstance(known.value, str):
            return known.value
        if type(event) is not ScalarEvent:
            raise self.refuse(event, "a key must be text", "quote it")
        if event.anchor:
            self.anchors[event.anchor] = Node(event.value, self.place(event)), 1
        return self.text(event)

    def merged(self, node: Node, spot: Place) -> list[Node]:
        """The mappings that `<<` brings in; the first wins, and what is written beside it wins over all."""
        bases = node.value if type(node.value) is list else [node]
        if any(type(base.value) is not dict for base in bases):
            self.mistakes.at(spot, "", "`<<` takes a mapping or a list of mappings", "write `<<: *anchor`")
            return []
        return bases

    def duplicate(self, name: str, spot: Place, first: Place) -> None:
        hint = "remove one of them, or merge the two"
        self.mistakes.between(where(spot), f"duplicate key `{name}`", hint, (first, "first written here"))

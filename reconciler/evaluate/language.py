"""The small language of rules: a text becomes statements; what is not known is refused, never guessed."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import Unjudged
from .fields import FIELDS
from .statements import (
    Aside,
    Assign,
    Choose,
    Compare,
    Decide,
    Fill,
    Key,
    Limited,
    Mapped,
    Operand,
    Part,
    Statement,
    Translate,
)

TOKEN = re.compile(r'"[^"]*"|[{}()]|[^\s{}()]+')
RAW = re.compile(r"@(?:ll|nh|th|ih),\d+,\d+")
OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
COMBINING = ("&", "|", "^")
VERDICTS = ("accept", "drop", "return", "continue", "jump", "goto", "reject")
LONGEST = 5  # words of a field
# What is said of a packet and decides nothing about it.
ASIDES = ("counter", "notrack", "log", "tcp option", "meta nftrace", "meta priority", "ct label")


class ReadRule(NamedTuple):
    text: str
    statements: tuple[Statement, ...]


@lru_cache(4096)
def read(text: str) -> ReadRule:
    """Raises Unjudged, with the rule's text, for what is not of this language."""
    reading = Reading(text)
    return ReadRule(text, tuple(reading.statements()))


class Reading:
    """A rule's text, word by word."""

    def __init__(self, text: str):
        self.text, self.words, self.at = text, TOKEN.findall(text), 0

    def statements(self) -> Iterator[Statement]:
        while self.at < len(self.words):
            yield self.statement()

    def statement(self) -> Statement:
        special = self.opening()
        if special:
            return special()
        if self.follows("meta mark set") or self.follows("ct mark set"):
            target = " ".join(self.take() for _ in range(3)).removesuffix(" set")
            return Assign(target, self.expression())
        return self.comparison()

    def opening(self) -> Callable[[], Statement] | None:
        """What a statement is that its first words tell apart."""
        if any(self.follows(words) for words in ASIDES):
            return self.aside
        known: dict[str, Callable[[], Statement]] = {
            **dict.fromkeys(VERDICTS, self.verdict),
            **dict.fromkeys(("dnat", "snat", "masquerade", "redirect"), self.translation),
            **dict.fromkeys(("add", "update"), self.filling),
            **dict.fromkeys(("limit", "quota"), self.limit),
        }
        return self.limit if self.follows("ct count") else known.get(self.peek())

    # words

    def peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self, *wanted: str) -> str:
        """The next word, which is one of these if any are named."""
        word = self.peek()
        if not word or (wanted and word not in wanted):
            raise self.unknown()
        self.at += 1
        return word

    def follows(self, words: str) -> bool:
        parts = words.split()
        return self.words[self.at : self.at + len(parts)] == parts

    def unknown(self) -> Unjudged:
        rest = " ".join(self.words[self.at :]) or "its end"
        return Unjudged(f"nobody can tell what the rule `{self.text}` does, from `{rest}` on")

    # keys

    def key(self) -> Key:
        parts = [self.part()]
        while self.peek() == ".":
            self.take()
            parts.append(self.part())
        return tuple(parts)

    def part(self) -> Part:
        if RAW.fullmatch(self.peek()):
            return self.combined(self.take())
        for size in range(LONGEST, 0, -1):
            words = " ".join(self.words[self.at : self.at + size])
            if words in FIELDS:
                self.at += size
                return self.drawn(words) if FIELDS[words].kind == "draw" else self.combined(words)
        raise self.unknown()

    def combined(self, field: str) -> Part:
        if self.peek() not in COMBINING:
            return Part(field)
        return Part(field, self.take(), self.operand_words())

    def drawn(self, field: str) -> Part:
        """A number between these: which of several it is nobody can tell beforehand."""
        said = {"mod": 0, "seed": 0, "offset": 0}
        while self.peek() in said:
            word = self.take()
            said[word] = self.number(self.take())
        return Part(field, "draw", f"{said['offset']}-{said['offset'] + said['mod'] - 1}")

    def number(self, word: str) -> int:
        try:
            return int(word, 0)
        except ValueError:
            raise self.unknown() from None

    def operand_words(self) -> str:
        """`dnat`, `0x1fff`, or `(snat | dnat)` as `snat,dnat`."""
        if self.peek() != "(":
            return self.take()
        self.take()
        words = list(self.until(")"))
        return ",".join(word for word in words if word != "|")

    def until(self, end: str) -> Iterator[str]:
        while (word := self.take()) != end:
            yield word

    # what follows a key

    def comparison(self) -> Statement:
        key = self.key()
        if self.peek() == "vmap":
            return self.choice(key)
        negated = self.take() if self.peek() in OPERATORS else ""
        return Compare(key, negated, self.operand())

    def operand(self) -> Operand:
        word = self.peek()
        if word == "{":
            return Operand("", self.listed())
        if word.startswith("@"):
            return Operand(self.take()[1:], ())
        if not word or word in ("}", ")", "."):
            raise self.unknown()
        return Operand("", (self.operand_words(),))

    def listed(self) -> tuple[str, ...]:
        """What stands in braces."""
        self.take("{")
        return tuple(part.strip() for part in " ".join(self.until("}")).split(", "))

    def choice(self, key: Key) -> Choose:
        self.take("vmap")
        if self.peek().startswith("@"):
            return Choose(key, self.take()[1:], ())
        pairs = (part.rpartition(" : ") for part in self.listed())
        return Choose(key, "", tuple((item, verdict(said, self)) for item, _, said in pairs))

    def expression(self) -> Part | Mapped | str:
        """What a mark becomes."""
        if self.peek()[:1].isdigit():
            return self.take()
        key = self.key()
        if self.peek() == "map":
            self.take()
            return Mapped(key, self.take()[1:])
        if len(key) > 1:
            raise self.unknown()
        return key[0]

    # statements that a word begins

    def verdict(self) -> Decide:
        word = self.take()
        if word in ("jump", "goto"):
            return Decide(word, self.take())
        if word == "reject" and self.peek() == "with":
            self.take()
            return Decide(word, "", " ".join(self.take() for _ in range(len(self.words) - self.at)))
        return Decide(word)

    def translation(self) -> Translate:
        kind = self.take()
        family = {"ip": 4, "ip6": 6}.get(self.peek(), 0)
        if family:
            self.take()
        if self.peek() != "to":
            if kind in ("dnat", "snat"):
                raise self.unknown()
            return Translate(kind, family, "")
        self.take()
        if self.peek() == ":" or self.peek()[:1].isdigit() or self.peek().startswith(":"):
            return Translate(kind, family, self.take())
        key = self.key()
        self.take("map")
        return Translate(kind, family, Mapped(key, self.take()[1:]))

    def filling(self) -> Fill:
        self.take("add", "update")
        name = self.take()[1:]
        self.take("{")
        key, over = self.key(), False
        rest = list(self.until("}"))
        over = "over" in rest
        if rest and rest[0] not in ("limit", "ct", "timeout", "expires", "counter", "quota"):
            raise self.unknown()
        return Fill(name, key, over)

    def limit(self) -> Limited:
        """The first packet of a connection is within every limit."""
        words = [self.take()]
        while self.peek() and self.peek() not in VERDICTS and not self.opening():
            words.append(self.take())
        return Limited("over" in words)

    def aside(self) -> Aside:
        words = []
        while self.peek() and self.peek() not in VERDICTS:
            words.append(self.take())
        return Aside(" ".join(words))


def verdict(said: str, reading: Reading) -> Decide:
    word, _, chain = said.partition(" ")
    if word not in VERDICTS:
        raise reading.unknown()
    return Decide(word, chain)


def verdict_of(said: str) -> Decide:
    """That of an element; raises Unjudged."""
    return verdict(said, Reading(said))


def all_rules(texts: Sequence[str]) -> list[ReadRule]:
    return [read(text) for text in texts]

"""What each statement of a rule does to a packet: it goes on, does not match, or decides."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol

from ..errors import Unjudged
from ..kinds.nft import Element
from ..kinds.ownership import WHOLE
from .contents import Contents, MapEntry
from .fields import asked_of
from .literals import FLAGS, Scalar, Span, span
from .packet import Packet

Reader = Callable[[Packet], Scalar | Span | None]


class Part(NamedTuple):
    """A field, perhaps with what is done to it: `&`, `|` or `^` with a number, or the `draw` of one."""

    field: str
    operator: str = ""
    operand: str = ""

    @property
    def kind(self) -> str:
        return asked_of(self.field).kind

    @property
    def looked_up(self) -> str:
        """What a map says of it: of numbers that are drawn of few each alone, of others intervals."""
        if self.operator != "draw":
            return self.kind
        first, _, last = self.operand.partition("-")
        return "number" if int(last) - int(first) == WHOLE - 1 else "drawn"

    @property
    def reader(self) -> Reader:
        if self.operator == "draw":
            drawn = span("number", self.operand)
            return lambda packet: drawn
        of = asked_of(self.field).of
        if not self.operator:
            return of
        return lambda packet: self.combined(found) if isinstance(found := of(packet), int) else found

    def combined(self, found: int) -> int:
        other, _ = span(self.kind, self.operand)
        assert isinstance(other, int)
        return COMBINED[self.operator](found, other)


COMBINED: dict[str, Callable[[int, int], int]] = {
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}
Key = tuple[Part, ...]


class Operand(NamedTuple):
    """A set of the table by its name, or values."""

    name: str
    texts: tuple[str, ...]


class Mapped(NamedTuple):
    """What a map has for a key."""

    key: Key
    name: str


class Evaluation(Protocol):
    """A rule at work on a packet."""

    packet: Packet
    elements: list[Element]

    def contents(self, name: str, key: Key) -> Contents: ...

    def choose(self, entries: list[MapEntry]) -> MapEntry:
        """One of several, where a number is drawn."""

    def translate(self, kind: str, to: str) -> None: ...


class Decide(NamedTuple):
    """accept, drop, return, continue, reject; jump and goto, with the chain."""

    word: str
    chain: str = ""
    how: str = ""

    @property
    def said(self) -> str:
        """In a word or two."""
        return f"{self.word} with {self.how}" if self.word == "reject" and self.how else self.how or self.word

    def apply(self, run: Evaluation) -> "Decide | bool":
        return self


class Compare(NamedTuple):
    key: Key
    operator: str
    operand: Operand

    def apply(self, run: Evaluation) -> "Decide | bool":
        values = valued(self.key, run.packet)
        if values is None:
            return False
        if self.operator in ("<", ">", "<=", ">=") or is_flag(self.key):
            return self.ordered(values[0])
        found = looked_up(self.key, self.operand, values, run)
        if found and self.operator != "!=":
            note(run, run.choose(found))
        return bool(found) != (self.operator == "!=")

    def ordered(self, value: Scalar | Span) -> bool:
        part, text = self.key[0], self.operand.texts[0]
        other, _ = span(part.kind, text)
        assert isinstance(value, int) and isinstance(other, int)
        if part.kind in FLAGS and not part.operator:
            return bool(value & other) != (self.operator == "!=")
        return RELATIONS[self.operator or "=="](value, other)


RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


class Choose(NamedTuple):
    """A verdict map: of the table by its name, or written out."""

    key: Key
    name: str
    pairs: tuple[tuple[str, Decide], ...]

    def apply(self, run: Evaluation) -> "Decide | bool":
        from .language import verdict_of

        values = valued(self.key, run.packet)
        if values is None:
            return False
        if self.name:
            found = run.contents(self.name, self.key).find(values)
            if found:
                note(run, one := run.choose(found))
                return verdict_of(one.value)
            return False
        hits = (said for text, said in self.pairs if fits(self.key, text, values))
        return next(hits, False)


class Assign(NamedTuple):
    target: str  # "meta mark" or "ct mark"
    value: Part | Mapped | str

    def apply(self, run: Evaluation) -> "Decide | bool":
        found = number(self.value, run)
        if found is None:
            return False
        if self.target == "meta mark":
            run.packet.mark = found
        elif run.packet.tracked:
            run.packet.tracked.mark = found
        return True


class Translate(NamedTuple):
    kind: str
    family: int  # 0 where the rule says none
    to: Mapped | str

    def apply(self, run: Evaluation) -> "Decide | bool":
        if self.family not in (0, run.packet.family):
            return False
        to = mapped(self.to, run) if isinstance(self.to, Mapped) else self.to
        if to is None:
            return False
        run.translate(self.kind, to)
        return Decide("accept", how=self.kind)


class Fill(NamedTuple):
    """A set takes the packet; it matches where it is `over` a limit, which the first one never is."""

    name: str
    key: Key
    over: bool

    def apply(self, run: Evaluation) -> "Decide | bool":
        return valued(self.key, run.packet) is not None and not self.over


class Limited(NamedTuple):
    over: bool

    def apply(self, run: Evaluation) -> "Decide | bool":
        return not self.over


class Aside(NamedTuple):
    text: str

    def apply(self, run: Evaluation) -> "Decide | bool":
        return True


Statement = Decide | Compare | Choose | Assign | Translate | Fill | Limited | Aside


def valued(key: Key, packet: Packet) -> tuple[Scalar | Span, ...] | None:
    """None where the packet lacks a part."""
    values = tuple([read(packet) for read in readers(key)])
    return None if None in values else values  # type: ignore[return-value]


# Rules are few, and packets many: of each key and each text it is found out once what they mean.


@lru_cache(4096)
def readers(key: Key) -> tuple[Reader, ...]:
    return tuple(part.reader for part in key)


@lru_cache(4096)
def is_flag(key: Key) -> bool:
    return len(key) == 1 and key[0].kind in FLAGS


def looked_up(
    key: Key, operand: Operand, values: tuple[Scalar | Span, ...], run: Evaluation
) -> list[MapEntry]:
    if operand.name:
        return run.contents(operand.name, key).find(values)
    return [MapEntry(None, "")] * any(fits(key, text, values) for text in operand.texts)


@lru_cache(4096)
def spans(key: Key, text: str) -> tuple[Span, ...]:
    """What a text says of each part; raises Unjudged."""
    parts = text.split(" . ")
    if len(parts) != len(key):
        raise Unjudged(f"nobody can tell what `{text}` is to {len(key)} fields")
    return tuple(span(part.kind, one) for part, one in zip(key, parts, strict=True))


def fits(key: Key, text: str, values: tuple[Scalar | Span, ...]) -> bool:
    return all(map(within, spans(key, text), values))


def within(known: Span, value: Scalar | Span) -> bool:
    first, last = value if isinstance(value, tuple) else (value, value)
    return known[0] <= last and first <= known[1]  # type: ignore[operator]


def mapped(to: Mapped, run: Evaluation) -> str | None:
    values = valued(to.key, run.packet)
    found = run.contents(to.name, to.key).find(values) if values is not None else []
    if not found:
        return None
    note(run, one := run.choose(found))
    return one.value


def number(value: Part | Mapped | str, run: Evaluation) -> int | None:
    if isinstance(value, Mapped):
        value = mapped(value, run) or ""
    if isinstance(value, str):
        return int(value, 0) if value else None
    found = value.reader(run.packet)
    return found if isinstance(found, int) else None


def note(run: Evaluation, entry: MapEntry) -> None:
    if entry.element:
        run.elements.append(entry.element)


def parts_of(statements: tuple[Statement, ...]) -> Iterator[str]:
    """The names of the sets that these look up."""
    for one in statements:
        if isinstance(one, Compare) and one.operand.name:
            yield one.operand.name
        elif isinstance(one, Choose | Fill) and one.name:
            yield one.name

"""Frozen values of ours as bytes and back: for what is kept of a revision, for the cache of what was
validated, and for the picture of a host.

JSON of the values alone, in the order of the fields; their shape, the names of those fields, is written once
beside them, so that a later version reads what an earlier one wrote.  All follows from the annotations; no
pydantic, which costs more to import than a thousand containers cost to read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter, call
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
Turn = Callable[[Any], Any]
Shape = Mapping[str, Sequence[str]]  # of each record, the names of what is written of it


class Unknown(ValueError):
    """A later version has written what this one has no name for."""


def encode(value: Any) -> bytes:
    return json.dumps(value, default=plain, separators=(",", ":")).encode()


def decode(kind: Callable[..., T], value: Any, written: Shape | None = None) -> T:
    """A value of this kind out of what JSON has of it; `written` is the shape that it has there, and what
    that lacks takes its default.  Raises ValueError for what is none, Unknown for that of a later version."""
    reader = Reader(shape(kind) if written is None else written)
    try:
        return reader.read(kind, value)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(str(error)) from error


def plain(value: Any) -> Any:
    """What json cannot write by itself: a record as its values, a set in order."""
    return sorted(value) if isinstance(value, frozenset) else getter(value.__class__)(value)


@cache
def getter(kind: type[Any]) -> Turn:
    """What is looked up when somebody asks is asked now."""
    return attrgetter(*names(kind)) if is_dataclass(kind) else call


def names(kind: Any) -> list[str]:
    """Of the fields that are written."""
    if is_dataclass(kind):
        return [field.name for field in fields(kind) if field.init and not field.metadata.get("secret")]
    return list(kind._fields)


@cache
def hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields"))


def shape(*kinds: Any) -> dict[str, list[str]]:
    """That of values of these kinds, with every record in them."""
    found: dict[str, list[str]] = {}
    left = list(kinds)
    while left:
        kind = left.pop()
        if not is_record(kind):
            left.extend(get_args(kind))
        elif kind.__name__ not in found:
            found[kind.__name__] = names(kind)
            left.extend(hints(kind)[name] for name in found[kind.__name__])
    return found


class Reader:
    """Makes values out of what JSON has of them, where they were written in this shape."""

    def __init__(self, written: Shape):
        self.written = written
        self.turns: dict[Any, Turn | None] = {}

    def read(self, kind: Callable[..., T], value: Any) -> T:
        turn = self.turn(kind)
        found: T = turn(value) if turn else value
        return found

    def turn(self, kind: Any) -> Turn | None:
        """What makes a value of this annotation out of JSON; None where nothing needs turning."""
        if kind not in self.turns:
            self.turns[kind] = self.record(kind) if is_record(kind) else self.collection(kind)
        return self.turns[kind]

    def collection(self, kind: Any) -> Turn | None:
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is UnionType:
            return optional(next(filter(None, map(self.turn, arguments)), None))
        if origin is frozenset:
            turn = self.turn(arguments[0])
            return lambda items: frozenset(map(turn, items) if turn else items)
        if origin is tuple:
            return sequence(self.turn(arguments[0])) if arguments[-1] is ... else self.several(arguments)
        if origin is Mapping:
            return values(self.turn(arguments[1]))
        return answer(self.turn(arguments[1])) if origin is Callable else None

    def several(self, kinds: Sequence[Any]) -> Turn:
        """Of a tuple of as many values, each of its own kind."""
        turns = [self.turn(kind) for kind in kinds]
        if not any(turns):
            return tuple
        return lambda items: tuple(turn(i) if turn else i for turn, i in zip(turns, items, strict=True))

    def record(self, kind: Any) -> Turn:
        written = list(self.written[kind.__name__])
        if unknown := set(written) - set(names(kind)):
            raise Unknown(min(unknown))
        turns = [
            (index, turn) for index, name in enumerate(written) if (turn := self.turn(hints(kind)[name]))
        ]
        if not turns and written == list(getattr(kind, "_fields", ())):
            make: Turn = kind._make
            return make

        def read(values: list[Any]) -> Any:
            for index, turn in turns:
                values[index] = turn(values[index])
            return kind(**dict(zip(written, values, strict=True)))

        return read


def answer(item: Turn | None) -> Turn:
    """Of what is asked for: it was asked when it was written."""

    def read(value: Any) -> Callable[[], Any]:
        found = item(value) if item else value
        return lambda: found

    return read


def values(item: Turn | None) -> Turn | None:
    """Of a mapping; its keys are text."""
    return item and (lambda found: {key: item(value) for key, value in found.items()})


def optional(turn: Turn | None) -> Turn | None:
    return (lambda value: None if value is None else turn(value)) if turn else None


def sequence(item: Turn | None) -> Turn:
    return (lambda items: tuple(map(item, items))) if item else tuple

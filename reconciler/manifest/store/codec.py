"""A Manifest as bytes and back: for what is kept of a revision, and for the cache of what was validated; any
frozen value of ours can be kept so.

JSON in the order of the fields, made from the annotations of spec.py; no pydantic, which costs more to
import than a thousand containers cost to read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter, call
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ... import disk
from ..spec import Manifest

T = TypeVar("T")
Turn = Callable[[Any], Any]


def freeze(value: Any) -> bytes:
    return json.dumps(value, default=plain, separators=(",", ":")).encode()


def thaw(data: bytes) -> Manifest:
    """Raises ValueError for what is no revision of ours."""
    try:
        return made(Manifest, disk.parsed(data))
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(str(error)) from error


def made(kind: Callable[..., T], value: Any) -> T:
    """A value of this kind out of what JSON has of it."""
    turn = reader(kind)
    found: T = turn(value) if turn else value
    return found


def plain(value: Any) -> Any:
    """What json cannot write by itself: a record as its values, a set in order."""
    return sorted(value) if isinstance(value, frozenset) else getter(value.__class__)(value)


@cache
def getter(kind: type[Any]) -> Turn:
    """What is looked up when somebody asks is asked now."""
    return attrgetter(*(field.name for field in fields(kind))) if is_dataclass(kind) else call


@cache
def reader(kind: Any) -> Turn | None:
    """What turns JSON into a value of this annotation; None where nothing needs turning."""
    arguments = get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return record(kind)
    if hasattr(kind, "_fields"):
        return named_tuple(kind)
    if get_origin(kind) is UnionType:
        return optional(next(filter(None, map(reader, arguments)), None))
    if get_origin(kind) is frozenset:
        turn = reader(arguments[0])
        return lambda items: frozenset(map(turn, items) if turn else items)
    if get_origin(kind) is tuple and arguments[-1] is ...:
        return sequence(reader(arguments[0]))
    if get_origin(kind) is tuple:
        return tuple
    if get_origin(kind) is Mapping:
        return values(reader(arguments[1]))
    return answer if get_origin(kind) is Callable else None


def answer(value: Any) -> Callable[[], Any]:
    return lambda: value


def values(item: Turn | None) -> Turn | None:
    """Of a mapping; its keys are text."""
    return item and (lambda found: {key: item(value) for key, value in found.items()})


def named_tuple(kind: Any) -> Turn:
    hints = get_type_hints(kind)
    turns, make = [reader(hints[name]) for name in kind._fields], kind._make

    def read(values: Any) -> Any:
        return make(turn(v) if turn else v for turn, v in zip(turns, values, strict=True))

    return read if any(turns) else make


def optional(turn: Turn | None) -> Turn | None:
    return (lambda value: None if value is None else turn(value)) if turn else None


def sequence(item: Turn | None) -> Turn:
    return (lambda items: tuple(map(item, items))) if item else tuple


def record(kind: type[Any]) -> Turn:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    turns = [(index, turn) for index, name in enumerate(names) if (turn := reader(hints[name]))]

    def read(values: list[Any]) -> Any:
        for index, turn in turns:
            values[index] = turn(values[index])
        return kind(**dict(zip(names, values, strict=True)))

    return read

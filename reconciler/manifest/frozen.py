"""A Manifest as bytes and back: for what is kept of a revision, and for the cache of what was validated.

JSON in the order of the fields, made from the annotations of spec.py; no pydantic, which costs more to
import than a thousand containers cost to read."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import Where
from .spec import Manifest

Turn = Callable[[Any], Any]


def freeze(manifest: Manifest) -> bytes:
    return json.dumps(manifest, default=plain, separators=(",", ":")).encode()


def thaw(data: bytes) -> Manifest:
    """Raises ValueError for what is no revision of ours."""
    try:
        return reader(Manifest)(json.loads(data))
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(str(error)) from error


def plain(value: Any) -> Any:
    """What json cannot write by itself: a record as its values."""
    return getter(type(value))(value)


@cache
def getter(kind: type[Any]) -> Turn:
    return attrgetter(*(field.name for field in fields(kind)))


@cache
def reader(kind: Any) -> Turn | None:
    """What turns JSON into a value of this annotation; None where nothing needs turning."""
    arguments = get_args(kind)
    if is_dataclass(kind):
        return record(kind)
    if kind is Where:
        return lambda words: Where(*words)
    if get_origin(kind) is UnionType:
        return optional(next(filter(None, map(reader, arguments)), None))
    if get_origin(kind) is tuple and arguments[-1] is ...:
        return sequence(reader(arguments[0]))
    if get_origin(kind) is tuple:
        return tuple
    return None  # and a mapping is one of text to text


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

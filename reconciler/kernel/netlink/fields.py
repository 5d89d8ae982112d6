"""A field of a value that is one attribute of a message: said once, and both directions follow."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .socket import attr

T = TypeVar("T")


@dataclass(eq=False, repr=False)
class Field(Generic[T]):
    """The attribute `number`, and how its bytes are made and read; an absent one is read from no bytes."""

    number: int
    pack: Callable[[T], bytes]
    unpack: Callable[[bytes], T]

    def to(self, value: T) -> bytes:
        return attr(self.number, self.pack(value))

    def of(self, found: Mapping[int, bytes]) -> T:
        return self.unpack(found.get(self.number, b""))


def integer(number: int, form: str = "=I") -> Field[int]:
    """A number, as `struct` writes it; 0 where it is absent."""
    one = struct.Struct(form)
    return Field(number, one.pack, lambda raw: int(one.unpack(raw)[0]) if raw else 0)


def flag(number: int, absent: int = 0) -> Field[bool]:
    """A byte that is 1 or not."""
    return Field(number, lambda on: bytes((on,)), lambda raw: (raw or bytes((absent,))) == b"\1")


def word(number: int, numbers: Mapping[str, int], form: str = "=I") -> Field[str]:
    """A number that has a name; "" for one that has none."""
    whole = integer(number, form)
    names = {value: name for name, value in numbers.items()}
    return Field(number, lambda name: whole.pack(numbers[name]), lambda raw: names.get(whole.unpack(raw), ""))


def string(number: int) -> Field[str]:
    """A name that ends with a zero byte."""
    return Field(number, lambda text: text.encode() + b"\0", lambda raw: raw.rstrip(b"\0").decode())

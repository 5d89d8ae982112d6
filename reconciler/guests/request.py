"""What runtimes send: an object in JSON that anything may be in, read by who expects something."""

from collections.abc import Iterator, Mapping
from typing import Any

from .. import disk


class Malformed(ValueError):
    """Something in it is not what it has to be."""


class Said:
    """An object of JSON; keys are found whatever their case, as Go's decoder finds them."""

    def __init__(self, value: object, at: str = "the request"):
        if not isinstance(value, Mapping):
            raise Malformed(f"{at} is no object")
        self.value, self.at = value, at
        self.folded = {str(key).casefold(): found for key, found in value.items()}

    def get(self, key: str) -> Any:
        return self.value[key] if key in self.value else self.folded.get(key.casefold())

    def text(self, key: str) -> str:
        found = self.get(key)
        if not isinstance(found, str | None):
            raise Malformed(f"{key} in {self.at} is no text")
        return found or ""

    def number(self, key: str) -> int:
        found = self.get(key)
        if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
            raise Malformed(f"{key} in {self.at} is no number")
        return found or 0

    def object(self, key: str) -> "Said":
        """Empty where there is none."""
        found = self.get(key)
        return Said({} if found is None else found, key)

    def objects(self, key: str) -> "Iterator[Said]":
        return (Said(one, f"one of {key}") for one in self.list(key))

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.list(key)
        if not all(isinstance(one, str) for one in found):
            raise Malformed(f"{key} in {self.at} is no list of texts")
        return tuple(found)

    def list(self, key: str) -> "list[Any]":
        found = self.get(key)
        if not isinstance(found, list | None):
            raise Malformed(f"{key} in {self.at} is no list")
        return found or []


def said(data: bytes) -> Said:
    try:
        return Said(disk.parsed(data))
    except ValueError as error:
        raise Malformed(f"the request is no object in JSON: {error}") from None
